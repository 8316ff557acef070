"""Engines of our own, for a database that is not a host's."""

import math
import os
from collections.abc import Callable, Sequence
from typing import Any

import orjson
import psycopg2
from psycopg2.extensions import make_dsn
from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from progress_api.database.circuit_breaker import install_circuit_breaker
from progress_api.database.preparing import prepare_nothing_behind_a_pooler
from progress_api.database.timeouts import CheckoutTimeouts
from progress_api.exceptions import SettingsError
from progress_api.settings import Settings

_MARGIN_SECONDS = 0.3
_CONNECT_SECONDS = "2"
_HOSTS = ("host", "port")  # SQLAlchemy joins repeated hosts, each with its port
_OWN = "progress_own_engine"


def engine_options(settings: Settings) -> dict[str, Any]:
    """Return what `create_engine` is given for a database of our own.

    Raises:
        SettingsError: DATABASE_URL cannot be read.
    """
    url = _parsed(settings.database_url)
    return {
        "execution_options": {_OWN: True},
        "isolation_level": "AUTOCOMMIT",
        "pool_size": settings.web_threads,
        "max_overflow": 0,
        # Flask-SQLAlchemy cuts off its decimals.
        "pool_timeout": math.ceil(settings.database_timeout / 1000),
        "pool_recycle": 1800,
        "json_deserializer": orjson.loads,
        # A failed statement's values may be a learner's; they stay out of messages and logs.
        "hide_parameters": True,
        "connect_args": _connect_args(url, settings),
    }


def _connect_args(url: URL, settings: Settings) -> dict[str, Any]:
    """Return the arguments of each connection: those of DATABASE_URL, and defaults.

    A parameter that is repeated in the URL has its last value, as in libpq. `options` are joined,
    and PostgreSQL applies the last value of each: ours come first.
    """
    given = {name: _values(url, name)[-1] for name in url.query if name not in _HOSTS}
    # libpq takes PGOPTIONS only where no `options` are given.
    theirs = _values(url, "options") or [os.environ.get("PGOPTIONS", "")]
    timeout = os.environ.get("PGCONNECT_TIMEOUT") or _CONNECT_SECONDS
    arguments: dict[str, Any] = {"connect_timeout": timeout}
    arguments["fallback_application_name"] = "progress-api"
    arguments |= given | {"options": " ".join([_options(settings), *theirs]).strip()}
    # An identifier may hold any character, whatever PGCLIENTENCODING or the database prefers.
    arguments["client_encoding"] = "UTF8"
    if url.get_driver_name() == "psycopg" and not settings.database_one_trip:
        arguments["prepare_threshold"] = None
    return arguments


def _options(settings: Settings) -> str:
    timeout = settings.database_timeout
    session: dict[str, object] = {"timezone": "UTC"}
    # What the recount relies on, whatever the database or the role is set to.
    session["default_transaction_isolation"] = r"read\ committed"
    session |= {"statement_timeout": timeout, "lock_timeout": timeout}
    return " ".join(f"-c {name}={value}" for name, value in session.items())


def _values(url: URL, name: str) -> Sequence[str]:
    value = url.query.get(name, ())
    return [value] if isinstance(value, str) else value


def open_engine(settings: Settings) -> Engine:
    """Return an engine of our own; it connects at its first use.

    Raises:
        SettingsError: DATABASE_URL cannot be read.
    """
    engine = create_engine(settings.database_url, **engine_options(settings))
    enforce_timeouts(engine, settings)
    return engine


def is_own(engine: Engine) -> bool:
    """Return whether an engine was made with `engine_options`: no host has set anything on it.

    Args:
        engine: the service's own, or a host's.
    """
    return _OWN in engine.get_execution_options()


def enforce_timeouts(
    engine: Engine, settings: Settings, in_use: Callable[[int], object] = bool
) -> None:
    """Hang up where a whole unit takes longer than one of its statements may, and a little.

    A database that is found to be silent by that is then asked in the background alone. Behind a
    pooler, psycopg 3 prepares nothing.

    Args:
        engine: one that was made with `engine_options`.
        settings: how long a statement may take.
        in_use: is told how many more connections are in use now: 1, or -1.
    """
    CheckoutTimeouts(settings.database_timeout / 1000 + _MARGIN_SECONDS, in_use).watch(engine)
    install_circuit_breaker(engine)
    if engine.driver == "psycopg":
        event.listen(engine, "connect", prepare_nothing_behind_a_pooler)


def _parsed(url: str) -> URL:
    needed = "DATABASE_URL must be the address of a PostgreSQL database"
    try:
        parsed = make_url(url)
        _, options = parsed.get_dialect()().create_connect_args(parsed)
        make_dsn(**options)  # which refuses what libpq would refuse at each request
    except ArgumentError as error:
        raise SettingsError(f"{needed}.") from error
    except psycopg2.ProgrammingError as error:
        raise SettingsError(f"{needed}, and has an {str(error).strip()}.") from error
    return parsed
