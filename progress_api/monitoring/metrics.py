"""Metrics for Prometheus, summed over all workers (spec 9.3 to 9.5)."""

import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from threading import Lock
from time import perf_counter
from weakref import WeakKeyDictionary

from flask import Blueprint, Flask, Response, g, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)

from progress_api.monitoring.counters import CountersCollector
from progress_api.monitoring.subjects import Activity, Refusals, Saturation
from progress_api.signals import Signals

UNMATCHED = "unmatched"
_HOST_APP_PREFIX = "progress_"
_REFUSALS = frozenset({401, 429})


class Metrics:
    """All metrics of the service, in one registry."""

    def __init__(self, registry: CollectorRegistry, prefix: str = "") -> None:
        """Define the metrics.

        Args:
            registry: registry without these metrics.
            prefix: prefix of the two metrics of spec 9.4, which keeps their names apart from a
                host app's metrics (spec 10.5); the others begin with `progress_` anyway.
        """
        self._count = Counter(
            f"{prefix}api_requests_total",
            "Total API requests",
            ["endpoint", "status"],
            registry=registry,
        )
        self._duration = Histogram(
            f"{prefix}api_request_duration_seconds",
            "Request duration",
            ["endpoint"],
            registry=registry,
        )
        # Cached, because looking up a labelled metric takes longer than counting.
        self._counted = cache(self._count.labels)
        self._timed = cache(self._duration.labels)
        self.activity = Activity(registry)
        self.refusals = Refusals(registry)
        self.saturation = Saturation(registry)

    def connect(self, signals: Signals) -> None:
        """Count what the signals of a mount say.

        Args:
            signals: of the mount; they keep these metrics alive.
        """
        self.activity.connect(signals)
        self.saturation.connect(signals)

    def record(self, response: Response) -> None:
        """Measure the current request.

        Args:
            response: response to the request.
        """
        endpoint = template()
        self._counted(endpoint, str(response.status_code)).inc()
        self._timed(endpoint).observe(elapsed())
        if response.status_code in _REFUSALS:
            self.refusals.count(g.get("progress_failure"), endpoint)


_by_registry: WeakKeyDictionary[CollectorRegistry, Metrics] = WeakKeyDictionary()
_defining = Lock()


def guest_metrics(registry: CollectorRegistry) -> Metrics:
    """Return the metrics in a registry; all mounts share them, as a name can be defined only once.

    Args:
        registry: registry of the host app.
    """
    with _defining:
        if registry not in _by_registry:
            _by_registry[registry] = Metrics(registry, _HOST_APP_PREFIX)
        return _by_registry[registry]


def register(scaffold: Flask | Blueprint, current: Callable[[], Metrics]) -> None:
    """Measure each request.

    Args:
        scaffold: the standalone service, or the blueprint in a host app.
        current: returns the metrics of the current request.
    """

    def record(response: Response) -> Response:
        current().record(response)
        return response

    scaffold.before_request(_start)
    scaffold.after_request(record)


def exposition(registry: CollectorRegistry) -> Response:
    """Return the metrics of all workers in the text format of Prometheus.

    Args:
        registry: registry of this process, used if it is the only one.
    """
    if directory := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = _shared(directory)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


@cache
def _shared(directory: str) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(CountersCollector(Path(directory), lambda: [os.getpid()]))
    return registry


def template() -> str:
    """Return the template of the current route; unlike paths, routes are few (spec 9.5)."""
    route = request.url_rule
    return _plain(route.rule) if route else UNMATCHED


@cache
def _plain(rule: str) -> str:
    """Return a rule without the converters of its variables."""
    return re.sub(r"<[^<>]+:(\w+)>", r"<\1>", rule)


def elapsed() -> float:
    """Return the seconds since the request began; 0 if a host app's hook ended it before ours."""
    now = perf_counter()
    started: float = g.get("progress_started", now)
    return now - started


def _start() -> None:
    g.progress_started = perf_counter()
