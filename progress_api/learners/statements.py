"""The statements about everything held about one learner, built once (spec 16.1 to 16.5).

Tutorials are visited in the order of their ids, some at a time, so that no statement takes long.
"""

from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    String,
    Subquery,
    Uuid,
    bindparam,
    cast,
    delete,
    false,
    func,
    literal_column,
    select,
    union,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert

from progress_api.database import Statement, Statements
from progress_api.learners.records import LearnerRows
from progress_api.schema.tables import (
    certificates,
    chapter_progress,
    metadata,
    quiz_attempt_keys,
    quiz_scores,
    tutorial_progress,
)
from progress_api.schema.times import utc_now

# Each table that holds the id of a learner; a new one is in the export without further code.
TABLES = tuple(table for table in metadata.sorted_tables if "user_id" in table.c)
# What is below a tutorial is deleted with it, by its foreign keys.
_ROOTS = tuple(table for table in TABLES if "tutorial_id" in table.c)
_COUNTED = {
    "tutorials": tutorial_progress,
    "chapters": chapter_progress,
    "quizzes": quiz_scores,
    "attempt_keys": quiz_attempt_keys,
    "certificates": certificates,
}
_USER = bindparam("of_user", type_=String)
_TUTORIALS = bindparam("tutorials", type_=ARRAY(String))
# A row's id is given, as everywhere: distributed tables do not make it (spec 12.9).
_NEW_IDS = cast(bindparam("new_ids", type_=ARRAY(String)), ARRAY(Uuid()))
# Marks a row that an erasure has created itself, to lock its place.
_OWN: ColumnElement[Any] = literal_column("'-infinity'::timestamp")


def _tutorial_ids() -> Subquery:
    """Select the ids of all tutorials in which something is held about the learner."""
    held = [select(table.c.tutorial_id).where(table.c.user_id == _USER) for table in _ROOTS]
    return union(*held).subquery("held")


def _next_tutorials() -> Select[Any]:
    held = _tutorial_ids()
    page = (
        select(held.c.tutorial_id)
        .where(held.c.tutorial_id > bindparam("after", type_=String))
        .order_by(held.c.tutorial_id)
        .limit(bindparam("most", type_=Integer))
        .subquery("page")
    )
    return select(func.array_agg(aggregate_order_by(page.c.tutorial_id, page.c.tutorial_id)))


def _below(table: FromClause) -> tuple[FromClause, ColumnElement[str], list[Any]]:
    """Return the joins from a table to the one with its `tutorial_id`, and their conditions."""
    conditions: list[Any] = [table.c.user_id == _USER]
    source, current = table, table
    while "tutorial_id" not in current.c:
        key = next(iter(next(c for c in current.c if c.foreign_keys).foreign_keys))
        source, current = source.join(key.column.table, key.parent == key.column), key.column.table
        conditions.append(current.c.user_id == _USER)
    return source, current.c.tutorial_id, conditions


def _rows(table: FromClause, tutorial_id: ColumnElement[str]) -> Any:
    """Select the learner's rows of a table in a tutorial, as a JSON array of objects."""
    source, of_tutorial, conditions = _below(table)
    rows = select(*table.c).select_from(source).where(of_tutorial == tutorial_id, *conditions)
    found = rows.correlate(tutorial_id.table).subquery("found")
    listed = func.json_agg(literal_column("found"))
    return select(func.coalesce(listed, literal_column("'[]'::json"))).select_from(found)


def _export() -> Select[Any]:
    tutorials = (
        func.unnest(_TUTORIALS).table_valued("tutorial_id", name="tutorials").render_derived()
    )
    tutorial_id: Any = tutorials.c.tutorial_id
    parts: list[Any] = [literal_column("'tutorialId'"), tutorial_id]
    for table in TABLES:
        parts += [literal_column(f"'{table.name}'"), _rows(table, tutorial_id).scalar_subquery()]
    listed = aggregate_order_by(func.json_build_object(*parts), tutorial_id)
    return select(func.json_agg(listed)).select_from(tutorials)


def _counts(*conditions: Any) -> dict[str, Any]:
    """Return the number of the learner's rows in each table; conditions are about tutorials."""
    counts = {}
    for name in LearnerRows._fields:
        source, tutorial_id, of_user = _below(_COUNTED[name])
        limits = [condition(tutorial_id) for condition in conditions]
        count = select(func.count()).select_from(source).where(*of_user, *limits)
        counts[name] = count.scalar_subquery()
    return counts


def _count() -> Select[Any]:
    total = select(func.count()).select_from(_tutorial_ids()).scalar_subquery()
    return select(total.label("total"), *_labelled(_counts()))


def _lock() -> Any:
    """Take the row of each tutorial, and create it where only a certificate is left.

    A learner who writes meanwhile waits, and then finds nothing: what is recorded after is whole.
    """
    found = func.unnest(_TUTORIALS, _NEW_IDS).table_valued("tutorial_id", "id", name="tutorials")
    tutorials = found.render_derived().c
    names = ["id", "tutorial_id", "user_id", "created_at", "updated_at"]
    rows = select(tutorials.id, tutorials.tutorial_id, _USER, utc_now(), _OWN)
    added = insert(tutorial_progress).from_select(names, rows.order_by(tutorials.tutorial_id))
    stored = tutorial_progress.c
    return added.on_conflict_do_update(
        index_elements=[stored.tutorial_id, stored.user_id],
        set_={"updated_at": added.excluded.updated_at},
        where=false(),
    )


def _erase() -> Select[Any]:
    """Delete the tutorials, and return how many rows there were: a count sees them still."""
    counts = _counts(lambda tutorial_id: tutorial_id == func.any(_TUTORIALS))
    own = select(func.count()).where(
        *_of_tutorials(tutorial_progress), tutorial_progress.c.updated_at == _OWN
    )
    counts["tutorials"] -= own.scalar_subquery()
    return select(*_labelled(counts)).add_cte(*map(_delete, _ROOTS))


def _delete(table: Any) -> CTE:
    deleted = delete(table).where(*_of_tutorials(table))
    return deleted.returning(literal_column("1").label("one")).cte(f"deleted_{table.name}")


def _of_tutorials(table: Any) -> tuple[Any, ...]:
    return table.c.user_id == _USER, table.c.tutorial_id == func.any(_TUTORIALS)


def _labelled(counts: dict[str, Any]) -> list[Any]:
    return [count.label(name) for name, count in counts.items()]


NEXT_TUTORIALS = Statements(Statement(_next_tutorials()))
EXPORT = Statements(Statement(_export()))
COUNT = Statements(Statement(_count()))
ERASE = Statements(Statement(_lock()), Statement(_erase()))
