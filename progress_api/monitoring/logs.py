"""The id of each request, and one JSON line about it."""

import json
import logging
import re
import secrets
import sys

from flask import Blueprint, Flask, Response, g, has_request_context, request
from pythonjsonlogger.core import LogData
from pythonjsonlogger.orjson import OrjsonFormatter

from progress_api.monitoring.metrics import elapsed, template

LOGGER = "progress_api"
REQUEST_ID = "X-Request-ID"
SAFE_ID = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")
_access = logging.getLogger(f"{LOGGER}.access")


class JsonLines(OrjsonFormatter):
    """One JSON object a line."""

    def __init__(self) -> None:
        """Name the fields as the rest of the service does."""
        super().__init__(
            "{levelname}{name}{message}",
            style="{",
            timestamp="time",
            rename_fields={"levelname": "level", "name": "logger"},
        )

    def jsonify_log_record(self, log_data: LogData) -> str:
        """Return the line; orjson refuses lone surrogates and integers of over 64 bits."""
        try:
            return super().jsonify_log_record(log_data)
        except TypeError:
            return json.dumps(log_data, default=str)


class _WithRequestId(logging.Filter):
    """Puts the request's id into every line that is written while it is served."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the line."""
        if not hasattr(record, "requestId") and has_request_context():
            record.requestId = g.get("progress_request_id")
        return True


def configure(level: str) -> None:
    """Write the service's own lines to standard output; for an app of our own, never for a host's.

    Args:
        level: the least level that is logged.
    """
    logger = logging.getLogger(LOGGER)
    logger.setLevel(level)
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(JsonLines())
        handler.addFilter(_WithRequestId())
        logger.addHandler(handler)
        logger.propagate = False


def register(scaffold: Flask | Blueprint) -> None:
    """Give every request below an app or a blueprint an id and a line.

    Args:
        scaffold: the app of the service on its own, the blueprint as a guest.
    """
    scaffold.before_request(_begin)
    scaffold.after_request(_end)


def request_id() -> str:
    """Return the id of the current request, also where a host's hook ended it before ours began."""
    if "progress_request_id" not in g:
        _begin()
    known: str = g.progress_request_id
    return known


def _begin() -> None:
    given = request.headers.get(REQUEST_ID, "")
    g.progress_request_id = given if SAFE_ID.fullmatch(given) else secrets.token_hex(16)


def _end(response: Response) -> Response:
    sent_as = request_id()
    response.headers[REQUEST_ID] = sent_as
    caller = g.get("progress_caller")
    told = {
        "requestId": sent_as,
        "learner": caller.pseudonym if caller else None,
        "method": request.method,
        "route": template(),
        "status": response.status_code,
        "durationMs": round(elapsed() * 1000, 3),
    }
    _access.info("request", extra=told)
    return response
