"""Metrics by subject: what learners do, what is rejected, what may run out (spec 9.3)."""

from collections.abc import Callable, Iterable, Mapping

from blinker import Signal
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from progress_api.exceptions import LimitExceeded, Unauthenticated
from progress_api.signals import Signals

_REASONS = ("missing", "expired", "endless", "invalid")
_TUTORIAL_BUCKETS = (1, 2, 5, 10, 20, 50, 100)
_WAIT_BUCKETS = (0.0001, 0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)


class Activity:
    """Metrics of what learners do."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Define the metrics."""
        self._chapters = _counter(registry, "chapters_completed", "Completed chapters")
        reached = _counter(
            registry, "tenths_reached", "Tenths of a tutorial that learners reached", "percent"
        )
        self._tenths = {percent: reached.labels(str(percent)) for percent in range(10, 101, 10)}
        self._attempts = _counter(registry, "quiz_attempts", "Quiz attempts, without repeats")
        self._duplicates = _counter(
            registry, "duplicates_absorbed", "Quiz posts that repeated an earlier attempt"
        )
        self._certificates = _counter(registry, "certificates_earned", "Earned certificates")
        self._events = _counter(registry, "events", "Events, by type and result", "type", "result")
        self._tutorials = Histogram(
            "progress_event_tutorials",
            "Tutorials in a request with events",
            buckets=_TUTORIAL_BUCKETS,
            registry=registry,
        )
        self._outlines = _counter(registry, "outlines_written", "Outlines written or removed")
        self._issued = _counter(registry, "certificates_issued", "Certificates issued")
        self._checked = _counter(
            registry, "certificates_checked", "Certificates looked at, by status", "status"
        )
        self._revoked = _counter(registry, "certificates_revoked", "Revocations of certificates")
        self._wait = Histogram(
            "progress_database_wait_seconds",
            "Time that a request waited for a database connection, in seconds",
            buckets=_WAIT_BUCKETS,
            registry=registry,
        )

    def connect(self, signals: Signals) -> None:
        """Receive the signals of a mount."""
        _connect(signals.connection_awaited, self._on_wait)
        _connect(signals.chapter_recorded, self._on_chapter)
        _connect(signals.quiz_recorded, self._on_quiz)
        _connect(signals.certificate_earned, self._on_certificate)
        _connect(signals.events_received, self._on_events)
        _connect(signals.outline_written, self._on_outline)
        _connect(signals.certificate_issued, self._on_issue)
        _connect(signals.certificate_checked, self._on_check)
        _connect(signals.certificate_revoked, self._on_revocation)

    def _on_wait(self, _: object, seconds: float) -> None:
        self._wait.observe(seconds)

    def _on_chapter(self, _: object, completed: int, tenths: Iterable[int]) -> None:
        self._chapters.inc(completed)
        for percent in tenths:
            self._tenths[percent].inc()

    def _on_quiz(self, _: object, *, is_repeat: bool) -> None:
        (self._duplicates if is_repeat else self._attempts).inc()

    def _on_events(self, _: object, counts: Mapping[tuple[str, str], int], tutorials: int) -> None:
        for labels, count in counts.items():
            self._events.labels(*labels).inc(count)
        self._tutorials.observe(tutorials)

    def _on_certificate(self, _: object) -> None:
        self._certificates.inc()

    def _on_outline(self, _: object) -> None:
        self._outlines.inc()

    def _on_issue(self, _: object) -> None:
        self._issued.inc()

    def _on_check(self, _: object, *, is_valid: bool) -> None:
        self._checked.labels("valid" if is_valid else "revoked").inc()

    def _on_revocation(self, _: object) -> None:
        self._revoked.inc()


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
    """Gauges of what the service may run out of."""

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

    def connect(self, signals: Signals) -> None:
        """Receive the signals of a mount."""
        _connect(signals.connections_in_use, self._on_connections)
        _connect(signals.limiter_store_changed, self._on_store)
        _connect(signals.schema_checked, self._on_schema)

    def _on_connections(self, _: object, change: int) -> None:
        self.connections_in_use.inc(change)

    def _on_store(self, _: object, *, is_away: bool) -> None:
        self.limiter_on_fallback.set(is_away)

    def _on_schema(self, _: object, *, is_behind: bool) -> None:
        self.schema_behind.set(is_behind)


def _connect(signal: Signal, receiver: Callable[..., None]) -> None:
    signal.connect(receiver, weak=False)


def _counter(registry: CollectorRegistry, name: str, help_text: str, *labels: str) -> Counter:
    return Counter(f"progress_{name}", help_text, labels, registry=registry)


def _gauge(registry: CollectorRegistry, name: str, help_text: str) -> Gauge:
    return Gauge(f"progress_{name}", help_text, registry=registry, multiprocess_mode="livesum")
