"""Create the engines that the service owns."""

import math
import os
from collections.abc import Sequence
from typing import Any

import orjson
import psycopg2
from psycopg2.extensions import make_dsn
from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from progress_api.database.circuit_breaker import install_circuit_breaker
from progress_api.database.preparing import disable_preparing_behind_pooler
from progress_api.database.timeouts import CheckoutTimeouts
from progress_api.exceptions import SettingsError
from progress_api.settings import Settings
from progress_api.signals import Signals

_MARGIN_SECONDS = 0.3
_CONNECT_SECONDS = "2"
_ADDRESS = ("host", "port")  # SQLAlchemy joins repeated hosts and ports itself
_OWN = "progress_own_engine"


def engine_options(settings: Settings, setting: str = "DATABASE_URL") -> dict[str, Any]:
    """Return the arguments of `create_engine` for an engine of the service.

    Args:
        settings: DATABASE_URL, the timeout, and the number of threads (one connection each).
        setting: the name of the setting that the address comes from.

    Raises:
        SettingsError: the address is invalid.
    """
    url = _parsed(settings.database_url, setting)
    return {
        "execution_options": {_OWN: True},
        "isolation_level": "AUTOCOMMIT",
        "pool_size": settings.web_threads,
        "max_overflow": 0,
        # Flask-SQLAlchemy truncates it to an integer, so round up.
        "pool_timeout": math.ceil(settings.database_timeout / 1000),
        "pool_recycle": 1800,
        "json_deserializer": orjson.loads,
        # Parameters may be learners' data: keep them out of error messages and logs (spec 4.22).
        "hide_parameters": True,
        "connect_args": _connect_args(url, settings),
    }


def _connect_args(url: URL, settings: Settings) -> dict[str, Any]:
    """Return the libpq parameters of a connection: defaults, overridden by DATABASE_URL.

    The last value of a repeated parameter counts, as in libpq. `options` are joined with the
    defaults first, because PostgreSQL applies the last value of each option.
    """
    from_url = {name: _values(url, name)[-1] for name in url.query if name not in _ADDRESS}
    # libpq ignores PGOPTIONS once `options` is passed.
    extra = _values(url, "options") or [os.environ.get("PGOPTIONS", "")]
    timeout = os.environ.get("PGCONNECT_TIMEOUT") or _CONNECT_SECONDS
    arguments: dict[str, Any] = {"connect_timeout": timeout}
    arguments["fallback_application_name"] = "progress-api"
    arguments |= from_url | {"options": " ".join([_options(settings), *extra]).strip()}
    # Override PGCLIENTENCODING: an identifier may contain any character (spec 3.1).
    arguments["client_encoding"] = "UTF8"
    if url.get_driver_name() == "psycopg" and not settings.database_one_trip:
        arguments["prepare_threshold"] = None
    return arguments


def _options(settings: Settings) -> str:
    timeout = settings.database_timeout
    session: dict[str, object] = {"timezone": "UTC"}
    # The recount relies on it, so override defaults of the database and the role (spec 2.2).
    session["default_transaction_isolation"] = r"read\ committed"
    session |= {"statement_timeout": timeout, "lock_timeout": timeout}
    return " ".join(f"-c {name}={value}" for name, value in session.items())


def _values(url: URL, name: str) -> Sequence[str]:
    value = url.query.get(name, ())
    return [value] if isinstance(value, str) else value


def open_engine(settings: Settings, setting: str = "DATABASE_URL") -> Engine:
    """Create an engine with timeouts and a circuit breaker; it connects at first use.

    Args:
        settings: DATABASE_URL, the timeout, and the number of threads.
        setting: the name of the setting that the address comes from.

    Raises:
        SettingsError: the address is invalid.
    """
    engine = create_engine(settings.database_url, **engine_options(settings, setting))
    enforce_timeouts(engine, settings)
    return engine


def is_own(engine: Engine) -> bool:
    """Return whether an engine was created with `engine_options`, so that no host configured it.

    Args:
        engine: the service's engine or a host's.
    """
    return _OWN in engine.get_execution_options()


def enforce_timeouts(engine: Engine, settings: Settings, signals: Signals | None = None) -> None:
    """Close connections that are in use for longer than DATABASE_TIMEOUT plus 0.3 s (spec 7.1).

    Once a timeout has expired, only a background probe talks to the database until it responds.
    Behind a pooler, psycopg 3 does not prepare statements.

    Args:
        engine: created with `engine_options`.
        settings: `database_timeout` in milliseconds.
        signals: where each connection that is checked out or returned is sent.
    """
    seconds = settings.database_timeout / 1000 + _MARGIN_SECONDS
    CheckoutTimeouts(seconds, signals or Signals()).watch(engine)
    install_circuit_breaker(engine)
    if engine.driver == "psycopg":
        event.listen(engine, "connect", disable_preparing_behind_pooler)


def _parsed(url: str, setting: str) -> URL:
    requirement = f"{setting} must be the address of a PostgreSQL database"
    try:
        parsed = make_url(url)
        _, options = parsed.get_dialect()().create_connect_args(parsed)
        make_dsn(**options)  # rejects now what libpq would reject at each request
    except ArgumentError as error:
        raise SettingsError(f"{requirement}.") from error
    except psycopg2.ProgrammingError as error:
        raise SettingsError(f"{requirement}, and has an {str(error).strip()}.") from error
    return parsed
