"""Rebuild the unique keys, so that PostgreSQL prefers them to the other indexes.

Among indexes of equal cost PostgreSQL uses the newest, and in tables that were never analyzed all
costs are equal. Each write therefore read the rows of every learner of its tutorial, through the
index on tutorial_id.
"""

import sqlalchemy as sa
from alembic import op

revision = "progress_0003"
down_revision = "progress_0002"
branch_labels = None
depends_on = None

_UNIQUE_KEYS = {
    "tutorial_progress": ("tutorial_id", "user_id"),
    "chapter_progress": ("progress_id", "chapter_id"),
    "quiz_scores": ("progress_id", "quiz_id"),
}


def upgrade() -> None:
    """Replace the index of each key by a new one, without blocking queries."""
    rebuild_unique_keys()


def downgrade() -> None:
    """Change nothing: the age of an index is not part of the schema."""


def rebuild_unique_keys() -> None:
    """Make the unique keys the newest indexes; a later migration that adds an index calls it."""
    context = op.get_context()
    if context._in_external_transaction:  # noqa: SLF001 - no public name in Alembic
        _replace_in_transaction()
        return
    schema = None if context.as_sql else tables_schema()
    with context.autocommit_block():
        for table, columns in _UNIQUE_KEYS.items():
            _rebuild(_name(table, columns), schema)


def _name(table: str, columns: tuple[str, ...]) -> str:
    return f"{table}_{'_'.join(columns)}_key"


def tables_schema() -> str | None:
    """Return the schema of the tables, because outside a transaction the search path may differ."""
    relation = sa.table("pg_class", sa.column("oid"), sa.column("relnamespace"))
    namespace = sa.table("pg_namespace", sa.column("oid"), sa.column("nspname", sa.String))
    is_table = relation.c.oid == sa.func.to_regclass("tutorial_progress")
    joined = relation.join(namespace, namespace.c.oid == relation.c.relnamespace)
    name = sa.select(namespace.c.nspname).select_from(joined).where(is_table)
    schema: str | None = op.get_bind().scalar(name)
    return schema


def _rebuild(key: str, schema: str | None) -> None:
    # An interrupted REINDEX CONCURRENTLY leaves these indexes behind.
    for index in (f"{key}_ccnew", f"{key}_ccold"):
        op.drop_index(index, schema=schema, if_exists=True, postgresql_concurrently=True)
    quote = op.get_context().dialect.identifier_preparer.quote
    op.execute("REINDEX INDEX CONCURRENTLY " + ".".join(map(quote, filter(None, (schema, key)))))


def _replace_in_transaction() -> None:
    for table, columns in _UNIQUE_KEYS.items():
        key = op.f(_name(table, columns))
        op.drop_constraint(key, table, type_="unique")
        op.create_unique_constraint(key, table, list(columns))
