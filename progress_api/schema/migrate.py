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
from sqlalchemy import Connection, Engine, inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateSchema

from progress_api.database import (
    errors_of,
    exclusive_connection,
    message_of,
    sqlstate,
    translated_schema,
)
from progress_api.exceptions import DatabaseUnavailable, MigrationFailed, SchemaDiffers
from progress_api.schema.adopt import made_by_hand, require_utf8
from progress_api.schema.tables import metadata
from progress_api.settings import Settings

VERSION_TABLE = "progress_api_version"
REVISION_PREFIX = "progress_"  # a host's own history may have numbers too
_GUIDE_REVISION = f"{REVISION_PREFIX}0001"
_LOCK_NOT_AVAILABLE = "55P03"
_log = logging.getLogger("progress_api.migrate")


def upgrade(
    engine: Engine, schema: str | None = None, timeout: float = Settings.migrate_timeout
) -> str:
    """Bring the database to head; as many machines at once as like.

    A database where the guide's SQL was run by hand is adopted. One whose schema is newer than
    this version is left as it is.

    Args:
        engine: of the database.
        schema: that the tables are in, made if it is missing; None for where a connection looks
            by itself.
        timeout: seconds to wait for another migration, and for tables that are in use.

    Returns:
        The revision that the database is at now.

    Raises:
        SchemaDiffers: tables of the guide's names are there, and are not the guide's.
        MigrationFailed: the database refused a statement, cannot be reached, or is not in UTF-8.
        DatabaseUnavailable: another migration, or a transaction, took longer than the timeout.
    """
    deadline = time.monotonic() + timeout
    schema = translated_schema(engine, schema)
    with _one_at_a_time(engine, schema, deadline) as connection:
        require_utf8(connection)
        _make_schema(connection, schema)
        return _patiently(connection, _upgrade, deadline)


def downgrade(
    engine: Engine,
    revision: str,
    schema: str | None = None,
    timeout: float = Settings.migrate_timeout,
) -> str:
    """Take migrations back, for an operator who must.

    Args:
        engine: of the database.
        revision: the one to go back to, or "base".
        schema: that the tables are in.
        timeout: seconds to wait for another migration, and for tables that are in use.

    Returns:
        The revision that the database is at now.

    Raises:
        MigrationFailed: one could not be taken back.
        DatabaseUnavailable: another migration, or a transaction, took longer than the timeout.
    """

    def take_back(connection: Connection) -> str:
        command.downgrade(_config(connection), revision)
        return current_revision(connection)

    deadline = time.monotonic() + timeout
    schema = translated_schema(engine, schema)
    with _one_at_a_time(engine, schema, deadline) as connection:
        return _patiently(connection, take_back, deadline)


def check(
    engine: Engine, schema: str | None = None, timeout: float = Settings.migrate_timeout
) -> None:
    """Compare the database with the tables that this version means.

    Args:
        engine: of the database.
        schema: that the tables are in.
        timeout: seconds to wait for a migration that is running.

    Raises:
        SchemaDiffers: naming what differs.
        MigrationFailed: the database cannot be reached, or is not in UTF-8.
        DatabaseUnavailable: a migration was still running after the timeout.
    """
    schema = translated_schema(engine, schema)
    with _one_at_a_time(engine, schema, time.monotonic() + timeout) as connection:
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
    deadline = time.monotonic() + Settings.migrate_timeout
    with _one_at_a_time(engine, None, deadline) as connection:
        config = _config(connection)
        number = int(head().removeprefix(REVISION_PREFIX)) + 1
        named = f"{REVISION_PREFIX}{number:04d}"
        script = command.revision(config, message, autogenerate=True, rev_id=named)
    assert isinstance(script, Script)
    return Path(script.path).resolve()


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


def _patiently(
    connection: Connection, migrate: Callable[[Connection], str], deadline: float
) -> str:
    """Try again for as long as the tables are in use, until the deadline."""
    attempt = 0
    while True:
        attempt += 1
        try:
            return migrate(connection)
        except DBAPIError as error:
            connection.rollback()
            if sqlstate(error) != _LOCK_NOT_AVAILABLE:
                raise
            if time.monotonic() >= deadline:
                raise DatabaseUnavailable(
                    "The tables were in use for all of MIGRATE_TIMEOUT; end the transactions that "
                    "hold them, or migrate when they are idle."
                ) from error
            _log.warning("migration waits: the tables are in use (attempt %d)", attempt)
        time.sleep(min(attempt / 4, 2))


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
def _one_at_a_time(engine: Engine, schema: str | None, deadline: float) -> Iterator[Connection]:
    try:
        with exclusive_connection(engine, schema, deadline) as connection:
            yield connection
    except CommandError as error:
        raise SchemaDiffers(str(error)) from error
    except errors_of(engine) as error:
        reason = message_of(getattr(error, "orig", error))
        raise MigrationFailed(f"The database was not migrated: {reason}") from error


def _make_guide_tables() -> None:
    scripts = ScriptDirectory.from_config(_config(None))
    scripts.get_revision(_GUIDE_REVISION).module.upgrade()


def _config(connection: Connection | None) -> Config:
    config = Config()
    path = str(Path(__file__).parent.parent / "migrations")
    config.set_main_option("script_location", path.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
