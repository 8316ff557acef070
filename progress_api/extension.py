"""`ProgressAPI`: mounts the blueprint in any app, by what the app has."""

from typing import TYPE_CHECKING, cast
from weakref import WeakKeyDictionary

from flask import Blueprint, Flask, current_app
from flask.blueprints import BlueprintSetupState
from prometheus_client import REGISTRY, CollectorRegistry

from progress_api.api import API
from progress_api.database import AnySession
from progress_api.exceptions import SettingsError
from progress_api.monitoring import logs, metrics
from progress_api.monitoring.metrics import Metrics, guest_metrics
from progress_api.mounting import Overrides, new_state, settings_for
from progress_api.progress.repository import Hook, ProgressRepository
from progress_api.settings import DEFAULT_PREFIX, Settings
from progress_api.web import error_responses, host_limits, responses, routing
from progress_api.web.identity import Learner
from progress_api.web.state import State, state, states

if TYPE_CHECKING:
    from sqlalchemy import Engine

NAME = "progress_api"


class ProgressAPI:
    """Tutorial progress, mounted in a Flask app."""

    def __init__(  # noqa: PLR0913 - each is something that a host may have
        self,
        app: Flask | None = None,
        *,
        url_prefix: str | None = None,
        name: str = NAME,
        engine: "Engine | None" = None,
        schema: str | None = None,
        learner: Learner | None = None,
        registry: CollectorRegistry | None = None,
        on_certificate_earned: Hook | None = None,
        settings: Settings | None = None,
    ) -> None:
        """Prepare the blueprint, and mount it if an app is given.

        Args:
            app: where to mount; `init_app` mounts later.
            url_prefix: where in the app; the setting where not given.
            name: the blueprint's, another one for each that is mounted in one app.
            engine: of the database, through psycopg2 or psycopg; that of the app's
                Flask-SQLAlchemy where not given, or one of our own on DATABASE_URL.
            schema: of PostgreSQL, that the tables are in; the setting where not given.
            learner: returns the id of who is signed in, and refuses with None or abort(401); the
                app's JWTManager tells who calls where not given, or one of our own beside it.
            registry: where metrics are defined; prometheus_client's own where not given.
            on_certificate_earned: called with the progress after the commit by which a
                certificate is earned, once. What it raises is logged: the certificate stands.
            settings: read from the app's config and the environment when mounted, where not given.
        """
        self._given = Overrides(
            engine=engine,
            schema=schema,
            learner=learner,
            registry=registry,
            on_certificate_earned=on_certificate_earned,
            settings=settings,
        )
        self._url_prefix = url_prefix
        self._made: WeakKeyDictionary[Flask, State] = WeakKeyDictionary()
        self.blueprint = Blueprint(name, __name__, url_prefix=url_prefix or DEFAULT_PREFIX)
        # Run for each app that the blueprint is registered in, by us or by the app itself; first,
        # so that where it refuses there are no routes either.
        self.blueprint.record(self._prepare)
        self._register(self.blueprint)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Mount the five endpoints.

        Args:
            app: where to mount; what it has of its own is set up in it before.

        Raises:
            SettingsError: naming each setting that is missing or wrong, what the app and this
                object both lack, or that it is mounted there already.
        """
        if self.blueprint.name in app.blueprints:
            raise SettingsError(
                f"{self.blueprint.name} is mounted in this app already; a second ProgressAPI "
                "needs a name= and a url_prefix= of its own."
            )
        prefix = self._url_prefix or settings_for(app, self._given).url_prefix
        # Before Flask changes anything in the app, so that it is as it was where this refuses.
        self._made[app] = self._new_state(app, prefix)
        app.register_blueprint(self.blueprint, url_prefix=prefix)

    def repository(self, session: AnySession | None = None) -> ProgressRepository:
        """Return what asks and records without HTTP, by the settings of the current app.

        Args:
            session: to record in its transaction; each call is one of its own where not given.

        Raises:
            RuntimeError: there is no current app, or this is not mounted in it.
        """
        for mounted in states(current_app).values():
            if mounted.blueprint is self.blueprint:
                return mounted.get(ProgressRepository, session)
        raise RuntimeError("This ProgressAPI is not mounted in the current app.")

    def _register(self, blueprint: Blueprint) -> None:
        # First, so that what refuses a request is timed and has an id.
        logs.register(blueprint)
        metrics.register(blueprint, lambda: state().metrics)
        responses.register(blueprint)
        error_responses.register(blueprint, API.errors)
        host_limits.register(blueprint)
        routing.register(blueprint, API.endpoints, fallbacks=True)

    def _metrics(self) -> Metrics:
        return guest_metrics(self._given.registry or REGISTRY)

    def _prepare(self, setup: BlueprintSetupState) -> None:
        # Flask says App, which is the part of a Flask that does no input or output.
        app = cast("Flask", setup.app)
        name = f"{setup.name_prefix}.{setup.name}".lstrip(".")
        made = self._made.pop(app, None)
        states(app)[name] = made or self._new_state(app, setup.url_prefix or "")

    def _new_state(self, app: Flask, prefix: str) -> State:
        return new_state(app, self.blueprint, prefix, self._given, self._metrics())
