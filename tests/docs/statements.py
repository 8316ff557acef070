"""Write docs/statements.sql: `python -m tests.docs.statements > docs/statements.sql`."""

import sys
from textwrap import wrap

from sqlalchemy.dialects.postgresql import asyncpg

from progress_api.certificates import statements as certificates
from progress_api.database import Statements
from progress_api.outlines import statements as outlines
from progress_api.progress import statements
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
            "Record the chapter, unless the learner has as many chapters as the limit allows.",
            _RECOUNT,
        ),
    ),
    "POST /<tutorialId>/quiz": (
        statements.RECORD_QUIZ,
        (
            _OPEN,
            "Record the attempt, unless its key is known or the limit of quizzes is reached.",
            "Remember the keys of the attempt, after it was counted by them.",
            _RECOUNT,
        ),
    ),
    "POST /<tutorialId>/complete": (
        statements.COMPLETE,
        (
            "Lock the learner's row: what decides must not change before the decision is written.",
            "Decide by the chapters and quizzes as they are recorded, and issue the certificate.",
        ),
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
    """Return the text of docs/statements.sql."""
    parts = [_HEAD]
    for endpoint, (batch, reasons) in BATCHES.items():
        parts.append(f"-- {'=' * 4} {endpoint}")
        for statement, reason in zip(batch.statements, reasons, strict=True):
            compiled = statement.sql.compile(dialect=asyncpg.dialect())  # type: ignore[no-untyped-call]
            names = ", ".join(
                f"${number} {name}" for number, name in enumerate(compiled.positiontup or (), 1)
            )
            lines = [line.rstrip() for line in str(compiled).splitlines()]
            parts.append("\n".join([*_comment(reason), f"-- {names}", *lines]) + ";")
    return "\n\n".join(parts) + "\n"


def _comment(text: str) -> list[str]:
    return wrap(text, 100, initial_indent="-- ", subsequent_indent="-- ")


if __name__ == "__main__":
    sys.stdout.write(document())
