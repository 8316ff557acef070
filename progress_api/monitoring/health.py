"""Whether the process answers, and whether it can do its work."""

from collections.abc import Callable

from flask import Flask, Response

from progress_api.exceptions import DatabaseNotMigrated, DatabaseUnavailable
from progress_api.web.middleware import HEALTH_PATHS
from progress_api.web.responses import json_response


def register(
    app: Flask,
    obstacle: Callable[[], DatabaseUnavailable | None],
    behind: Callable[[bool], object] = bool,
) -> None:
    """Add `/healthz` and `/readyz` to the service on its own; neither needs a token.

    Args:
        app: the service.
        obstacle: returns what keeps the service from its work on the database, or None; it raises
            where the database does not answer.
        behind: called with whether the database lacks a migration.
    """

    def healthz() -> Response:
        return json_response({"status": "ok"})

    def readyz() -> Response:
        found = obstacle()
        behind(isinstance(found, DatabaseNotMigrated))
        if found:
            raise found
        return json_response({"status": "ready"})

    for path, view in zip(HEALTH_PATHS, (healthz, readyz), strict=True):
        app.add_url_rule(path, view_func=view)
