"""What a host has is used; what it lacks is made, for our routes alone."""

import os
from dataclasses import dataclass
from functools import partial
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, cast

from flask import Blueprint, Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from prometheus_client import CollectorRegistry

from progress_api.api import API
from progress_api.database import open_engine
from progress_api.exceptions import SettingsError
from progress_api.monitoring.metrics import Metrics
from progress_api.progress.records import Policy
from progress_api.progress.repository import Hook, ProgressRepository
from progress_api.setting_types import NAME, PATH, Kind
from progress_api.settings import Settings
from progress_api.web.identity import HostCallbackIdentity, Identity, Learner, token_identity
from progress_api.web.limits import Limits, storage_options
from progress_api.web.state import State, states

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

_DRIVERS = ("psycopg2", "psycopg")
_NO_DATABASE = (
    "Tutorial progress needs a database: set up Flask-SQLAlchemy in the app, "
    "or give ProgressAPI an engine=, or the environment a DATABASE_URL."
)
_NO_LEARNER = (
    "Tutorial progress needs to know the learner: set up a JWTManager in the app, "
    "or give ProgressAPI a learner=, or the environment a JWT_SECRET_KEY (or a JWT_ALGORITHM "
    "with JWT_PUBLIC_KEY or JWT_JWKS_URL)."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What is given to a `ProgressAPI`; what is None is the host's, or made."""

    engine: "Engine | None"
    schema: str | None
    learner: Learner | None
    registry: CollectorRegistry | None
    on_certificate_earned: Hook | None
    settings: Settings | None


def settings_for(app: Flask, given: Overrides) -> Settings:
    """Return the settings; those of what the host has are not asked for.

    Args:
        app: the host.
        given: settings, or they are read from the app's config and the environment.

    Raises:
        SettingsError: with a sentence for each that is wrong, or for what there is no way to.
    """
    no_database = given.engine is None and "sqlalchemy" not in app.extensions
    no_learner = given.learner is None and "flask-jwt-extended" not in app.extensions
    lacks = {
        "DATABASE_": no_database,
        "JWT_": no_learner,
        "RATELIMIT_": "limiter" not in app.extensions,
    }
    settings = given.settings or Settings.of_guest(
        app.config, os.environ, lacks=tuple(name for name, lacking in lacks.items() if lacking)
    )
    keys = settings.jwt_secret_key, settings.jwt_public_key, settings.jwt_jwks_url
    told = [_NO_DATABASE] if no_database and not settings.database_url else []
    told += [_NO_LEARNER] if no_learner and not any(keys) else []
    if told:
        raise SettingsError("\n".join(told))
    return settings


def new_state(
    app: Flask, blueprint: Blueprint, url_prefix: str, given: Overrides, metrics: Metrics
) -> State:
    """Return what a blueprint works with that is mounted in a host.

    Args:
        app: the host.
        blueprint: what is mounted.
        url_prefix: where it is.
        given: what is not to be the host's.
        metrics: what it is measured with.

    Raises:
        SettingsError: what the host has, or a setting, is not fit for it.
    """
    _check(app, url_prefix, given)
    settings = settings_for(app, given)
    engine = _engine(app, given, settings)
    limiter = _limiter(app, settings)
    schema = settings.progress_schema
    if given.schema is not None:
        schema = _parsed("schema", NAME, given.schema)
    services: dict[type, Callable[[Any], Any]] = {
        ProgressRepository: partial(
            ProgressRepository,
            policy=Policy.of(settings),
            schema=schema,
            one_trip=settings.database_one_trip,
            on_certificate_earned=given.on_certificate_earned,
            observer=metrics.activity,
        )
    }
    return State(
        blueprint=blueprint,
        url_prefix=url_prefix,
        api=API,
        engine=engine,
        schema=schema,
        services={service: make(engine) for service, make in services.items()},
        on_session=services,
        identity=_identity(app, given, settings),
        limits=Limits(
            limiter.storage,
            _limits(settings),
            _key_prefix(limiter) + url_prefix,
            metrics.saturation.limiter_on_fallback.set,
        ),
        metrics=metrics,
        settings=settings,
    )


def _check(app: Flask, url_prefix: str, given: Overrides) -> None:
    """Refuse at once what would fail at the first request."""
    _parsed("url_prefix", PATH, url_prefix)
    if url_prefix in {other.url_prefix for other in states(app).values()}:
        raise SettingsError(f"Tutorial progress is mounted at {url_prefix} already.")
    for name in ("learner", "on_certificate_earned"):
        function = getattr(given, name)
        if function is not None and (not callable(function) or iscoroutinefunction(function)):
            raise SettingsError(f"ProgressAPI's {name}= must be a function, and no coroutine.")


def _parsed(name: str, kind: Kind, value: str) -> str:
    try:
        parsed: str = kind.parse(value)
    except ValueError as error:
        raise SettingsError(f"ProgressAPI's {name}= must be {kind.allowed}.") from error
    return parsed


def _engine(app: Flask, given: Overrides, settings: Settings) -> "Engine":
    engine = given.engine or _default_engine(app)
    if engine is None:
        return open_engine(settings)
    if not hasattr(engine, "dialect") or not hasattr(engine, "driver"):
        raise SettingsError("ProgressAPI's engine= must be an Engine of SQLAlchemy.")
    if engine.dialect.name != "postgresql" or engine.driver not in _DRIVERS:
        raise SettingsError(
            "Tutorial progress needs PostgreSQL through psycopg2 or psycopg, and the engine is "
            f"{engine.dialect.name}+{engine.driver}; give ProgressAPI another engine=."
        )
    return engine


def _default_engine(app: Flask) -> "Engine | None":
    if "sqlalchemy" not in app.extensions:
        return None
    with app.app_context():
        engines = app.extensions["sqlalchemy"].engines
    if None not in engines:
        raise SettingsError(
            "The app's Flask-SQLAlchemy has no default database; give ProgressAPI an engine=."
        )
    return cast("Engine", engines[None])


def _identity(app: Flask, given: Overrides, settings: Settings) -> Identity:
    if given.learner:
        return HostCallbackIdentity(given.learner)
    return token_identity(app, settings)


def _limiter(app: Flask, settings: Settings) -> Limiter:
    """Return the Limiter of the app, or a new one for its routes here.

    Only its storage and its key prefix are used. A new one is therefore set up on an app that
    serves nothing: its hooks would cost every request, and find no limit to check.
    """
    for limiter in app.extensions.get("limiter", ()):
        return cast("Limiter", limiter)
    uri = settings.ratelimit_storage_uri
    made = Limiter(
        get_remote_address,
        app=Flask(__name__, static_folder=None),
        storage_uri=uri,
        storage_options=storage_options(uri),
        strategy="fixed-window",
    )
    made.logger.handlers.pop()  # each Limiter adds another NullHandler to a shared logger
    return made


def _key_prefix(limiter: Limiter) -> str:
    # Two hosts that share a store are kept apart by their prefixes, which has no public name.
    return getattr(limiter, "_key_prefix", "")


def _limits(settings: Settings) -> dict[str, str]:
    if not settings.ratelimit_enabled:
        return {}
    return {
        endpoint.name: getattr(settings, endpoint.limit)
        for endpoint in API.endpoints
        if endpoint.limit
    }
