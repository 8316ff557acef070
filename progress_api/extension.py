"""`ProgressAPI`: mounts the blueprint in any app, uses what the app has, makes what it lacks."""

import os
from typing import Any, cast

from flask import Blueprint, Flask
from flask.blueprints import BlueprintSetupState

from progress_api import logs
from progress_api.database import executor, open_engine
from progress_api.metrics import Metrics
from progress_api.repository.progress import Policy, ProgressRepository
from progress_api.settings import Settings
from progress_api.web import error_responses
from progress_api.web.identity import Identity, set_up_tokens
from progress_api.web.limits import Limits, open_storage
from progress_api.web.routes import new_blueprint
from progress_api.web.state import State, keep_state


class ProgressAPI:
    """Tutorial progress, mounted in a Flask app."""

    def __init__(
        self,
        app: Flask | None = None,
        *,
        settings: Settings | None = None,
        watch: bool = True,
    ) -> None:
        """Prepare the blueprint, and mount it if an app is given.

        Args:
            app: where to mount; `init_app` mounts later.
            settings: read from the environment when mounted, where not given.
            watch: whether the blueprint logs, measures and answers the failures of its own
                requests; an app that does so for all of its requests says no.
        """
        self._settings = settings
        self.metrics = Metrics()
        self.blueprint = self._new_blueprint(watch=watch)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Mount the five endpoints.

        Args:
            app: where to mount.

        Raises:
            SettingsError: naming each setting that is missing or wrong.
        """
        settings = self._settings = self._settings or Settings.from_environment(os.environ)
        app.register_blueprint(self.blueprint, url_prefix=settings.url_prefix)

    def _new_blueprint(self, *, watch: bool) -> Blueprint:
        blueprint = new_blueprint("progress_api")
        if watch:
            logs.register(blueprint)
            self.metrics.register(blueprint)
            error_responses.register(blueprint)
        # Run for each app that the blueprint is registered in, by us or by the app itself.
        blueprint.record(self._prepare)
        return blueprint

    def _prepare(self, setup: BlueprintSetupState) -> None:
        settings = self._settings or Settings.from_environment(os.environ)
        # Flask says App, which is the part of a Flask that does no input or output.
        app = cast("Flask", setup.app)
        name = f"{setup.name_prefix}.{setup.name}".lstrip(".")
        keep_state(app, name, _new_state(app, settings))


def _new_state(app: Flask, settings: Settings) -> State:
    return State(
        progress=ProgressRepository(
            executor(_engine(app, settings), one_trip=settings.database_one_trip),
            Policy(
                sticky_completion=settings.progress_sticky_completion,
                max_chapters=settings.progress_max_chapters,
                max_quizzes=settings.progress_max_quizzes,
            ),
        ),
        identity=_identity(app, settings),
        limits=Limits(_storage(app, settings), _limits(settings)),
        max_body_bytes=settings.progress_max_body_bytes,
    )


def _engine(app: Flask, settings: Settings) -> Any:
    if "sqlalchemy" not in app.extensions:
        return open_engine(settings)
    with app.app_context():
        return app.extensions["sqlalchemy"].engine


def _identity(app: Flask, settings: Settings) -> Identity:
    if "flask-jwt-extended" not in app.extensions:
        set_up_tokens(app, settings)
    claim = app.config["JWT_IDENTITY_CLAIM"]
    return Identity(identity_claim=claim, admin_scope=settings.progress_admin_scope)


def _storage(app: Flask, settings: Settings) -> Any:
    limiters = app.extensions.get("limiter")
    return (
        next(iter(limiters)).storage if limiters else open_storage(settings.ratelimit_storage_uri)
    )


def _limits(settings: Settings) -> dict[str, str]:
    if not settings.ratelimit_enabled:
        return {}
    return {
        "get": settings.ratelimit_get,
        "chapter": settings.ratelimit_chapter,
        "quiz": settings.ratelimit_quiz,
        "complete": settings.ratelimit_complete,
        "reset": settings.ratelimit_reset,
    }
