"""Give each request an id, and log one JSON line about it (spec 5.9, 9.6)."""

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
    """Formats a log record as one line of JSON."""

    def __init__(self) -> None:
        """Name the fields `time`, `level`, `logger` and `message`."""
        super().__init__(
            "{levelname}{name}{message}",
            style="{",
            timestamp="time",
            rename_fields={"levelname": "level", "name": "logger"},
        )

    def jsonify_log_record(self, log_data: LogData) -> str:
        """Return the line; orjson rejects lone surrogates and integers of more than 64 bits."""
        try:
            return super().jsonify_log_record(log_data)
        except TypeError:
            return json.dumps(log_data, default=str)


class _WithRequestId(logging.Filter):
    """Adds the id of the current request to each log record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the record."""
        if not hasattr(record, "requestId") and has_request_context():
            record.requestId = g.get("progress_request_id")
        return True


def configure(level: str) -> None:
    """Log to standard output, in the standalone service; a host app configures its own logging.

    Args:
        level: lowest level that is logged.
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
    """Give each request an id and a log line.

    Args:
        scaffold: the standalone service, or the blueprint in a host app.
    """
    scaffold.before_request(_begin)
    scaffold.after_request(_end)


def request_id() -> str:
    """Return the id of the current request, which a host app's hook may have ended before ours."""
    if "progress_request_id" not in g:
        _begin()
    identifier: str = g.progress_request_id
    return identifier


def _begin() -> None:
    sent = request.headers.get(REQUEST_ID, "")
    g.progress_request_id = sent if SAFE_ID.fullmatch(sent) else secrets.token_hex(16)


def _end(response: Response) -> Response:
    identifier = request_id()
    response.headers[REQUEST_ID] = identifier
    caller = g.get("progress_caller")
    fields = {
        "requestId": identifier,
        "learner": caller.pseudonym if caller else None,
        "method": request.method,
        "route": template(),
        "status": response.status_code,
        "durationMs": round(elapsed() * 1000, 3),
    }
    _access.info("request", extra=fields)
    return response
