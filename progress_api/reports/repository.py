"""Read reports about tutorials, over HTTP or from Python."""

from collections.abc import Iterator
from datetime import UTC
from typing import Any

from sqlalchemy import Engine

from progress_api.database import AnySession, Repository, Row, Statements
from progress_api.reports.pages import LEARNERS, MAX_LIMIT, PageRequest
from progress_api.reports.records import ChapterReport, LearnerPage, QuizReport, Report
from progress_api.reports.statements import REPORT
from progress_api.validation import require_ids

DEFAULT_TIMEOUT = 30


class ReportRepository(Repository):
    """Read what the learners of a tutorial did; nothing is locked, and no write waits (spec 15.7).

    On an engine, each call is one transaction. On a session, it is part of the session's; to its
    end PostgreSQL keeps the timeout, the settings of the plan and, after a report, `work_mem`.
    """

    def __init__(
        self,
        bind: Engine | AnySession,
        *,
        schema: str | None = None,
        one_trip: bool = True,
        timeout: int = DEFAULT_TIMEOUT,
    ) -> None:
        """Bind the repository to an engine or a session.

        Args:
            bind: an engine or session of PostgreSQL, which may be a standby.
            schema: the PostgreSQL schema of the tables; None for the connection's search path.
            one_trip: whether statements may be prepared on the server; False behind a pooler in
                transaction mode.
            timeout: of a statement, in seconds. It replaces that of the transaction.
        """
        super().__init__(bind, schema=schema, one_trip=one_trip)
        self._timeout = f"{timeout}s"

    def report(self, tutorial_id: str) -> Report:
        """Return what all learners did in a tutorial; zeros if nobody did anything (spec 15.1).

        Args:
            tutorial_id: 1 to 255 characters.

        Raises:
            InvalidFields: the id is invalid.
            DatabaseUnavailable: the database cannot respond now, or takes too long.
        """
        require_ids(tutorial_id=tutorial_id)
        row = self._run(REPORT, of_tutorial=tutorial_id)
        title, totals, chapters, quizzes, as_of = row
        parts = (
            tuple(map(ChapterReport._make, chapters)),
            tuple(map(QuizReport._make, quizzes)),
        )
        return Report(*[tutorial_id, title, *totals, *parts, as_of.replace(tzinfo=UTC)])

    def learners(
        self, tutorial_id: str, *, status: str = "all", limit: int = 20, cursor: str | None = None
    ) -> LearnerPage:
        """Return a page of the learners of a tutorial, by their ids (spec 15.4).

        Args:
            tutorial_id: 1 to 255 characters.
            status: "all"; "in_progress", below 100 percent; or "completed", at 100 percent.
            limit: the highest number of learners, 1 to 1,000.
            cursor: the `next` of the page before, for the same tutorial and status; None for the
                first page.

        Raises:
            InvalidFields: naming each invalid argument.
            DatabaseUnavailable: the database cannot respond now, or takes too long.
        """
        require_ids(tutorial_id=tutorial_id)
        page = PageRequest.of(tutorial_id, status, limit, cursor)
        return page.read(self._run(LEARNERS, **page.parameters))

    def all_learners(self, tutorial_id: str, *, status: str = "all") -> Iterator[LearnerPage]:
        """Yield all learners of a tutorial in pages; no connection is kept in between (spec 15.6).

        Args:
            tutorial_id: 1 to 255 characters.
            status: as in `learners`.

        Raises:
            InvalidFields: naming each invalid argument.
            DatabaseUnavailable: the database cannot respond now, or takes too long.
        """
        cursor: str | None = None
        while True:
            page = self.learners(tutorial_id, status=status, limit=MAX_LIMIT, cursor=cursor)
            yield page
            cursor = page.next
            if cursor is None:
                return

    def _run(self, batch: Statements, **values: Any) -> Row:
        row = self._executor.run(batch.batch({"timeout": self._timeout, **values}))
        assert row is not None
        return row
