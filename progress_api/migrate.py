"""The schema: bring a database to head, adopt one that was made by hand, tell where one is."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from progress_api.database import is_out_of_reach, live_connection, sqlstate
from progress_api.exceptions import DatabaseUnavailable, MigrationFailed, SchemaDiffers
from progress_api.repository import catalog

VERSION_TABLE = "progress_api_version"
GUIDE_REVISION = "0001"
_GUIDE_TABLES = ("tutorial_progress", "chapter_progress", "quiz_scores")
_ADVISORY_LOCK = 0x70726F6772657373
_LOCK_TIMEOUT = "3s"
_LOCK_NOT_AVAILABLE = "55P03"
_ATTEMPTS = 20
_log = logging.getLogger("progress_api.migrate")


def upgrade(engine: Engine) -> str:
    """Bring the database to head; as many machines at once as like.

    A database where the guide's SQL was run by hand is adopted. One whose schema is newer than
    this version is left as it is.

    Args:
        engine: of the database.

    Returns:
        The revision that the database is at now.

    Raises:
        SchemaDiffers: tables of the guide's names are there, and are not the guide's.
        MigrationFailed: the database refused a statement, or cannot be reached.
        DatabaseUnavailable: others held its tables all the while.
    """
    with _one_at_a_time(engine) as connection:
        return _patiently(connection, _upgrade)


def downgrade(engine: Engine, revision: str) -> str:
    """Take migrations back, for an operator who must.

    Args:
        engine: of the database.
        revision: the one to go back to, or "base".

    Returns:
        The revision that the database is at now.

    Raises:
        MigrationFailed: one could not be taken back.
        DatabaseUnavailable: others held its tables all the while.
    """

    def take_back(connection: Connection) -> str:
        command.downgrade(_config(connection), revision)
        return _current(connection)

    with _one_at_a_time(engine) as connection:
        return _patiently(connection, take_back)


def check(engine: Engine) -> None:
    """Compare the database with the tables that this version means.

    Raises:
        SchemaDiffers: naming what differs.
    """
    with _one_at_a_time(engine) as connection:
        command.check(_config(connection))


def revision(engine: Engine, message: str) -> Path:
    """Write a new migration from what differs, numbered after the last one.

    Args:
        engine: of a database at head.
        message: what the migration does, in the imperative.

    Returns:
        The file that was written.
    """
    with _one_at_a_time(engine) as connection:
        config = _config(connection)
        number = f"{int(head()) + 1:04d}"
        script = command.revision(config, message, autogenerate=True, rev_id=number)
    assert isinstance(script, Script)
    return Path(script.path)


@cache
def head() -> str:
    """Return the newest revision that this version knows."""
    return ScriptDirectory.from_config(_config(None)).get_current_head() or ""


def is_ready(engine: Engine) -> bool:
    """Tell whether the database answers and holds at least the schema that this version needs.

    A newer one is ready too, so that versions can overlap in a roll-out.

    Args:
        engine: of the database.

    Raises:
        DatabaseUnavailable: it does not answer.
    """
    try:
        with live_connection(engine) as connection:
            return _current(connection) >= head()
    except SQLAlchemyError as error:
        if is_out_of_reach(error):
            raise DatabaseUnavailable from error
        raise


def _patiently(connection: Connection, migrate: Callable[[Connection], str]) -> str:
    """Give up a wait for tables after 3 s, so that nobody queues behind it, and try again."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return migrate(connection)
        except DBAPIError as error:
            connection.rollback()
            if sqlstate(error) != _LOCK_NOT_AVAILABLE:
                raise
            _log.warning("migration waits: the tables are in use (attempt %d)", attempt)
            time.sleep(min(attempt / 4, 2))
    raise DatabaseUnavailable("Others held the tables all the while; migrate when they are idle.")


def _upgrade(connection: Connection) -> str:
    current = _current(connection)
    if not current and _adoptable(connection):
        command.stamp(_config(connection), GUIDE_REVISION)
    if current <= head():
        command.upgrade(_config(connection), "head")
    return _current(connection)


def _current(connection: Connection) -> str:
    options = {"version_table": VERSION_TABLE}
    current = MigrationContext.configure(connection, opts=options).get_current_revision()
    connection.rollback()
    return current or ""


@contextmanager
def _one_at_a_time(engine: Engine) -> Iterator[Connection]:
    """A connection that holds the lock of migrations and gives up waiting for tables after 3 s."""
    try:
        with engine.connect().execution_options(isolation_level="READ COMMITTED") as connection:
            # What is set on this connection must not reach the pool.
            connection.detach()
            connection.execute(select(func.set_config("lock_timeout", _LOCK_TIMEOUT, False)))
            connection.execute(select(func.set_config("statement_timeout", "0", False)))
            connection.commit()
            # Tried again and again, not waited for: a waiting statement holds a snapshot, and an
            # index that another machine builds concurrently waits for that snapshot to end.
            while not _try_lock(connection):
                time.sleep(0.1)
            yield connection
    except CommandError as error:
        raise SchemaDiffers(str(error)) from error
    except DBAPIError as error:
        told = str(error.orig).partition("\n")[0]
        raise MigrationFailed(f"The database was not migrated: {told}") from error


def _try_lock(connection: Connection) -> bool:
    locked = connection.execute(select(func.pg_try_advisory_lock(_ADVISORY_LOCK))).scalar_one()
    connection.commit()
    return bool(locked)


def _adoptable(connection: Connection) -> bool:
    """Whether the guide's tables were made here by hand.

    Raises:
        SchemaDiffers: some table of that name is another.
    """
    found = _described(connection)
    connection.rollback()
    if not found:
        return False
    meant = _described_by_guide(connection)
    missing, unexpected = sorted(meant - found), sorted(found - meant)
    if missing or unexpected:
        told = [f"missing: {line}" for line in missing] + [
            f"not the guide's: {line}" for line in unexpected
        ]
        raise SchemaDiffers("The tables differ from the guide's. " + "; ".join(told) + ".")
    return True


def _described_by_guide(connection: Connection) -> set[str]:
    """Migration 1, made as temporary tables and rolled back: no second description of it."""
    guide = ScriptDirectory.from_config(_config(connection)).get_revision(GUIDE_REVISION)
    with connection.begin() as transaction:
        connection.execute(select(func.set_config("search_path", "pg_temp", True)))
        with Operations.context(MigrationContext.configure(connection)):
            guide.module.upgrade()
        described = _described(connection)
        transaction.rollback()
    return described


def _described(connection: Connection) -> set[str]:
    return set(connection.scalars(catalog.described(_GUIDE_TABLES)))


def _config(connection: Connection | None) -> Config:
    config = Config()
    path = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", path.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
