"""Check a database before migration: its encoding, and tables that were created by hand."""

from collections.abc import Callable

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, func, select

from progress_api.exceptions import MigrationFailed, SchemaDiffers
from progress_api.schema.catalog import schema_fingerprint

_INITIAL_TABLES = ("tutorial_progress", "chapter_progress", "quiz_scores")
_LATER_TABLES = ("quiz_attempt_keys", "tutorial_outlines", "tutorial_certificates")


def require_utf8(connection: Connection) -> None:
    """Reject a database whose encoding cannot store every identifier (spec 8.6).

    Args:
        connection: outside a transaction before and after.

    Raises:
        MigrationFailed: the encoding is not UTF-8.
    """
    encoding = connection.scalar(select(func.current_setting("server_encoding")))
    connection.rollback()
    if encoding != "UTF8":
        raise MigrationFailed(
            f"The encoding of the database is {encoding} and must be UTF8: create the database "
            "with ENCODING 'UTF8'."
        )


def is_created_by_hand(connection: Connection, create_tables: Callable[[], None]) -> bool:
    """Return whether the tables of migration 1 exist in a database that was never migrated.

    Args:
        connection: outside a transaction before and after.
        create_tables: creates the tables of migration 1 with Alembic's operations.

    Raises:
        SchemaDiffers: a table differs from migration 1, or was created by another Alembic
            history (spec 8.2).
    """
    existing = _fingerprint(connection, _INITIAL_TABLES)
    later = [table for table in _LATER_TABLES if _fingerprint(connection, (table,))]
    connection.rollback()
    if not existing:
        return False
    if later:
        raise SchemaDiffers(
            f"{', '.join(later)} exists, but was not created by this Alembic history: "
            "migrate by the Alembic history that did, or rename the table."
        )
    expected = _expected_fingerprint(connection, create_tables)
    differences = [f"missing: {line}" for line in sorted(expected - existing)]
    differences += [f"unexpected: {line}" for line in sorted(existing - expected)]
    if differences:
        reason = "; ".join(differences)
        raise SchemaDiffers(f"The tables differ from those of migration 1. {reason}.")
    return True


def _expected_fingerprint(connection: Connection, create_tables: Callable[[], None]) -> set[str]:
    """Run migration 1 on temporary tables and roll it back, so that it need not be repeated."""
    with connection.begin() as transaction:
        connection.execute(select(func.set_config("search_path", "pg_temp", True)))
        with Operations.context(MigrationContext.configure(connection)):
            create_tables()
        fingerprint = _fingerprint(connection, _INITIAL_TABLES)
        transaction.rollback()
    return fingerprint


def _fingerprint(connection: Connection, tables: tuple[str, ...]) -> set[str]:
    return set(connection.scalars(schema_fingerprint(tables)))
