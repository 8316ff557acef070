"""Engines of our own, for a database that is not a host's."""

import math
from collections.abc import Callable
from typing import Any

import orjson
import psycopg2
from psycopg2.extensions import make_dsn
from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError

from progress_api.database.deadlines import Deadlines
from progress_api.database.silence import notice_silence
from progress_api.exceptions import SettingsError
from progress_api.settings import Settings

_MARGIN_SECONDS = 0.3
_OWN = "progress_own_engine"


def engine_options(settings: Settings) -> dict[str, Any]:
    """Return what `create_engine` is given for a database of our own.

    Raises:
        SettingsError: DATABASE_URL cannot be read.
    """
    timeout = settings.database_timeout
    session: dict[str, object] = {"timezone": "UTC", "client_encoding": "UTF8"}
    # What the recount relies on, whatever the database or the role is set to.
    session["default_transaction_isolation"] = r"read\ committed"
    session |= {"statement_timeout": timeout, "lock_timeout": timeout}
    told = " ".join(f"-c {name}={value}" for name, value in session.items())
    theirs = _parsed(settings.database_url).query.get("options", "")
    return {
        "execution_options": {_OWN: True},
        "isolation_level": "AUTOCOMMIT",
        "pool_size": settings.web_threads,
        "max_overflow": 0,
        "pool_timeout": math.ceil(timeout / 1000),  # Flask-SQLAlchemy cuts off its decimals
        "pool_recycle": 1800,
        "json_deserializer": orjson.loads,
        # A failed statement's values may be a learner's; they stay out of messages and logs.
        "hide_parameters": True,
        "connect_args": {
            "connect_timeout": 2,
            "application_name": "progress-api",
            "options": f"{told} {theirs}".strip(),
        },
    }


def open_engine(settings: Settings) -> Engine:
    """Return an engine of our own; it connects at its first use.

    Raises:
        SettingsError: DATABASE_URL cannot be read.
    """
    engine = create_engine(settings.database_url, **engine_options(settings))
    enforce_deadlines(engine, settings)
    return engine


def is_own(engine: Engine) -> bool:
    """Return whether an engine was made with `engine_options`: no host has set anything on it.

    Args:
        engine: the service's own, or a host's.
    """
    return _OWN in engine.get_execution_options()


def enforce_deadlines(
    engine: Engine, settings: Settings, in_use: Callable[[int], object] = bool
) -> None:
    """Hang up where a whole unit takes longer than one of its statements may, and a little.

    A database that is found to be silent by that is then asked in the background alone.

    Args:
        engine: one that was made with `engine_options`.
        settings: how long a statement may take.
        in_use: is told how many more connections are in use now: 1, or -1.
    """
    Deadlines(settings.database_timeout / 1000 + _MARGIN_SECONDS, in_use).watch(engine)
    notice_silence(engine)


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
