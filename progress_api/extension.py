"""Mount the endpoints in a Flask app with `ProgressAPI`."""

from typing import TYPE_CHECKING, cast
from weakref import WeakKeyDictionary

from flask import Blueprint, Flask, current_app
from flask.blueprints import BlueprintSetupState
from prometheus_client import REGISTRY, CollectorRegistry

from progress_api.api import API
from progress_api.certificates.repository import CertificateRepository
from progress_api.database import AnySession
from progress_api.exceptions import SettingsError
from progress_api.learners.repository import LearnerRepository
from progress_api.monitoring import requests
from progress_api.monitoring.metrics import Metrics, guest_metrics
from progress_api.mounting import Overrides, new_state, settings_for
from progress_api.outlines.repository import OutlineRepository
from progress_api.progress.repository import Hook, ProgressRepository
from progress_api.reports.repository import ReportRepository
from progress_api.settings import DEFAULT_PREFIX, Settings
from progress_api.web import error_responses, host_limits, responses, routing
from progress_api.web.identity import Learner
from progress_api.web.state import State, state, states

if TYPE_CHECKING:
    from sqlalchemy import Engine

NAME = "progress_api"


class ProgressAPI:
    """Flask extension that mounts tutorial progress in an app."""

    def __init__(  # noqa: PLR0913 - a host app may have any of these
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
            app: the host app; without it, call `init_app` later.
            url_prefix: path of the mount; by default `PROGRESS_URL_PREFIX`.
            name: name of the blueprint; each mount in one app needs a different name.
            engine: database engine with psycopg2 or psycopg; by default the engine of the app's
                Flask-SQLAlchemy, or else a new one for `DATABASE_URL`.
            schema: PostgreSQL schema of the tables; by default `PROGRESS_SCHEMA`.
            learner: returns the id of the signed-in learner; None or abort(401) rejects the
                request (spec 10.4). By default tokens are verified by the app's JWTManager, or
                else by a private one.
            registry: registry of the metrics; by default prometheus_client's.
            on_certificate_earned: called once, with the progress, after the commit that earns a
                certificate. If it raises, the error is logged and the certificate stands
                (spec 10.8).
            settings: by default read from the app's config and the environment at `init_app`.
        """
        self._overrides = Overrides(
            engine=engine,
            schema=schema,
            learner=learner,
            registry=registry,
            on_certificate_earned=on_certificate_earned,
            settings=settings,
        )
        self._url_prefix = url_prefix
        self._prepared: WeakKeyDictionary[Flask, State] = WeakKeyDictionary()
        self.blueprint = Blueprint(name, __name__, url_prefix=url_prefix or DEFAULT_PREFIX)
        # Runs for each app that registers the blueprint. Recorded first, so that a failed set-up
        # leaves no routes behind.
        self.blueprint.record(self._prepare)
        self._register(self.blueprint)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Mount all endpoints.

        Args:
            app: the host app, with its extensions (such as Flask-SQLAlchemy) already set up.

        Raises:
            SettingsError: lists every missing or invalid setting, or says that this name or path
                is already mounted.
        """
        if self.blueprint.name in app.blueprints:
            raise SettingsError(
                f"{self.blueprint.name} is already mounted in this app; a second ProgressAPI "
                "needs another name= and another url_prefix=."
            )
        prefix = self._url_prefix or settings_for(app, self._overrides).url_prefix
        # Before Flask changes the app, so that a failure leaves the app unchanged.
        self._prepared[app] = self._new_state(app, prefix)
        app.register_blueprint(self.blueprint, url_prefix=prefix)

    def repository(self, session: AnySession | None = None) -> ProgressRepository:
        """Return a repository that reads and records without HTTP (spec 10.7).

        Args:
            session: session whose transaction is used; by default each call is a transaction.

        Raises:
            RuntimeError: there is no current app, or this object is not mounted in it.
        """
        return self._state().get(ProgressRepository, session)

    def outlines(self, session: AnySession | None = None) -> OutlineRepository:
        """Return a repository of what tutorials consist of (spec 13.1).

        Args:
            session: session whose transaction is used; by default each call is a transaction.

        Raises:
            RuntimeError: there is no current app, or this object is not mounted in it.
        """
        return self._state().get(OutlineRepository, session)

    def certificates(self, session: AnySession | None = None) -> CertificateRepository:
        """Return a repository of certificates (spec 14.1).

        Args:
            session: session whose transaction is used; by default each call is a transaction.

        Raises:
            RuntimeError: there is no current app, or this object is not mounted in it.
        """
        return self._state().get(CertificateRepository, session)

    def learners(self, session: AnySession | None = None) -> LearnerRepository:
        """Return a repository that exports and erases learners (spec 16.1, 16.3).

        Args:
            session: session whose transaction is used; by default each batch is a transaction.

        Raises:
            RuntimeError: there is no current app, or this object is not mounted in it.
        """
        return self._state().get(LearnerRepository, session)

    def reports(self, session: AnySession | None = None) -> ReportRepository:
        """Return a repository of reports about tutorials (spec 15.1, 15.4).

        Args:
            session: session whose transaction is used; by default each call is a transaction.

        Raises:
            RuntimeError: there is no current app, or this object is not mounted in it.
        """
        return self._state().get(ReportRepository, session)

    def _state(self) -> State:
        for mounted in states(current_app).values():
            if mounted.blueprint is self.blueprint:
                return mounted
        raise RuntimeError("This ProgressAPI is not mounted in the current app.")

    def _register(self, blueprint: Blueprint) -> None:
        # First, so that rejected requests also have an id and are measured.
        requests.register(blueprint, lambda: state().metrics)
        responses.register(blueprint)
        error_responses.register(blueprint, API.errors)
        host_limits.register(blueprint)
        routing.register(blueprint, API.endpoints, fallbacks=True)

    def _metrics(self) -> Metrics:
        return guest_metrics(self._overrides.registry or REGISTRY)

    def _prepare(self, setup: BlueprintSetupState) -> None:
        # Flask declares the type App, a base class of Flask.
        app = cast("Flask", setup.app)
        name = f"{setup.name_prefix}.{setup.name}".lstrip(".")
        prepared = self._prepared.pop(app, None)
        states(app)[name] = prepared or self._new_state(app, setup.url_prefix or "")

    def _new_state(self, app: Flask, prefix: str) -> State:
        return new_state(app, self.blueprint, prefix, self._overrides, self._metrics())
