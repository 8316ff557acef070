"""The schema: bring a database to head, adopt one that was made by hand, tell where one is."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, Inspector, func, inspect, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from progress_api.database import is_out_of_reach, sqlstate
from progress_api.exceptions import DatabaseUnavailable, SchemaDiffers

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
        DatabaseUnavailable: it cannot be reached, or others held its tables all the while.
    """
    with _one_at_a_time(engine) as connection:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return _upgrade(connection)
            except DBAPIError as error:
                connection.rollback()
                if sqlstate(error) != _LOCK_NOT_AVAILABLE:
                    raise
                _log.warning("migration waits: the tables are in use (attempt %d)", attempt)
                time.sleep(min(attempt / 4, 2))
    raise DatabaseUnavailable("Others held the tables all the while; migrate when they are idle.")


def downgrade(engine: Engine, revision: str) -> None:
    """Take migrations back, for an operator who must.

    Args:
        engine: of the database.
        revision: the one to go back to, or "base".
    """
    with _one_at_a_time(engine) as connection:
        command.downgrade(_config(connection), revision)


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
        with engine.connect() as connection:
            return _current(connection) >= _HEAD
    except SQLAlchemyError as error:
        if is_out_of_reach(error):
            raise DatabaseUnavailable from error
        raise


def _upgrade(connection: Connection) -> str:
    current = _current(connection)
    if not current and _adoptable(connection):
        command.stamp(_config(connection), GUIDE_REVISION)
    if current <= _HEAD:
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
        if is_out_of_reach(error):
            told = str(error.orig).partition("\n")[0]
            raise DatabaseUnavailable(f"The database cannot be reached: {told}") from error
        raise


def _try_lock(connection: Connection) -> bool:
    locked = connection.execute(select(func.pg_try_advisory_lock(_ADVISORY_LOCK))).scalar_one()
    connection.commit()
    return bool(locked)


def _adoptable(connection: Connection) -> bool:
    """Whether the guide's tables were made here by hand.

    Raises:
        SchemaDiffers: some table of that name is another.
    """
    found = _described(inspect(connection))
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
        described = _described(inspect(connection))
        transaction.rollback()
    return described


def _described(inspector: Inspector) -> set[str]:
    """Each column, key, check and index of the guide's tables that are there, a line each."""
    there = [table for table in _GUIDE_TABLES if inspector.has_table(table)]
    return {f"{table}: {line}" for table in there for line in _lines(inspector, table)}


def _lines(inspector: Inspector, table: str) -> Iterator[str]:
    for column in inspector.get_columns(table):
        null = "" if column["nullable"] else " not null"
        yield f"column {column['name']} {column['type']}{null} default {column['default']}"
    for check in inspector.get_check_constraints(table):
        yield f"check {check['name']} ({check['sqltext']})"
    for unique in inspector.get_unique_constraints(table):
        yield f"unique {unique['name']} {unique['column_names']}"
    key = inspector.get_pk_constraint(table)
    yield f"primary key {key['name']} {key['constrained_columns']}"
    for foreign in inspector.get_foreign_keys(table):
        yield _foreign_key(foreign)
    for index in inspector.get_indexes(table):
        order = index.get("column_sorting", {})
        yield f"index {index['name']} {index['column_names']} {order} unique={index['unique']}"


def _foreign_key(foreign: Any) -> str:
    columns = f"{foreign['constrained_columns']} to {foreign['referred_table']}"
    target = f"{foreign['referred_columns']} {foreign['options']}"
    return f"foreign key {foreign['name']} {columns} {target}"


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


_HEAD = head()
