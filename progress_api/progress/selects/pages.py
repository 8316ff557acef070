"""Select a learner's tutorials page by page, each page after the last tutorial of the one before.

The cursor holds the place of that tutorial in the order, so a page costs the same at any depth.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    TIMESTAMP,
    Boolean,
    Integer,
    Select,
    String,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from progress_api.database import Row, Statement, Statements
from progress_api.exceptions import InvalidFields
from progress_api.progress import rules
from progress_api.progress.records import LastChapter, TutorialPage, TutorialSummary
from progress_api.progress.selects import cursors
from progress_api.progress.selects.below import Below, current_counts, is_counted, last_chapter
from progress_api.schema.tables import chapter_progress, tutorial_progress
from progress_api.schema.times import NEVER
from progress_api.validation import is_id, require_numbers

MAX_LIMIT = 100
# For each status, whether the tutorial must be completed; None if it does not matter.
STATUSES: Mapping[str, bool | None] = {"all": None, "in_progress": False, "completed": True}
_COMPLETED = literal_column("100", Integer)
_A_CURSOR = "Must be the `next` of a page for the same learner and status."
_NEVER = "-infinity"  # the place of a tutorial without `last_watched_at`, after all others
# As PostgreSQL writes it in JSON.
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?", re.ASCII)


class _Place(NamedTuple):
    """The place of a tutorial in the order of a learner's tutorials."""

    watched: str
    tutorial_id: str


_START = _Place("infinity", "")


class PageRequest(NamedTuple):
    """A page that was asked for."""

    user_id: str
    status: str
    limit: int
    after: _Place

    @classmethod
    def of(cls, user_id: str, status: str, limit: int, cursor: str | None) -> "PageRequest":
        """Validate the arguments.

        Args:
            user_id: a valid id.
            status: one of `STATUSES`.
            limit: 1 to 100.
            cursor: the `next` of a page; None for the first page.

        Raises:
            InvalidFields: naming each invalid argument.
        """
        if status not in STATUSES:
            raise InvalidFields({"status": [f"Must be one of: {', '.join(STATUSES)}."]})
        require_numbers(1, MAX_LIMIT, limit=limit)
        after = _START if cursor is None else _decoded(user_id, status, cursor)
        return cls(user_id, status, limit, after)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of `LIST_TUTORIALS`; one tutorial more tells if there is another page."""
        completed = STATUSES[self.status]
        return {
            "of_user": self.user_id,
            "any_status": completed is None,
            "completed": bool(completed),
            "watched": self.after.watched,
            "after": self.after.tutorial_id,
            "limit": self.limit + 1,
        }

    def read(self, row: Row | None) -> TutorialPage:
        """Return the page in the result of `LIST_TUTORIALS`.

        Args:
            row: the only row.
        """
        found: list[list[Any]] = row[0] if row else []
        shown = found[: self.limit]
        items = tuple(_summary(self.user_id, *columns) for columns in shown)
        if len(found) <= self.limit:
            return TutorialPage(items, None)
        tutorial_id, watched, *_ = shown[-1]
        place = _Place(watched, tutorial_id)
        return TutorialPage(items, cursors.encoded((self.user_id, self.status), place))


def _summary(user_id: str, tutorial_id: str, watched: str, *columns: Any) -> TutorialSummary:
    *counts, chapter, title = columns
    last_chapter = LastChapter(*chapter) if chapter else None
    watched_at = None if watched == _NEVER else datetime.fromisoformat(f"{watched}Z")
    return TutorialSummary(*[tutorial_id, user_id, *counts, watched_at, last_chapter, title])


def _decoded(user_id: str, status: str, cursor: str) -> _Place:
    found = cursors.decoded((user_id, status), cursor, len(_Place._fields))
    place = _Place(*found) if found else None
    if not (place and _is_time(place.watched) and is_id(place.tutorial_id)):
        raise InvalidFields({"cursor": [_A_CURSOR]})
    return place


def _is_time(watched: str) -> bool:
    # Anybody can make the mark of a cursor, and PostgreSQL must not fail because of one.
    if watched == _NEVER:
        return True
    try:
        return bool(_TIME.fullmatch(watched) and datetime.fromisoformat(watched))
    except ValueError:  # no such day
        return False


def _last_chapter(page: Any) -> Any:
    last = chapter_progress.alias("last")
    columns = last.c.chapter_id, func.coalesce(last.c.last_position, rules.ZERO)
    chapter_id = case((page.is_counted, page.last_chapter_id), else_=last_chapter(page))
    return (
        select(func.json_build_array(*columns, func.coalesce(last.c.completed, rules.NO)))
        .where(*rules.of_progress(last, page), last.c.chapter_id == chapter_id)
        .scalar_subquery()
    )


def _page() -> Any:
    stored = tutorial_progress.c
    # The expression of the index `idx_tutorial_progress_pages`.
    watched = func.coalesce(stored.last_watched_at, NEVER)
    before = cast(bindparam("watched", type_=String), TIMESTAMP)
    below = Below.of(tutorial_progress, stored, stored.tutorial_id, only_if_outdated=True)
    current = current_counts(stored, below)
    percentage = func.coalesce(current.completion_percentage, rules.ZERO)
    return (
        select(
            *(stored.id, stored.tutorial_id, watched.label("watched")),
            percentage.label("percentage"),
            current.chapters_completed.label("chapters_completed"),
            current.total_chapters.label("total_chapters"),
            current.certificate_eligible.label("certificate_eligible"),
            *(stored.certificate_earned, stored.total_watch_time, below.outline.c.title),
            *(is_counted(stored).label("is_counted"), stored.last_chapter_id),
        )
        .select_from(below.source)
        .where(
            stored.user_id == rules.USER,
            watched <= before,  # where the scan of the index begins
            or_(watched < before, stored.tutorial_id > bindparam("after", type_=String)),
            # Neither a range nor an equality: PostgreSQL expects few rows of those, and would read
            # and sort all of them.
            or_(
                bindparam("any_status", type_=Boolean),
                (percentage >= _COMPLETED) == bindparam("completed", type_=Boolean),
            ),
        )
        .order_by(watched.desc(), stored.tutorial_id)
        .limit(bindparam("limit", type_=Integer))
        .subquery("page")
    )


def _list() -> Select[Any]:
    page = _page()
    item = func.json_build_array(
        page.c.tutorial_id,
        page.c.watched,
        page.c.percentage,
        func.coalesce(page.c.chapters_completed, rules.ZERO),
        func.coalesce(page.c.total_chapters, rules.ZERO),
        func.coalesce(page.c.certificate_eligible, rules.NO),
        func.coalesce(page.c.certificate_earned, rules.NO),
        func.coalesce(page.c.total_watch_time, rules.ZERO),
        _last_chapter(page.c),
        page.c.title,
    )
    listed = aggregate_order_by(item, page.c.watched.desc(), page.c.tutorial_id)
    items = func.coalesce(func.json_agg(listed), literal_column("'[]'::json"))
    return select(items.label("items")).select_from(page)


LIST_TUTORIALS = Statements(Statement(_list()))
