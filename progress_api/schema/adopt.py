"""Whether a database is fit: in UTF-8, and its tables the guide's where they were made by hand."""

from collections.abc import Callable

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, func, select

from progress_api.exceptions import MigrationFailed, SchemaDiffers
from progress_api.schema import catalog

_GUIDE_TABLES = ("tutorial_progress", "chapter_progress", "quiz_scores")
_LATER_TABLES = ("quiz_attempt_keys",)


def require_utf8(connection: Connection) -> None:
    """Refuse a database that cannot hold each id (contract, "identifiers and numbers").

    Args:
        connection: to the database, with no transaction; it has none afterwards.

    Raises:
        MigrationFailed: it is in another encoding.
    """
    encoding = connection.scalar(select(func.current_setting("server_encoding")))
    connection.rollback()
    if encoding != "UTF8":
        raise MigrationFailed(
            f"The database is in {encoding}, and must be in UTF8: make one with ENCODING 'UTF8'."
        )


def made_by_hand(connection: Connection, make_guide_tables: Callable[[], None]) -> bool:
    """Look for tables that no migration of ours is known to have made.

    Args:
        connection: to the database, with no transaction; it has none afterwards.
        make_guide_tables: makes them through Alembic's operations.

    Raises:
        SchemaDiffers: some table of that name is another, or another history made it.
    """
    found, later = _described(connection, _GUIDE_TABLES), _described(connection, _LATER_TABLES)
    connection.rollback()
    if not found:
        return False
    if later:
        raise SchemaDiffers(
            f"{', '.join(_LATER_TABLES)} is there, and no migration of this history made it: "
            "migrate by the Alembic history that did, or rename it."
        )
    meant = _described_by_guide(connection, make_guide_tables)
    missing, unexpected = sorted(meant - found), sorted(found - meant)
    if missing or unexpected:
        told = [f"missing: {line}" for line in missing] + [
            f"not the guide's: {line}" for line in unexpected
        ]
        raise SchemaDiffers("The tables differ from the guide's. " + "; ".join(told) + ".")
    return True


def _described_by_guide(connection: Connection, make: Callable[[], None]) -> set[str]:
    """Migration 1, made as temporary tables and rolled back: no second description of it."""
    with connection.begin() as transaction:
        connection.execute(select(func.set_config("search_path", "pg_temp", True)))
        with Operations.context(MigrationContext.configure(connection)):
            make()
        described = _described(connection, _GUIDE_TABLES)
        transaction.rollback()
    return described


def _described(connection: Connection, tables: tuple[str, ...]) -> set[str]:
    return set(connection.scalars(catalog.described(tables)))
