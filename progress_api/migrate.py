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
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, func, inspect, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateSchema

from progress_api.adopt import made_by_hand, require_utf8
from progress_api.database import sqlstate
from progress_api.exceptions import DatabaseUnavailable, MigrationFailed, SchemaDiffers
from progress_api.repository.tables import metadata

VERSION_TABLE = "progress_api_version"
REVISION_PREFIX = "progress_"  # a host's own history may have numbers too
_GUIDE_REVISION = f"{REVISION_PREFIX}0001"
_ADVISORY_LOCK = 0x70726F6772657373
_LOCK_TIMEOUT = "3s"
_LOCK_NOT_AVAILABLE = "55P03"
_ATTEMPTS = 20
_log = logging.getLogger("progress_api.migrate")


def upgrade(engine: Engine, schema: str | None = None) -> str:
    """Bring the database to head; as many machines at once as like.

    A database where the guide's SQL was run by hand is adopted. One whose schema is newer than
    this version is left as it is.

    Args:
        engine: of the database.
        schema: that the tables are in, made if it is missing; None for where a connection looks
            by itself.

    Returns:
        The revision that the database is at now.

    Raises:
        SchemaDiffers: tables of the guide's names are there, and are not the guide's.
        MigrationFailed: the database refused a statement, cannot be reached, or is not in UTF-8.
        DatabaseUnavailable: others held its tables all the while.
    """
    with _one_at_a_time(engine, schema) as connection:
        require_utf8(connection)
        _make_schema(connection, schema)
        return _patiently(connection, _upgrade)


def downgrade(engine: Engine, revision: str, schema: str | None = None) -> str:
    """Take migrations back, for an operator who must.

    Args:
        engine: of the database.
        revision: the one to go back to, or "base".
        schema: that the tables are in.

    Returns:
        The revision that the database is at now.

    Raises:
        MigrationFailed: one could not be taken back.
        DatabaseUnavailable: others held its tables all the while.
    """

    def take_back(connection: Connection) -> str:
        command.downgrade(_config(connection), revision)
        return current_revision(connection)

    with _one_at_a_time(engine, schema) as connection:
        return _patiently(connection, take_back)


def check(engine: Engine, schema: str | None = None) -> None:
    """Compare the database with the tables that this version means.

    Args:
        engine: of the database.
        schema: that the tables are in.

    Raises:
        SchemaDiffers: naming what differs.
        MigrationFailed: the database cannot be reached, or is not in UTF-8.
    """
    with _one_at_a_time(engine, schema) as connection:
        require_utf8(connection)
        command.check(_config(connection))


def revision(engine: Engine, message: str) -> Path:
    """Write a new migration from what differs, numbered after the last one.

    Args:
        engine: of a database at head.
        message: what the migration does, in the imperative.

    Returns:
        The file that was written.
    """
    with _one_at_a_time(engine, None) as connection:
        config = _config(connection)
        number = int(head().removeprefix(REVISION_PREFIX)) + 1
        named = f"{REVISION_PREFIX}{number:04d}"
        script = command.revision(config, message, autogenerate=True, rev_id=named)
    assert isinstance(script, Script)
    return Path(script.path)


def include_object(
    _: object,
    name: str | None,
    kind: str,
    reflected: bool,  # noqa: FBT001 - Alembic gives it so
    __: object,
) -> bool:
    """Tell a host's own Alembic what is none of its business, as its `include_object`.

    Args:
        name: of what is compared.
        kind: of it, such as "table".
        reflected: whether the host's metadata does not have it, and the database does.

    Returns:
        False for a table of ours, which the host would drop because it does not know it.
    """
    ours = name in metadata.tables or name == VERSION_TABLE
    return not (ours and kind == "table" and reflected)


@cache
def head() -> str:
    """Return the newest revision that this version knows."""
    return ScriptDirectory.from_config(_config(None)).get_current_head() or ""


def current_revision(connection: Connection, schema: str | None = None) -> str:
    """Return the revision that the database is at, "" where no migration was run.

    Args:
        connection: to the database, with no transaction; it has none afterwards.
        schema: that the tables are in; None for where the connection looks by itself.
    """
    options = {"version_table": VERSION_TABLE, "version_table_schema": schema}
    current = MigrationContext.configure(connection, opts=options).get_current_revision()
    connection.rollback()
    return current or ""


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
    current = current_revision(connection)
    if current.isdigit():  # as they were numbered before they had their prefix
        current = f"{REVISION_PREFIX}{current}"
        command.stamp(_config(connection), current, purge=True)
    if not current and made_by_hand(connection, _make_guide_tables):
        command.stamp(_config(connection), _GUIDE_REVISION)
    if current <= head():
        command.upgrade(_config(connection), "head")
    return current_revision(connection)


def _make_schema(connection: Connection, schema: str | None) -> None:
    # Asked first: to make one if it is missing needs the right to do so also where it is not.
    if schema and not inspect(connection).has_schema(schema):
        connection.execute(CreateSchema(schema, if_not_exists=True))
    connection.commit()


@contextmanager
def _one_at_a_time(engine: Engine, schema: str | None) -> Iterator[Connection]:
    """A connection that holds the lock of migrations and gives up waiting for tables after 3 s."""
    try:
        with engine.connect().execution_options(isolation_level="READ COMMITTED") as connection:
            # What is set on this connection must not reach the pool.
            connection.detach()
            connection.execute(select(func.set_config("lock_timeout", _LOCK_TIMEOUT, False)))
            connection.execute(select(func.set_config("statement_timeout", "0", False)))
            if schema:  # and nothing else, so that no table of a host's is seen
                connection.execute(select(func.set_config("search_path", schema, False)))
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


def _make_guide_tables() -> None:
    scripts = ScriptDirectory.from_config(_config(None))
    scripts.get_revision(_GUIDE_REVISION).module.upgrade()


def _config(connection: Connection | None) -> Config:
    config = Config()
    path = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", path.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
