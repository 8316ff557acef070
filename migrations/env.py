"""Run by Alembic: migrate the connection that `progress_api.schema.migrate` has opened."""

from alembic import context

from progress_api.schema.migrate import VERSION_TABLE
from progress_api.schema.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transaction_per_migration=True,
    compare_server_default=True,
    # The tables of others in the same database are none of ours.
    include_name=lambda name, kind, _: kind != "table" or name in metadata.tables,
)

with context.begin_transaction():
    context.run_migrations()
