"""The service on its own: a host like any other, with transport and health of its own."""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Blueprint, Flask, Response
from flask_sqlalchemy import SQLAlchemy
from prometheus_client import CollectorRegistry

from progress_api.api import API
from progress_api.database import enforce_timeouts, engine_options
from progress_api.extension import ProgressAPI
from progress_api.monitoring import health, logs, metrics
from progress_api.monitoring.metrics import Metrics
from progress_api.openapi import pages
from progress_api.schema.readiness import obstacle
from progress_api.settings import Settings
from progress_api.web import error_responses, middleware, responses, routing
from progress_api.web.identity import set_up_tokens


def create_app(settings: Settings | None = None) -> Flask:
    """Make the service.

    Args:
        settings: read from the environment where not given.

    Raises:
        SettingsError: naming each setting that is missing or wrong.
    """
    settings = settings or Settings.from_environment(os.environ)
    app = _App("progress_api", static_folder=None)
    registry = CollectorRegistry()
    measured = Metrics(registry)
    _observe(app, settings, measured)
    middleware.register(app, settings)
    database = _set_up(app, settings)
    _Service(settings, measured).init_app(app)
    with app.app_context():
        in_use = measured.saturation.connections_in_use.inc
        enforce_timeouts(database.engine, settings, in_use)
        measured.saturation.pool_size.set(engine_options(settings)["pool_size"])
        found = partial(obstacle, database.engine, settings.progress_schema)
        health.register(app, found, measured.saturation.schema_behind.set)
    pages.register_page(app, settings)
    if settings.metrics_public:
        app.add_url_rule("/metrics", "metrics", lambda: metrics.exposition(registry))
    return app


class _App(Flask):
    """Does not ask of each function, in each call, whether it is a coroutine: none of ours is."""

    response_class = responses.ApiResponse

    def make_default_options_response(self) -> Response:
        """Answer OPTIONS on paths besides the API, such as that of health, in the same way."""
        return routing.answer_options()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function itself."""
        return func


class _Service(ProgressAPI):
    """Mounted in an app of our own, which logs, measures and answers for all addresses."""

    def __init__(self, settings: Settings, measured: Metrics) -> None:
        self._measured = measured
        super().__init__(settings=settings)

    def _register(self, blueprint: Blueprint) -> None:
        routing.register(blueprint, API.endpoints, fallbacks=False)

    def _metrics(self) -> Metrics:
        return self._measured


def _observe(app: Flask, settings: Settings, measured: Metrics) -> None:
    logs.configure(settings.log_level)
    logs.register(app)
    metrics.register(app, lambda: measured)
    responses.register(app)
    error_responses.register(app, API.errors)


def _set_up(app: Flask, settings: Settings) -> SQLAlchemy:
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(settings)
    database = SQLAlchemy(app)
    set_up_tokens(app, settings)
    return database
