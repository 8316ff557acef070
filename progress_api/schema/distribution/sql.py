"""The SQL that distributes the tables, which is run as it is printed (spec 17.3)."""

from io import StringIO

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import func, select

from progress_api.schema import keys

_NAMES = tuple(table.name for table in (*keys.BY_LEARNER, *keys.OF_ALL))
LOCK = f"LOCK TABLE {', '.join(_NAMES)} IN ACCESS EXCLUSIVE MODE"
_SHARDS = 32


def script(schema: str | None = None) -> str:
    """Return the SQL that `distribute` runs, for a person to read or run.

    Args:
        schema: the schema of the tables; None for the search path of the session that runs it.
    """
    settings = ["SET LOCAL lock_timeout = '3s'"]
    if schema:
        settings.append(f"SET LOCAL search_path = '{schema}'")
    transaction = ["BEGIN", *settings, LOCK, *statements(), "COMMIT"]
    return "".join(f"{statement};\n" for statement in transaction)


def statements() -> list[str]:
    """Return the statements that follow the lock."""
    written = StringIO()
    options = {"as_sql": True, "literal_binds": True, "output_buffer": written}
    context = MigrationContext.configure(dialect_name="postgresql", opts=options)
    _define(Operations(context))
    return [statement for statement in written.getvalue().split(";\n\n") if statement]


def _define(operations: Operations) -> None:
    foreign = [key for key in keys.CHANGED if key.parent]
    for key in foreign:
        operations.drop_constraint(key.name, key.table, type_="foreignkey")
    # Citus distributes no table with a trigger, and every version since writes `user_id` itself.
    for name in dict.fromkeys(key.table for key in foreign):
        operations.execute(f"DROP TRIGGER IF EXISTS progress_fill_user_id ON {name}")
    operations.execute("DROP FUNCTION IF EXISTS progress_fill_user_id()")
    for key in keys.CHANGED:
        if not key.parent:
            _replace(operations, key)
    _distribute_tables(operations)
    for key in foreign:
        operations.create_foreign_key(
            key.name,
            *(key.table, key.parent or "", [*key.by_learner], [*key.referred]),
            ondelete="CASCADE",
        )


def _replace(operations: Operations, key: keys.Key) -> None:
    if key.kind == "PRIMARY KEY":  # which makes `user_id` NOT NULL
        operations.drop_constraint(key.name, key.table, type_="primary")
        operations.create_primary_key(key.name, key.table, [*key.by_learner])
    else:
        operations.drop_constraint(key.name, key.table, type_="unique")
        operations.create_unique_constraint(key.name, key.table, [*key.by_learner])


def _distribute_tables(operations: Operations) -> None:
    first, *others = [str(table.name) for table in keys.BY_LEARNER]
    by_learner = first, keys.LEARNER, "hash", "none", _SHARDS
    operations.execute(select(func.create_distributed_table(*by_learner)))
    for name in others:
        beside = name, keys.LEARNER, "hash", first
        operations.execute(select(func.create_distributed_table(*beside)))
    for table in keys.OF_ALL:
        operations.execute(select(func.create_reference_table(str(table.name))))
