"""The statements about outlines, built once."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    JSON,
    ColumnElement,
    Integer,
    String,
    bindparam,
    cast,
    func,
    literal_column,
    null,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from progress_api.database import Statement, Statements
from progress_api.schema.tables import tutorial_outlines
from progress_api.schema.times import MICROSECOND, utc_now

_TUTORIAL = bindparam("of_tutorial", type_=String)
_outlines = tutorial_outlines.c
COLUMNS = (
    _outlines.tutorial_id,
    _outlines.title,
    _outlines.chapter_ids,
    _outlines.quiz_ids,
    _outlines.details,
    _outlines.certificate_percentage,
    _outlines.updated_at,
)


def _later(now: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return a later time than before, even if the clock steps back.

    Counts are stored with this time (spec 13.3).
    """
    return func.greatest(now, _outlines.updated_at + MICROSECOND)


def _put() -> Statements:
    values = {
        "title": bindparam("title", type_=String),
        "chapter_ids": bindparam("chapter_ids", type_=ARRAY(String)),
        "quiz_ids": bindparam("quiz_ids", type_=ARRAY(String)),
        "details": cast(bindparam("details", type_=String), JSON),
        "certificate_percentage": bindparam("certificate_percentage", type_=Integer),
        "updated_at": utc_now(),
    }
    added = insert(tutorial_outlines).values(tutorial_id=_TUTORIAL, **values)
    # The time of the new row: distributed tables take no `now()` here (spec 12.9).
    posted = added.excluded
    changed_at = _later(posted.updated_at)
    replaced = {name: posted[name] for name in values} | {"updated_at": changed_at}
    written = added.on_conflict_do_update(index_elements=[_outlines.tutorial_id], set_=replaced)
    return Statements(Statement(written.returning(*COLUMNS)))


def _delete() -> Statements:
    # The row stays: counts that were stored while it had an outline are not used any more.
    removed = update(tutorial_outlines).where(*_STORED)
    values = dict.fromkeys(
        ("title", "chapter_ids", "quiz_ids", "details", "certificate_percentage"), null()
    )
    changed = removed.values(values | {"updated_at": _later(utc_now())})
    return Statements(Statement(changed.returning(_ONE)))


_STORED = (_outlines.tutorial_id == _TUTORIAL, _outlines.chapter_ids.is_not(None))
_ONE = literal_column("1", Integer)

PUT_OUTLINE = _put()
GET_OUTLINE = Statements(Statement(select(*COLUMNS).where(*_STORED)))
DELETE_OUTLINE = _delete()
