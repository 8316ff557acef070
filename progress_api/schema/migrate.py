"""Migrate a database, check it, and return its revision."""

import time
from contextlib import suppress
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from alembic.script.revision import RevisionError
from sqlalchemy import Connection, Engine, func, inspect, select
from sqlalchemy.schema import CreateSchema

from progress_api.database import translated_schema
from progress_api.exceptions import MigrationFailed, SchemaDiffers
from progress_api.schema import keys
from progress_api.schema.adopt import is_created_by_hand, require_utf8
from progress_api.schema.locks import exclusive, retry_while_locked
from progress_api.schema.tables import certificates, metadata
from progress_api.settings import Settings

VERSION_TABLE = "progress_api_version"
REVISION_PREFIX = "progress_"  # a host's migrations may be numbered too
_INITIAL_REVISION = f"{REVISION_PREFIX}0001"
_FIRST_WITH_CERTIFICATES = f"{REVISION_PREFIX}0005"
_COUNT_CERTIFICATES = select(func.count()).select_from(certificates)
_CERTIFICATES = (
    "This would drop all certificates ({}), and their public addresses would be 404 forever: a "
    "later migration issues certificates with other ids. Add --yes to drop them."
)
_DISTRIBUTED = (
    "The keys of the tables are those of tables that are distributed by learner, and earlier "
    "revisions have others: restore a backup from before into another database instead."
)


def upgrade(
    engine: Engine, schema: str | None = None, timeout: float = Settings.migrate_timeout
) -> str:
    """Migrate a database to the newest revision; safe to run on many machines at once (spec 8.4).

    A database whose tables were created by hand is adopted (spec 8.2). A schema newer than this
    version is left unchanged.

    Args:
        engine: the engine of the database.
        schema: the schema of the tables, created if missing; None for the connection's search
            path.
        timeout: seconds to wait for another migration and for table locks.

    Returns:
        The revision of the database after the migration.

    Raises:
        SchemaDiffers: tables of the same names exist and differ.
        MigrationFailed: a statement failed, the database cannot be reached, or its encoding is
            not UTF-8.
        DatabaseUnavailable: another migration or a transaction took longer than the timeout.
    """
    deadline = time.monotonic() + timeout
    schema = translated_schema(engine, schema)
    with exclusive(engine, schema, deadline) as connection:
        require_utf8(connection)
        _create_schema(connection, schema)
        return retry_while_locked(connection, _upgrade, deadline)


def downgrade(
    engine: Engine,
    revision: str,
    schema: str | None = None,
    timeout: float = Settings.migrate_timeout,
    *,
    drop_certificates: bool = True,
) -> str:
    """Undo migrations down to a revision (spec 8.7).

    Args:
        engine: the engine of the database.
        revision: the revision to go back to, or "base" for an empty schema.
        schema: the schema of the tables; None for the connection's search path.
        timeout: seconds to wait for another migration and for table locks.
        drop_certificates: whether to undo the migration that created certificates if there are
            any. A later upgrade issues them with other ids, so their public addresses are lost.

    Returns:
        The revision of the database afterwards.

    Raises:
        SchemaDiffers: the revision does not exist.
        MigrationFailed: a migration could not be undone, the tables are distributed, or
            certificates would be dropped.
        DatabaseUnavailable: another migration or a transaction took longer than the timeout.
    """

    def undo(connection: Connection) -> str:
        if keys.is_by_learner(connection):
            raise MigrationFailed(_DISTRIBUTED)
        if not drop_certificates:
            _require_no_certificates(connection, revision)
        connection.rollback()  # Alembic begins, and commits, its own transactions
        command.downgrade(_config(connection), revision)
        return current_revision(connection)

    deadline = time.monotonic() + timeout
    schema = translated_schema(engine, schema)
    with exclusive(engine, schema, deadline) as connection:
        return retry_while_locked(connection, undo, deadline)


def check(
    engine: Engine, schema: str | None = None, timeout: float = Settings.migrate_timeout
) -> None:
    """Compare the database with the tables of this version.

    Args:
        engine: the engine of the database.
        schema: the schema of the tables; None for the connection's search path.
        timeout: seconds to wait for a running migration.

    Raises:
        SchemaDiffers: the tables differ; the message lists the differences.
        MigrationFailed: the database cannot be reached, or its encoding is not UTF-8.
        DatabaseUnavailable: a migration was still running after the timeout.
    """
    schema = translated_schema(engine, schema)
    with exclusive(engine, schema, time.monotonic() + timeout) as connection:
        require_utf8(connection)
        command.check(_config_to_compare(connection))
        if differences := keys.differences(connection):
            raise SchemaDiffers(f"The keys of the tables differ. {'; '.join(differences)}.")


def revision(engine: Engine, message: str) -> Path:
    """Generate the next migration from the differences between the database and the tables.

    Args:
        engine: the engine of a database at the newest revision.
        message: the docstring of the migration, in the imperative.

    Returns:
        The path of the new file.
    """
    deadline = time.monotonic() + Settings.migrate_timeout
    with exclusive(engine, None, deadline) as connection:
        config = _config_to_compare(connection)
        number = int(head().removeprefix(REVISION_PREFIX)) + 1
        revision_id = f"{REVISION_PREFIX}{number:04d}"
        script = command.revision(config, message, autogenerate=True, rev_id=revision_id)
    assert isinstance(script, Script)
    return Path(script.path).resolve()


def include_object(
    _: object,
    name: str | None,
    kind: str,
    reflected: bool,  # noqa: FBT001 - Alembic passes it by position
    __: object,
) -> bool:
    """Exclude the tables of this package from a host's Alembic autogeneration.

    Pass it as `include_object` to Alembic; otherwise Alembic proposes to drop these tables.

    Args:
        name: the name of the compared object.
        kind: the kind of the object, such as "table".
        reflected: whether the object was read from the database.

    Returns:
        False for a table of this package that was read from the database, True otherwise.
    """
    is_own = name in metadata.tables or name == VERSION_TABLE
    return not (is_own and kind == "table" and reflected)


@cache
def head() -> str:
    """Return the newest revision of this version."""
    return ScriptDirectory.from_config(_config(None)).get_current_head() or ""


def current_revision(connection: Connection, schema: str | None = None) -> str:
    """Return the revision of the database, "" if it was never migrated.

    Args:
        connection: its transaction, if any, is rolled back.
        schema: the schema of the tables; None for the connection's search path.
    """
    options = {"version_table": VERSION_TABLE, "version_table_schema": schema}
    current = MigrationContext.configure(connection, opts=options).get_current_revision()
    connection.rollback()
    return current or ""


def _upgrade(connection: Connection) -> str:
    current = current_revision(connection)
    if current.isdigit():  # the format of early revisions, without the prefix
        current = f"{REVISION_PREFIX}{current}"
        command.stamp(_config(connection), current, purge=True)
    if not current and is_created_by_hand(connection, _create_initial_tables):
        command.stamp(_config(connection), _INITIAL_REVISION)
    if current <= head():
        command.upgrade(_config(connection), "head")
    return current_revision(connection)


def _require_no_certificates(connection: Connection, revision: str) -> None:
    scripts = ScriptDirectory.from_config(_config(None))
    current = current_revision(connection)
    undone: set[str] = set()
    with suppress(RevisionError):  # Alembic has a sentence for it when it downgrades
        found = scripts.iterate_revisions(current or None, revision, select_for_downgrade=True)
        undone = {script.revision for script in found}
    if _FIRST_WITH_CERTIFICATES not in undone:
        return
    if count := connection.execute(_COUNT_CERTIFICATES).scalar_one():
        raise MigrationFailed(_CERTIFICATES.format(count))


def _create_schema(connection: Connection, schema: str | None) -> None:
    # Check first: CREATE SCHEMA IF NOT EXISTS needs the privilege even if the schema exists.
    if schema and not inspect(connection).has_schema(schema):
        connection.execute(CreateSchema(schema, if_not_exists=True))
    connection.commit()


def _create_initial_tables() -> None:
    scripts = ScriptDirectory.from_config(_config(None))
    scripts.get_revision(_INITIAL_REVISION).module.upgrade()


def _config_to_compare(connection: Connection) -> Config:
    config = _config(connection)
    if keys.is_by_learner(connection):
        config.attributes["include_object"] = keys.is_in_both_forms
    connection.rollback()
    return config


def _config(connection: Connection | None) -> Config:
    config = Config()
    path = str(Path(__file__).parent.parent / "migrations")
    config.set_main_option("script_location", path.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
