"""The guide's two metrics (step 6), right over all workers."""

import os
from collections.abc import Callable
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
from prometheus_client.multiprocess import MultiProcessCollector

UNMATCHED = "unmatched"
GUEST_PREFIX = "progress_"


class Metrics:
    """What is measured, in one registry."""

    def __init__(self, registry: CollectorRegistry, prefix: str = "") -> None:
        """Define the metrics.

        Args:
            registry: where they are defined, once.
            prefix: of their names, with which no metric of a host's can clash.
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

    def record(self, response: Response) -> None:
        """Measure the current request.

        Args:
            response: what is answered to it.
        """
        endpoint = template()
        self._count.labels(endpoint, str(response.status_code)).inc()
        self._duration.labels(endpoint).observe(elapsed())


_of_guests: WeakKeyDictionary[CollectorRegistry, Metrics] = WeakKeyDictionary()
_defining = Lock()


def guest_metrics(registry: CollectorRegistry) -> Metrics:
    """Return what all guests of one registry measure with; a name can be defined there once.

    Args:
        registry: a host's.
    """
    with _defining:
        if registry not in _of_guests:
            _of_guests[registry] = Metrics(registry, GUEST_PREFIX)
        return _of_guests[registry]


def register(scaffold: Flask | Blueprint, current: Callable[[], Metrics]) -> None:
    """Measure every request below an app or a blueprint.

    Args:
        scaffold: the app of the service on its own, the blueprint as a guest.
        current: returns what the current request is measured with.
    """

    def record(response: Response) -> Response:
        current().record(response)
        return response

    scaffold.before_request(_start)
    scaffold.after_request(record)


def exposition(registry: CollectorRegistry) -> Response:
    """Return the metrics of all workers as Prometheus reads them.

    Args:
        registry: this process's, where there is only one.
    """
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def template() -> str:
    """Return the template of the current request's route, never its path: paths have no bound."""
    return request.url_rule.rule if request.url_rule else UNMATCHED


def elapsed() -> float:
    """Return the seconds since the current request came; 0 where a host's hook ended it before."""
    now = perf_counter()
    started: float = g.get("progress_started", now)
    return now - started


def _start() -> None:
    g.progress_started = perf_counter()
