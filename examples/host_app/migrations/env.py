"""Run by Alembic: the school's own history, in the table alembic_version."""

from alembic import context
from campus import create_app
from campus.models import db

from progress_api import include_object

with create_app().app_context(), db.engine.connect() as connection:
    context.configure(
        connection=connection, target_metadata=db.metadata, include_object=include_object
    )
    with context.begin_transaction():
        context.run_migrations()
