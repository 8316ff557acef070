"""Metrics for Prometheus, summed over all workers (spec 9.3 to 9.5)."""

import os
from functools import cache
from pathlib import Path
from threading import Lock
from weakref import WeakKeyDictionary

from flask import Response, g
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

    def record(self, endpoint: str, status: int, seconds: float) -> None:
        """Measure the current request.

        Args:
            endpoint: template of the route.
            status: of the response.
            seconds: from the first hook to the last.
        """
        self._counted(endpoint, str(status)).inc()
        self._timed(endpoint).observe(seconds)
        if status in _REFUSALS:
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
