"""The keys of the tables in both forms: plain, and distributed by learner (spec 17.1).

Citus distributes a table by one column, and each of its keys must hold that column. A key has the
same name in both forms, and `ON CONFLICT ON CONSTRAINT` finds it by that name.
"""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, ForeignKeyConstraint, PrimaryKeyConstraint, UniqueConstraint
from sqlalchemy.schema import Constraint, Table

from progress_api.schema.catalog import constraint_definitions
from progress_api.schema.tables import certificates, metadata, tutorial_progress

LEARNER = "user_id"
# In the order in which writers lock the tables: parents first, certificates last.
BY_LEARNER = tuple(
    sorted(
        (table for table in metadata.sorted_tables if LEARNER in table.c),
        key=lambda table: table is certificates,
    )
)
# The same for all learners, and copied whole to each machine.
OF_ALL = tuple(table for table in metadata.sorted_tables if LEARNER not in table.c)
_KINDS = PrimaryKeyConstraint, UniqueConstraint, ForeignKeyConstraint
# Anybody finds a certificate by its id alone, so the index must begin with it.
_ID_FIRST = certificates.primary_key.name


class Key(NamedTuple):
    """A primary, unique or foreign key of a table by learner."""

    table: str
    name: str
    kind: str
    columns: tuple[str, ...]
    by_learner: tuple[str, ...]
    parent: str | None

    def definition(self, *, by_learner: bool) -> str:
        """Return the key as PostgreSQL's `pg_get_constraintdef` writes it.

        Args:
            by_learner: whether in the form of distributed tables.
        """
        text = f"{self.kind} ({', '.join(self.by_learner if by_learner else self.columns)})"
        if not self.parent:
            return text
        referred = ", ".join(self.referred if by_learner else self.referred[-1:])
        return f"{text} REFERENCES {self.parent}({referred}) ON DELETE CASCADE"

    @property
    def referred(self) -> tuple[str, str]:
        """The columns of the parent that a foreign key of distributed tables refers to."""
        return LEARNER, "id"


def _with_learner(name: str, columns: tuple[str, ...]) -> tuple[str, ...]:
    if LEARNER in columns:
        return columns
    return (*columns, LEARNER) if name == _ID_FIRST else (LEARNER, *columns)


def _key(table: Table, constraint: Constraint) -> Key:
    assert isinstance(constraint, _KINDS)
    name, columns = str(constraint.name), tuple(constraint.columns.keys())
    kind, parent = "UNIQUE", None
    if isinstance(constraint, PrimaryKeyConstraint):
        kind = "PRIMARY KEY"
    elif isinstance(constraint, ForeignKeyConstraint):
        kind, parent = "FOREIGN KEY", constraint.referred_table.name
    return Key(table.name, name, kind, columns, _with_learner(name, columns), parent)


def _keys_of(table: Table) -> list[Key]:
    constraints = [key for key in table.constraints if isinstance(key, _KINDS)]
    return sorted(_key(table, constraint) for constraint in constraints)


KEYS = tuple(key for table in BY_LEARNER for key in _keys_of(table))
CHANGED = tuple(key for key in KEYS if key.columns != key.by_learner)
_NAMES_OF_CHANGED = {key.name for key in CHANGED}


def is_by_learner(connection: Connection) -> bool:
    """Return whether the keys are those of distributed tables.

    A migration that adds or changes a key asks, because a distributed table's must hold `user_id`.

    Args:
        connection: with the schema of the tables in its search path.
    """
    definitions = _definitions(connection)
    primary = str(tutorial_progress.primary_key.name)
    return definitions.get(primary) == _definition(primary)


def differences(connection: Connection) -> list[str]:
    """Return a line for each key that is in neither form. Alembic does not compare all of them.

    Args:
        connection: with the schema of the tables in its search path.
    """
    definitions, by_learner = _definitions(connection), is_by_learner(connection)
    return [
        f"{key.name} is {definitions.get(key.name, 'missing')}, not {expected}"
        for key in KEYS
        if definitions.get(key.name) != (expected := key.definition(by_learner=by_learner))
    ]


def is_in_both_forms(_: object, name: str | None, kind: str, *__: object) -> bool:
    """Return whether Alembic is to compare an object of distributed tables with the plain ones.

    Args:
        name: the name of the object.
        kind: its kind, such as "column".
    """
    return not (name in _NAMES_OF_CHANGED or (kind == "column" and name == LEARNER))


def _definitions(connection: Connection) -> Mapping[str, str]:
    names = [table.name for table in BY_LEARNER]
    return {
        str(name): str(text) for name, text in connection.execute(constraint_definitions(names))
    }


def _definition(name: str) -> str:
    (key,) = (key for key in KEYS if key.name == name)
    return key.definition(by_learner=True)
