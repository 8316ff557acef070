"""Run migrations on the connection opened by `progress_api.schema.migrate`; called by Alembic."""

from alembic import context

from progress_api.schema.migrate import VERSION_TABLE
from progress_api.schema.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transaction_per_migration=True,
    compare_server_default=True,
    # Ignore tables of other applications in the same database.
    include_name=lambda name, kind, _: kind != "table" or name in metadata.tables,
    # In a distributed database, what differs there from the plain tables.
    include_object=context.config.attributes.get("include_object"),
)

with context.begin_transaction():
    context.run_migrations()
