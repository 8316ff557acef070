"""Check whether a database has the schema and the privileges that the service needs."""

from sqlalchemy import Connection, Engine

from progress_api.database import checked_connection, guard, translated_schema
from progress_api.exceptions import DatabaseNotMigrated, DatabaseUnavailable, PrivilegeMissing
from progress_api.schema import catalog
from progress_api.schema.migrate import VERSION_TABLE, current_revision, head
from progress_api.schema.tables import PRIVILEGES


def readiness_error(engine: Engine, schema: str | None = None) -> DatabaseUnavailable | None:
    """Return why the service cannot work on this database, or None if it can (spec 9.2).

    A schema newer than this version is accepted, so that two versions can run during a roll-out.

    Args:
        engine: the engine of the database.
        schema: the schema of the tables; None for the connection's search path.

    Raises:
        DatabaseUnavailable: the database does not respond.
    """
    schema = translated_schema(engine, schema)
    with guard(engine), checked_connection(engine) as connection:
        # A host's schema_translate_map must not apply to the catalog queries.
        connection.execution_options(schema_translate_map=None)
        if missing := _missing_privileges(connection, schema):
            return PrivilegeMissing(f"The database role of the service lacks {', '.join(missing)}.")
        if current_revision(connection, schema) < head():
            return DatabaseNotMigrated()
    return None


def _missing_privileges(connection: Connection, schema: str | None) -> list[str]:
    missing = list(connection.scalars(catalog.missing_usage(VERSION_TABLE, schema)))
    if not missing:  # without USAGE, the query for table privileges fails
        needed = PRIVILEGES | {VERSION_TABLE: ("SELECT",)}
        missing += connection.scalars(catalog.missing_privileges(needed, schema))
    return missing
