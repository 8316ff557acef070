"""Give each request an id, measure it, and log one JSON line about it (spec 5.9, 9.3 to 9.6)."""

import logging
import re
import secrets
from collections.abc import Callable
from functools import cache
from time import perf_counter

from flask import Blueprint, Flask, Response, g, request

from progress_api.monitoring.logs import LOGGER
from progress_api.monitoring.metrics import Metrics

_REQUEST_ID = "X-Request-ID"
_UNMATCHED = "unmatched"
_SAFE_ID = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")
_access = logging.getLogger(f"{LOGGER}.access")


def register(scaffold: Flask | Blueprint, current: Callable[[], Metrics]) -> None:
    """Observe each request.

    Args:
        scaffold: the standalone service, or the blueprint in a host app.
        current: returns the metrics of the current request.
    """

    def end(response: Response) -> Response:
        _observe(response, current())
        return response

    # One hook at each end: every request pays for each hook (docs/performance-appendix.md).
    scaffold.before_request(_begin)
    scaffold.after_request(end)


def request_id() -> str:
    """Return the id of the current request, which a host app's hook may have ended before ours."""
    if "progress_request_id" not in g:
        _begin()
    identifier: str = g.progress_request_id
    return identifier


def _begin() -> None:
    g.progress_started = perf_counter()
    sent = request.headers.get(_REQUEST_ID, "")
    g.progress_request_id = sent if _SAFE_ID.fullmatch(sent) else secrets.token_hex(16)


def _observe(response: Response, metrics: Metrics) -> None:
    identifier = request_id()
    response.headers[_REQUEST_ID] = identifier
    seconds, route, status = perf_counter() - g.progress_started, _route(), response.status_code
    metrics.record(route, status, seconds)
    caller = g.get("progress_caller")
    fields = {
        "requestId": identifier,
        "learner": caller.pseudonym if caller else None,
        "method": request.method,
        "route": route,
        "status": status,
        "durationMs": round(seconds * 1000, 3),
    }
    _access.info("request", extra=fields)


def _route() -> str:
    """Return the template of the current route; unlike paths, routes are few (spec 9.5)."""
    route = request.url_rule
    return _plain(route.rule) if route else _UNMATCHED


@cache
def _plain(rule: str) -> str:
    """Return a rule without the converters of its variables."""
    return re.sub(r"<[^<>]+:(\w+)>", r"<\1>", rule)
