"""Metrics for Prometheus, summed over all workers (spec 9.3 to 9.5)."""

import os
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
    Gauge,
    Histogram,
    generate_latest,
)

from progress_api.exceptions import LimitExceeded, Unauthenticated
from progress_api.monitoring.counters import CountersCollector

UNMATCHED = "unmatched"
_HOST_APP_PREFIX = "progress_"
_REFUSALS = frozenset({401, 429})
_REASONS = ("missing", "expired", "endless", "invalid")
_WAIT_BUCKETS = (0.0001, 0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)


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


class Activity:
    """Metrics of what learners do; the repository calls these methods as its observer."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Define the metrics."""
        self._chapters = _counter(registry, "chapters_completed", "Completed chapters")
        self._attempts = _counter(registry, "quiz_attempts", "Quiz attempts, without repeats")
        self._duplicates = _counter(
            registry, "duplicates_absorbed", "Quiz posts that repeated an earlier attempt"
        )
        self._certificates = _counter(registry, "certificates_earned", "Earned certificates")
        self._wait = Histogram(
            "progress_database_wait_seconds",
            "Time that a request waited for a database connection, in seconds",
            buckets=_WAIT_BUCKETS,
            registry=registry,
        )

    def connection_awaited(self, seconds: float) -> None:
        """Record how long a request waited for a connection."""
        self._wait.observe(seconds)

    def chapter_posted(self, *, completed: int) -> None:
        """Count chapters that became completed."""
        self._chapters.inc(completed)

    def quiz_posted(self, *, is_repeat: bool) -> None:
        """Count a quiz attempt, or a repeat of an earlier one."""
        (self._duplicates if is_repeat else self._attempts).inc()

    def certificate_earned(self) -> None:
        """Count an earned certificate."""
        self._certificates.inc()


class Refusals:
    """Metrics of rejected requests."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Define the metrics."""
        self._limit = _counter(registry, "limit_refusals", "Requests over a limit", "endpoint")
        self._authentication = _counter(
            registry,
            "authentication_refusals",
            "Requests without a valid token, by reason",
            "reason",
        )
        for reason in _REASONS:
            self._authentication.labels(reason)

    def count(self, failure: object, endpoint: str) -> None:
        """Count a rejected request.

        Args:
            failure: exception that rejected it, or None if the host app did.
            endpoint: template of the route.
        """
        if isinstance(failure, LimitExceeded):
            self._limit.labels(endpoint).inc()
        elif isinstance(failure, Unauthenticated):
            self._authentication.labels(failure.reason).inc()


class Saturation:
    """Gauges of what the service may run out of, set by the modules that know them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Define the metrics."""
        self.connections_in_use = _gauge(
            registry, "database_connections_in_use", "Database connections in use"
        )
        self.pool_size = _gauge(
            registry, "database_pool_size", "Size of the database connection pools"
        )
        self.limiter_on_fallback = _gauge(
            registry,
            "limiter_on_fallback",
            "Workers that count limits in their own memory because the store is down",
        )
        self.schema_behind = Gauge(
            "progress_schema_behind",
            "Whether a migration is missing in the database, as of the last /readyz",
            registry=registry,
            multiprocess_mode="livemostrecent",
        )


def _counter(registry: CollectorRegistry, name: str, help_text: str, *labels: str) -> Counter:
    return Counter(f"progress_{name}", help_text, labels, registry=registry)


def _gauge(registry: CollectorRegistry, name: str, help_text: str) -> Gauge:
    return Gauge(f"progress_{name}", help_text, registry=registry, multiprocess_mode="livesum")


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
    return route.rule if route else UNMATCHED


def elapsed() -> float:
    """Return the seconds since the request began; 0 if a host app's hook ended it before ours."""
    now = perf_counter()
    started: float = g.get("progress_started", now)
    return now - started


def _start() -> None:
    g.progress_started = perf_counter()
