"""Write docs/statements.sql: `python -m tests.docs.statements > docs/statements.sql`."""

import sys
from datetime import UTC, datetime
from textwrap import wrap

from sqlalchemy.dialects.postgresql import asyncpg

from progress_api.certificates import statements as certificates
from progress_api.database import Statement, Statements
from progress_api.outlines import statements as outlines
from progress_api.progress import statements
from progress_api.progress.batches import batch_of_events
from progress_api.progress.records import Chapter, Completion, Event, Policy, QuizAttempt
from progress_api.progress.selects.pages import LIST_TUTORIALS
from progress_api.reports import pages
from progress_api.reports.statements import REPORT

_HEAD = """\
-- Every statement that a request sends to PostgreSQL, as it is prepared.
-- Written by `python -m tests.docs.statements`; a test compares it with the code.
--
-- A request is one batch in one transaction. Each statement finds its rows by tutorial and learner,
-- so the EXECUTEs of a batch travel in one round trip. In psql, each statement can follow EXPLAIN
-- after its parameters are replaced."""
_OPEN = (
    "Take the learner's row, and create it if it is missing. On a conflict the row is locked but "
    "not updated, so concurrent writers queue here and no dead row is left."
)
_RECOUNT = (
    "Count what is below the row, under its lock, and return the progress. It is a later statement "
    "than the one that waited for the lock, so it sees what the writer before it committed."
)
_CHAPTER = "Record the chapter, unless the learner has as many chapters as the limit allows."
_ATTEMPT = "Record the attempt, unless its key is known or the limit of quizzes is reached."
_KEYS = "Remember the keys of the attempt, after it was counted by them."
_DECIDE = "Decide by the chapters and quizzes as they are recorded, and issue the certificate."


def _batch_of(*records: Chapter | QuizAttempt | Completion) -> Statements:
    """Return the statements for events of one tutorial."""
    at = datetime(2026, 1, 5, tzinfo=UTC)
    events = [Event(id="1", tutorial_id="intro", at=at, record=one) for one in records]
    return Statements(*[step.statement for step in batch_of_events({}, events, Policy())])


BATCHES: dict[str, tuple[Statements, tuple[str, ...]]] = {
    "GET /<tutorialId>": (
        statements.GET_STORED,
        ("Read the stored counts and both lists, if the counts are those of today's outline.",),
    ),
    "GET /<tutorialId>, if there was no row": (
        statements.GET_COUNTED,
        ("Count in one snapshot, so that the counts, the lists and the outline agree.",),
    ),
    "POST /<tutorialId>/chapter": (
        statements.RECORD_CHAPTER,
        (
            _OPEN,
            _CHAPTER,
            _RECOUNT,
        ),
    ),
    "POST /<tutorialId>/quiz": (
        statements.RECORD_QUIZ,
        (
            _OPEN,
            _ATTEMPT,
            _KEYS,
            _RECOUNT,
        ),
    ),
    "POST /<tutorialId>/complete": (
        statements.COMPLETE,
        (
            "Lock the learner's row: what decides must not change before the decision is written.",
            _DECIDE,
        ),
    ),
    "POST <prefix>, for each tutorial: here a chapter, a quiz and the certificate": (
        _batch_of(
            Chapter(chapter_id="one", watch_time=60),
            QuizAttempt(quiz_id="one", score=1, max_score=1, passed=True),
            Completion(),
        ),
        (_OPEN, _CHAPTER, _ATTEMPT, _KEYS, _DECIDE),
    ),
    "GET <prefix>": (
        LIST_TUTORIALS,
        ("Read a page of the learner's tutorials, the one that was watched last first.",),
    ),
    "PUT /<tutorialId>/outline": (outlines.PUT_OUTLINE, ("Store the outline.",)),
    "GET /<tutorialId>/outline": (outlines.GET_OUTLINE, ("Read the outline.",)),
    "DELETE /<tutorialId>/outline": (outlines.DELETE_OUTLINE, ("Remove the outline.",)),
    "GET /<tutorialId>/certificate": (
        certificates.GET_CERTIFICATE,
        ("Read the learner's certificate.",),
    ),
    "GET /certificates/<certificateId>": (
        certificates.FIND_CERTIFICATE,
        ("Read the certificate.",),
    ),
    "POST /certificates/<certificateId>/revoke": (
        certificates.REVOKE_CERTIFICATE,
        ("Revoke the certificate, unless it is revoked: then it is read, as above.",),
    ),
    "POST /certificates/<certificateId>/reinstate": (
        certificates.REINSTATE_CERTIFICATE,
        ("Reinstate the certificate, if it is revoked; if not, it is read, as above.",),
    ),
    "GET /<tutorialId>/report": (
        REPORT,
        (
            "Set what this transaction may use: time, memory, one processor, a plan of its own.",
            "Count all learners in one snapshot, each as a GET of that learner does.",
        ),
    ),
    "GET /<tutorialId>/learners": (
        pages.LEARNERS,
        (
            "Set what this transaction may use: time, and no scan of a whole table.",
            "Read the learners after the last one of the page before, each as a GET does.",
        ),
    ),
    "DELETE /<tutorialId>": (
        statements.RESET,
        ("Delete the row; the foreign keys cascade to its chapters, quizzes and keys.",),
    ),
}


def document() -> str:
    """Return the text of docs/statements.sql; each statement is in it once."""
    parts, places = [_HEAD], dict[Statement, str]()
    for endpoint, (batch, reasons) in BATCHES.items():
        parts.append(f"-- {'=' * 4} {endpoint}")
        for statement, reason in zip(batch.statements, reasons, strict=True):
            if statement in places:
                parts.append(_comment(f"{reason} See {places[statement]}."))
            else:
                parts.append(f"{_comment(reason)}\n{_text(statement)}")
                places[statement] = endpoint
    return "\n\n".join(parts) + "\n"


def _text(statement: Statement) -> str:
    compiled = statement.sql.compile(dialect=asyncpg.dialect())  # type: ignore[no-untyped-call]
    parameters = enumerate(compiled.positiontup or (), 1)
    names = ", ".join(f"${number} {name}" for number, name in parameters)
    lines = [line.rstrip() for line in str(compiled).splitlines()]
    return "\n".join([f"-- {names}", *lines]) + ";"


def _comment(text: str) -> str:
    return "\n".join(wrap(text, 100, initial_indent="-- ", subsequent_indent="-- "))


if __name__ == "__main__":
    sys.stdout.write(document())
