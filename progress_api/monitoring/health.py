"""Whether the process answers, and whether it can do its work."""

from collections.abc import Callable

from flask import Flask, Response

from progress_api.exceptions import DatabaseUnavailable
from progress_api.web.middleware import HEALTH_PATHS
from progress_api.web.responses import json_response


def register(
    app: Flask, is_ready: Callable[[], bool], behind: Callable[[bool], object] = bool
) -> None:
    """Add `/healthz` and `/readyz` to the service on its own; neither needs a token.

    Args:
        app: the service.
        is_ready: whether the database holds the schema that is needed; it raises where the
            database does not answer.
        behind: is told whether it holds an older one.
    """

    def healthz() -> Response:
        return json_response({"status": "ok"})

    def readyz() -> Response:
        ready = is_ready()
        behind(not ready)
        if not ready:
            raise DatabaseUnavailable("The database holds an older schema: it must be migrated.")
        return json_response({"status": "ready"})

    for path, view in zip(HEALTH_PATHS, (healthz, readyz), strict=True):
        app.add_url_rule(path, view_func=view)
