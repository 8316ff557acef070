"""Reports as CSV (RFC 4180) that a spreadsheet opens without running any of it (spec 15.9)."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from progress_api.reports import schemas
from progress_api.reports.records import LearnerSummary, Report
from progress_api.web.fields import rfc3339

MEDIA_TYPE = "text/csv"
# Where a cell that is a formula begins: =, +, - or @, in the forms of East Asian keyboards as well.
# It may be within a text: many spreadsheets separate cells by semicolons, and ignore quotes then.
_FORMULA = re.compile(
    r"""^(?=\ *[\t\r\n])  |  (?:^|(?<=[;\t\r\n]))  (?=[\ "]*[=+\-@\uff1d\uff0b\uff0d\uff20])""",
    re.VERBOSE,
)
_LEARNERS = schemas.names_of(schemas.LearnerSummary)
_TOTALS = (
    "activeLearners",
    "completedLearners",
    "certificates",
    "averagePercentage",
    "totalWatchTime",
)
# After id, title and learners, which each part has.
_CHAPTER, _QUIZ = (
    schemas.names_of(schema)[3:] for schema in (schemas.ChapterReport, schemas.QuizReport)
)
_REPORT = ("part", "id", "title", "learners", *_TOTALS, *_CHAPTER, *_QUIZ, "asOf")


def report_csv(report: Report) -> bytes:
    """Return a report as a table: a row for the tutorial, then for each chapter and quiz.

    Args:
        report: returned by the repository.
    """
    totals = (
        report.active_learners,
        report.completed_learners,
        report.certificates,
        report.average_percentage,
        report.total_watch_time,
    )
    shared = {"asOf": rfc3339(report.as_of)}
    rows = [_row("tutorial", (report.tutorial_id, report.title, report.learners), _TOTALS, totals)]
    rows += [_row("chapter", chapter[:3], _CHAPTER, chapter[3:]) for chapter in report.chapters]
    rows += [_row("quiz", quiz[:3], _QUIZ, quiz[3:]) for quiz in report.quizzes]
    return _csv([_REPORT, *([(row | shared).get(name) for name in _REPORT] for row in rows)])


def learners_csv(pages: Iterable[Sequence[LearnerSummary]]) -> Iterator[bytes]:
    """Yield learners as a table, one page at a time, after the names of the columns.

    Args:
        pages: of learners.
    """
    yield _csv([_LEARNERS])
    for page in pages:
        yield _csv(map(schemas.learner_values, page))


def _row(
    part: str, head: Sequence[Any], names: Sequence[str], values: Sequence[Any]
) -> dict[str, Any]:
    part_id, title, learners = head
    row = {"part": part, "id": part_id, "title": title, "learners": learners}
    return row | dict(zip(names, values, strict=True))


def _csv(rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([[_cell(value) for value in row] for row in rows])
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    """Return a text with an apostrophe where a formula would begin, which makes it plain text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return _FORMULA.sub("'", value) if isinstance(value, str) else value
