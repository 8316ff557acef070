"""The guide's two metrics (step 6), right over all workers."""

import os
from time import perf_counter

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


class Metrics:
    """The two metrics of one app, in a registry of their own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """Define them.

        Args:
            registry: where they are defined; a new one where not given.
        """
        self.registry = registry or CollectorRegistry()
        self._count = Counter(
            "api_requests_total",
            "Total API requests",
            ["endpoint", "status"],
            registry=self.registry,
        )
        self._duration = Histogram(
            "api_request_duration_seconds",
            "Request duration",
            ["endpoint"],
            registry=self.registry,
        )

    def register(self, scaffold: Flask | Blueprint) -> None:
        """Measure every request below an app or a blueprint.

        Args:
            scaffold: the app of the service on its own, the blueprint as a guest.
        """
        scaffold.before_request(_start)
        scaffold.after_request(self._record)

    def exposition(self) -> Response:
        """Return the metrics of all workers as Prometheus reads them."""
        registry = self.registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    def _record(self, response: Response) -> Response:
        endpoint = template()
        self._count.labels(endpoint, str(response.status_code)).inc()
        self._duration.labels(endpoint).observe(elapsed())
        return response


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
