"""Health checks: does the process respond, and is its database ready (spec 9.1, 9.2)?"""

from collections.abc import Callable

from flask import Flask, Response

from progress_api.exceptions import DatabaseNotMigrated, DatabaseUnavailable
from progress_api.signals import Signals
from progress_api.web.middleware import HEALTH_PATHS
from progress_api.web.responses import json_response


def register(
    app: Flask,
    obstacle: Callable[[], DatabaseUnavailable | None],
    signals: Signals,
) -> None:
    """Add `/healthz` and `/readyz` to the standalone service; neither needs a token.

    Args:
        app: the standalone service.
        obstacle: returns why the database is not ready, or None if it is; raises
            DatabaseUnavailable if the database does not respond.
        signals: where each `/readyz` sends whether a migration is missing.
    """

    def healthz() -> Response:
        return json_response({"status": "ok"})

    def readyz() -> Response:
        reason = obstacle()
        signals.schema_checked.send(is_behind=isinstance(reason, DatabaseNotMigrated))
        if reason:
            raise reason
        return json_response({"status": "ready"})

    for path, view in zip(HEALTH_PATHS, (healthz, readyz), strict=True):
        app.add_url_rule(path, view_func=view)
