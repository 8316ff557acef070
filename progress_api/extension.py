"""`ProgressAPI`: mounts the blueprint in any app, uses what the app has, makes what it lacks."""

import os
from typing import Any, cast

from flask import Blueprint, Flask
from flask.blueprints import BlueprintSetupState

from progress_api import logs
from progress_api.database import executor, open_engine
from progress_api.exceptions import SettingsError
from progress_api.metrics import Metrics
from progress_api.repository.progress import Policy, ProgressRepository
from progress_api.settings import DEFAULT_PREFIX, Settings
from progress_api.web import error_responses, routes
from progress_api.web.identity import Identity, set_up_tokens
from progress_api.web.limits import Limits, open_storage
from progress_api.web.state import EXTENSION, State, keep_state


class ProgressAPI:
    """Tutorial progress, mounted in a Flask app."""

    def __init__(
        self,
        app: Flask | None = None,
        *,
        settings: Settings | None = None,
        observe: bool = True,
    ) -> None:
        """Prepare the blueprint, and mount it if an app is given.

        Args:
            app: where to mount; `init_app` mounts later.
            settings: read from the environment when mounted, where not given.
            observe: whether the blueprint logs, measures and answers the failures of its own
                requests; an app that does so for all of its requests says no.
        """
        self._settings = settings
        self.metrics = Metrics()
        self.blueprint = self._new_blueprint(observe=observe)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Mount the five endpoints.

        Args:
            app: where to mount.

        Raises:
            SettingsError: naming each setting that is missing or wrong, or that the app has
                them already.
        """
        if EXTENSION in app.extensions:
            raise SettingsError("ProgressAPI is mounted in this app already; do so once.")
        prefix = self._settings_for(app).url_prefix
        app.register_blueprint(self.blueprint, url_prefix=prefix)

    def _new_blueprint(self, *, observe: bool) -> Blueprint:
        blueprint = Blueprint("progress_api", __name__, url_prefix=DEFAULT_PREFIX)
        if observe:  # first, so that what refuses a request is timed and has an id
            logs.register(blueprint)
            self.metrics.register(blueprint)
            error_responses.register(blueprint)
        routes.register(blueprint)
        # Run for each app that the blueprint is registered in, by us or by the app itself.
        blueprint.record(self._prepare)
        return blueprint

    def _prepare(self, setup: BlueprintSetupState) -> None:
        # Flask says App, which is the part of a Flask that does no input or output.
        app = cast("Flask", setup.app)
        name = f"{setup.name_prefix}.{setup.name}".lstrip(".")
        keep_state(app, name, _new_state(app, self._settings_for(app)))

    def _settings_for(self, app: Flask) -> Settings:
        """What the app has itself is not asked of the environment."""
        return self._settings or Settings.from_environment(
            os.environ,
            keys_needed="flask-jwt-extended" not in app.extensions,
            database_needed="sqlalchemy" not in app.extensions,
        )


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
        engine = app.extensions["sqlalchemy"].engine
    if engine.dialect.name != "postgresql":
        raise SettingsError("Tutorial progress needs PostgreSQL; give the app such an engine.")
    return engine


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
