"""Whether the service can do its work on a database: its schema is there, and its privileges."""

from sqlalchemy import Connection, Engine

from progress_api.database import asking, checked_connection, translated_schema
from progress_api.exceptions import DatabaseNotMigrated, DatabaseUnavailable, PrivilegeMissing
from progress_api.schema import catalog
from progress_api.schema.migrate import VERSION_TABLE, current_revision, head
from progress_api.schema.tables import PRIVILEGES


def obstacle(engine: Engine, schema: str | None = None) -> DatabaseUnavailable | None:
    """Return what keeps the service from its work on this database, None where nothing does.

    A schema that is newer than this version needs is no obstacle, so that versions can overlap in
    a roll-out.

    Args:
        engine: of the database.
        schema: that the tables are in.

    Raises:
        DatabaseUnavailable: it does not answer.
    """
    schema = translated_schema(engine, schema)
    with asking(engine), checked_connection(engine) as connection:
        # The catalog is asked by names that a host's schema_translate_map does not translate.
        connection.execution_options(schema_translate_map=None)
        if missing := _missing_privileges(connection, schema):
            return PrivilegeMissing(f"The database role of the service lacks {', '.join(missing)}.")
        if current_revision(connection, schema) < head():
            return DatabaseNotMigrated()
    return None


def _missing_privileges(connection: Connection, schema: str | None) -> list[str]:
    missing = list(connection.scalars(catalog.missing_usage(VERSION_TABLE, schema)))
    if not missing:  # without USAGE, to ask for a table of the schema is an error
        needed = PRIVILEGES | {VERSION_TABLE: ("SELECT",)}
        missing += connection.scalars(catalog.missing_privileges(needed, schema))
    connection.rollback()
    return missing
