"""Use what the host app has, and create the rest for our routes only (spec 10.1)."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, cast

from flask import Blueprint, Flask
from prometheus_client import CollectorRegistry

from progress_api.api import API
from progress_api.certificates.credential import CredentialIssuer
from progress_api.certificates.repository import CertificateRepository
from progress_api.database import open_engine
from progress_api.exceptions import SettingsError
from progress_api.learners.repository import LearnerRepository
from progress_api.monitoring.metrics import Metrics
from progress_api.outlines.repository import OutlineRepository
from progress_api.progress.records import Policy
from progress_api.progress.repository import Hook, ProgressRepository
from progress_api.reports.capacity import ReportSlot, report_engine
from progress_api.reports.repository import ReportRepository
from progress_api.settings import Settings
from progress_api.settings.setting_types import NAME, PATH, SettingType
from progress_api.signals import Signals
from progress_api.web.host_limits import key_prefix, limiter_of
from progress_api.web.identity import HostCallbackIdentity, Identity, Learner, token_identity
from progress_api.web.limits import Limits
from progress_api.web.state import State, states

if TYPE_CHECKING:
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
    """Arguments of `ProgressAPI`; None means to use the host app's object or to create one."""

    engine: "Engine | None"
    schema: str | None
    learner: Learner | None
    registry: CollectorRegistry | None
    on_certificate_earned: Hook | None
    settings: Settings | None


def settings_for(app: Flask, overrides: Overrides) -> Settings:
    """Return the settings, without those that the host app makes unnecessary.

    Args:
        app: the host app.
        overrides: its `settings`, if given, replace those of the app's config and the environment.

    Raises:
        SettingsError: lists every invalid setting, or what is missing: a database, a way to
            identify learners.
    """
    no_database = overrides.engine is None and "sqlalchemy" not in app.extensions
    no_learner = overrides.learner is None and "flask-jwt-extended" not in app.extensions
    missing = {
        "DATABASE_": no_database,
        "JWT_": no_learner,
        "RATELIMIT_": "limiter" not in app.extensions,
    }
    settings = overrides.settings or Settings.of_guest(
        app.config,
        os.environ,
        lacks=tuple(name for name, is_missing in missing.items() if is_missing),
    )
    keys = settings.jwt_secret_key, settings.jwt_public_key, settings.jwt_jwks_url
    faults = [_NO_DATABASE] if no_database and not settings.database_url else []
    faults += [_NO_LEARNER] if no_learner and not any(keys) else []
    if faults:
        raise SettingsError("\n".join(faults))
    return settings


def new_state(
    app: Flask, blueprint: Blueprint, url_prefix: str, overrides: Overrides, metrics: Metrics
) -> State:
    """Return the state of a blueprint that is mounted in a host app.

    Args:
        app: the host app.
        blueprint: the mounted blueprint.
        url_prefix: path of the mount.
        overrides: arguments of `ProgressAPI`.
        metrics: metrics of this mount.

    Raises:
        SettingsError: a setting, an argument or an object of the host app cannot be used.
    """
    _check(app, url_prefix, overrides)
    settings = settings_for(app, overrides)
    engine = _engine(app, overrides, settings)
    limiter = limiter_of(app, settings)
    issuer = CredentialIssuer(settings, url_prefix)
    signals = Signals()
    metrics.connect(signals)
    schema = settings.progress_schema
    if overrides.schema is not None:
        schema = _parsed("schema", NAME, overrides.schema)
    services = _repositories(settings, overrides, schema, signals)
    engines: dict[type, Engine] = {ReportRepository: report_engine(engine, settings)}
    made = {kind: make(engines.get(kind, engine)) for kind, make in services.items()}
    return State(
        blueprint=blueprint,
        url_prefix=url_prefix,
        api=API,
        engine=engine,
        schema=schema,
        services={**made, CredentialIssuer: issuer, ReportSlot: ReportSlot()},
        on_session=services,
        identity=_identity(app, overrides, settings),
        limits=Limits(
            limiter.storage,
            _limits(settings),
            key_prefix(limiter) + url_prefix,
            signals,
        ),
        metrics=metrics,
        signals=signals,
        settings=settings,
    )


def _repositories(
    settings: Settings, overrides: Overrides, schema: str | None, signals: Signals
) -> dict[type, Callable[[Any], Any]]:
    """Return for each repository a function that binds it to an engine or a session."""
    binding: dict[str, Any] = {"schema": schema, "one_trip": settings.database_one_trip}
    return {
        ProgressRepository: partial(
            ProgressRepository,
            policy=Policy.of(settings),
            on_certificate_earned=overrides.on_certificate_earned,
            signals=signals,
            **binding,
        ),
        OutlineRepository: partial(OutlineRepository, signals=signals, **binding),
        CertificateRepository: partial(CertificateRepository, signals=signals, **binding),
        LearnerRepository: partial(LearnerRepository, signals=signals, **binding),
        ReportRepository: partial(ReportRepository, timeout=settings.report_timeout, **binding),
    }


def _check(app: Flask, url_prefix: str, overrides: Overrides) -> None:
    """Reject arguments that would fail only at the first request."""
    _parsed("url_prefix", PATH, url_prefix)
    if url_prefix in {other.url_prefix for other in states(app).values()}:
        raise SettingsError(f"Tutorial progress is mounted at {url_prefix} already.")
    for name in ("learner", "on_certificate_earned"):
        function = getattr(overrides, name)
        if function is not None and (not callable(function) or iscoroutinefunction(function)):
            raise SettingsError(
                f"ProgressAPI's {name}= must be a function, not a coroutine function."
            )


def _parsed(name: str, setting_type: SettingType, value: str) -> str:
    try:
        parsed: str = setting_type.parse(value)
    except ValueError as error:
        raise SettingsError(f"ProgressAPI's {name}= must be {setting_type.description}.") from error
    return parsed


def _engine(app: Flask, overrides: Overrides, settings: Settings) -> "Engine":
    engine = overrides.engine or _default_engine(app)
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


def _identity(app: Flask, overrides: Overrides, settings: Settings) -> Identity:
    if overrides.learner:
        return HostCallbackIdentity(overrides.learner)
    return token_identity(app, settings)


def _limits(settings: Settings) -> dict[str, str]:
    if not settings.ratelimit_enabled:
        return {}
    return {
        endpoint.name: getattr(settings, endpoint.limit)
        for endpoint in API.endpoints
        if endpoint.limit
    }
