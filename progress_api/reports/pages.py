"""Select a tutorial's learners page by page, each page after the last learner of the one before.

The cursor holds the id of that learner, so a page costs the same at any depth.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    CTE,
    ColumnElement,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    cast,
    func,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from progress_api.database import Row, Statement, Statements
from progress_api.exceptions import InvalidFields
from progress_api.progress import rules
from progress_api.progress.selects import cursors
from progress_api.progress.selects.below import (
    completed_chapters,
    has_current_counts,
    passed_quizzes,
    stored_outline,
)
from progress_api.progress.selects.pages import STATUSES
from progress_api.reports.counts import (
    NOTHING,
    PAGE_SETTINGS,
    TUTORIAL,
    current,
    of_one_learner,
)
from progress_api.reports.records import LearnerPage, LearnerSummary
from progress_api.schema.tables import (
    chapter_progress,
    quiz_scores,
    tutorial_progress,
)
from progress_api.validation import is_id, require_numbers

MAX_LIMIT = 1000
# A page of one status looks at so many learners at most: then it ends, also without any of them.
_MOST_EXAMINED = 2000
# The percentages of a status: of all, of those in progress, and of the completed ones.
_PERCENTAGES: Mapping[bool | None, tuple[int, int]] = {
    None: (0, 100),
    False: (0, 99),
    True: (100, 100),
}
_A_CURSOR = "Must be the `next` of a page for the same tutorial and status."


class PageRequest(NamedTuple):
    """A page that was asked for."""

    tutorial_id: str
    status: str
    limit: int
    after: str

    @classmethod
    def of(cls, tutorial_id: str, status: str, limit: int, cursor: str | None) -> "PageRequest":
        """Validate the arguments.

        Args:
            tutorial_id: a valid id.
            status: one of `STATUSES`.
            limit: 1 to 1,000.
            cursor: the `next` of a page; None for the first page.

        Raises:
            InvalidFields: naming each invalid argument.
        """
        if status not in STATUSES:
            raise InvalidFields({"status": [f"Must be one of: {', '.join(STATUSES)}."]})
        require_numbers(1, MAX_LIMIT, limit=limit)
        after = "" if cursor is None else _decoded(tutorial_id, status, cursor)
        return cls(tutorial_id, status, limit, after)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of `LEARNERS`; one learner more tells if there is another page."""
        least, most = _PERCENTAGES[STATUSES[self.status]]
        return {
            "of_tutorial": self.tutorial_id,
            "after": self.after,
            "examined": self._examined,
            "least": least,
            "most": most,
        }

    @property
    def _examined(self) -> int:
        return self.limit + 1 if self.status == "all" else _MOST_EXAMINED

    def read(self, row: Row) -> LearnerPage:
        """Return the page in the result of `LEARNERS`.

        Args:
            row: the only row.
        """
        found, last, examined = row
        shown = tuple(_summary(*columns) for columns in found[: self.limit])
        if len(found) > self.limit:
            last = shown[-1].user_id
        elif examined < self._examined:
            return LearnerPage(shown, None)
        return LearnerPage(shown, cursors.encoded((self.tutorial_id, self.status), (last,)))


def _summary(*columns: Any) -> LearnerSummary:
    *counts, watched = columns
    watched_at = watched and datetime.fromisoformat(watched).replace(tzinfo=UTC)
    return LearnerSummary(*[*counts, watched_at])


def _decoded(tutorial_id: str, status: str, cursor: str) -> str:
    found = cursors.decoded((tutorial_id, status), cursor, 1)
    if not (found and is_id(found[0])):
        raise InvalidFields({"cursor": [_A_CURSOR]})
    return found[0]


def _materialized(name: str, rows: Select[Any]) -> CTE:
    """Read rows once, before what joins them: distributed tables take no LIMIT within a join."""
    found: CTE = rows.cte(name).prefix_with("MATERIALIZED")
    return found


def _page(outline: CTE) -> CTE:
    """Select the next learners of the tutorial, each with what a GET has."""
    stored = tutorial_progress.c
    is_current = has_current_counts(stored, outline.c).label("is_current")
    learners = (
        select(tutorial_progress, is_current)
        .select_from(tutorial_progress.outerjoin(outline, true()))
        .where(stored.tutorial_id == TUTORIAL, stored.user_id > bindparam("after", type_=String))
        .order_by(stored.user_id)
        .limit(bindparam("examined", type_=Integer))
    )
    return _materialized("page", learners)


def _counts(name: str, page: CTE, outline: CTE, rows: Any, count: Any, *of_page: Any) -> CTE:
    """Count the rows of a table below each learner of the page, as one JSON object by user id.

    They are grouped by learner, since distributed tables refuse an aggregate for each row of a page
    (spec 12.9). They are not joined: on tables that were never analyzed PostgreSQL then compared
    each with each, which took 450 ms for 1,000 learners.

    Args:
        name: of the result.
        page: the learners.
        outline: of the tutorial, if it has one.
        rows: the chapters or the quizzes.
        count: of the rows of one learner.
        of_page: the conditions of the learners whose rows are counted.
    """
    source = page.join(rows, of_one_learner(rows.c, page.c)).outerjoin(outline, true())
    of_each = select(rows.c.user_id, count.label("count")).select_from(source).where(*of_page)
    counted = of_each.group_by(rows.c.user_id).subquery("counted")
    counts = func.jsonb_object_agg(counted.c.user_id, counted.c.count, type_=JSONB)
    return _materialized(name, select(counts.label("counts")))


def _of_page() -> Select[Any]:
    outline = _materialized("outline", stored_outline(TUTORIAL))
    page = _page(outline)
    completed = completed_chapters(chapter_progress.c, outline.c)
    passed = passed_quizzes(quiz_scores.c, outline.c)
    is_due = ~page.c.is_current
    chapters = _counts("chapters", page, outline, chapter_progress, completed, is_due)
    quizzes = _counts("quizzes", page, outline, quiz_scores, passed)
    counts = current(page.c, outline.c, _count_of(page, chapters))
    return select(
        page.c.user_id,
        counts.completion_percentage.label("percentage"),
        counts.chapters_completed.label("chapters"),
        counts.total_chapters.label("total"),
        func.coalesce(_count_of(page, quizzes), rules.ZERO).label("passed"),
        func.coalesce(page.c.certificate_earned, rules.NO).label("earned"),
        func.coalesce(page.c.total_watch_time, rules.ZERO).label("watch_time"),
        page.c.last_watched_at,
    ).select_from(
        page.outerjoin(outline, true()).join(chapters, true()).join(quizzes, true()),
    )


def _count_of(page: CTE, counted: CTE) -> ColumnElement[int]:
    return cast(counted.c.counts.op("->>")(page.c.user_id), Integer)


def _learners_page() -> Any:
    """List the learners of a status, and say how far the page has looked (spec 15.5)."""
    found = _materialized("found", _of_page())
    of_status = and_(
        found.c.percentage >= bindparam("least", type_=Integer),
        found.c.percentage <= bindparam("most", type_=Integer),
    )
    listed = aggregate_order_by(func.json_build_array(*found.c), found.c.user_id)
    return select(
        func.coalesce(func.json_agg(listed).filter(of_status), NOTHING).label("items"),
        func.max(found.c.user_id).label("last"),
        func.count().label("examined"),
    ).select_from(found)


LEARNERS = Statements(PAGE_SETTINGS, Statement(_learners_page()))
