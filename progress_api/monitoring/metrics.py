"""The guide's two metrics (step 6) and the service's own, right over all workers."""

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
GUEST_PREFIX = "progress_"
_REFUSALS = frozenset({401, 429})
_REASONS = ("missing", "expired", "endless", "invalid")
_WAIT_BUCKETS = (0.0001, 0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)


class Metrics:
    """What is measured, in one registry."""

    def __init__(self, registry: CollectorRegistry, prefix: str = "") -> None:
        """Define the metrics.

        Args:
            registry: where they are defined, once.
            prefix: of the names of the guide's two, with which no metric of a host's can clash;
                all others have it anyway.
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
        # Each is found once: to look for it takes longer than to count.
        self._counted = cache(self._count.labels)
        self._timed = cache(self._duration.labels)
        self.activity = Activity(registry)
        self.refusals = Refusals(registry)
        self.saturation = Saturation(registry)

    def record(self, response: Response) -> None:
        """Measure the current request.

        Args:
            response: what is answered to it.
        """
        endpoint = template()
        self._counted(endpoint, str(response.status_code)).inc()
        self._timed(endpoint).observe(elapsed())
        if response.status_code in _REFUSALS:
            self.refusals.count(g.get("progress_failure"), endpoint)


class Activity:
    """What learners do, and what it takes; the repository tells it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Define the metrics."""
        self._chapters = _counter(registry, "chapters_completed", "Chapters that were completed")
        self._attempts = _counter(
            registry, "quiz_attempts", "Attempts at quizzes, repeats left out"
        )
        self._duplicates = _counter(
            registry, "duplicates_absorbed", "Quiz posts that repeated an attempt"
        )
        self._certificates = _counter(
            registry, "certificates_earned", "Certificates that were earned"
        )
        self._wait = Histogram(
            "progress_database_wait_seconds",
            "How long a request waited for a database connection",
            buckets=_WAIT_BUCKETS,
            registry=registry,
        )

    def connection_awaited(self, seconds: float) -> None:
        """Measure how long a connection was waited for."""
        self._wait.observe(seconds)

    def chapter_posted(self, *, completed: int) -> None:
        """Count the chapters that became complete."""
        self._chapters.inc(completed)

    def quiz_posted(self, *, is_repeat: bool) -> None:
        """Count an attempt, or a repeat of one."""
        (self._duplicates if is_repeat else self._attempts).inc()

    def certificate_earned(self) -> None:
        """Count a certificate."""
        self._certificates.inc()


class Refusals:
    """Who was not let in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Define the metrics."""
        self._limit = _counter(registry, "limit_refusals", "Requests over a limit", "endpoint")
        self._authentication = _counter(
            registry,
            "authentication_refusals",
            "Requests without a valid token, by what is wrong with it",
            "reason",
        )
        for reason in _REASONS:
            self._authentication.labels(reason)

    def count(self, failure: object, endpoint: str) -> None:
        """Count a request that was refused.

        Args:
            failure: why, where it was not a host that refused it.
            endpoint: the template of its route.
        """
        if isinstance(failure, LimitExceeded):
            self._limit.labels(endpoint).inc()
        elif isinstance(failure, Unauthenticated):
            self._authentication.labels(failure.reason).inc()


class Saturation:
    """What the service may run out of; each is set by who knows it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Define the metrics."""
        self.connections_in_use = _gauge(
            registry, "database_connections_in_use", "Database connections in use"
        )
        self.pool_size = _gauge(
            registry, "database_pool_size", "Database connections that there are for requests"
        )
        self.limiter_on_fallback = _gauge(
            registry,
            "limiter_on_fallback",
            "Workers that count limits in their own memory, as the store is away",
        )
        self.schema_behind = Gauge(
            "progress_schema_behind",
            "Whether the database lacks a migration, as /readyz saw it last",
            registry=registry,
            multiprocess_mode="livemostrecent",
        )


def _counter(registry: CollectorRegistry, name: str, says: str, *labels: str) -> Counter:
    return Counter(f"progress_{name}", says, labels, registry=registry)


def _gauge(registry: CollectorRegistry, name: str, says: str) -> Gauge:
    return Gauge(f"progress_{name}", says, registry=registry, multiprocess_mode="livesum")


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
    if directory := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = _shared(directory)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


@cache
def _shared(directory: str) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(CountersCollector(Path(directory), lambda: [os.getpid()]))
    return registry


def template() -> str:
    """Return the template of the current request's route, never its path: paths have no bound."""
    route = request.url_rule
    return route.rule if route else UNMATCHED


def elapsed() -> float:
    """Return the seconds since the current request came; 0 where a host's hook ended it before."""
    now = perf_counter()
    started: float = g.get("progress_started", now)
    return now - started


def _start() -> None:
    g.progress_started = perf_counter()
