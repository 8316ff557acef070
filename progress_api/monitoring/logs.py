"""Write log lines as JSON (spec 9.6)."""

import json
import logging
import sys

from flask import g, has_request_context
from pythonjsonlogger.core import LogData
from pythonjsonlogger.orjson import OrjsonFormatter

LOGGER = "progress_api"


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
