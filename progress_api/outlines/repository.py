"""Read and write what tutorials consist of, over HTTP or from Python."""

import json
from datetime import UTC
from typing import Any

from progress_api.database import Repository, Row, Statements
from progress_api.exceptions import OutlineNotFound
from progress_api.outlines import statements
from progress_api.outlines.records import (
    Outline,
    OutlineChapter,
    OutlineQuiz,
    TutorialOutline,
)
from progress_api.validation import require_ids


class OutlineRepository(Repository):
    """Read and write outlines.

    On an engine, each call is one transaction, committed when the call returns. On a session, each
    call is part of the session's transaction and is committed or rolled back with it.
    """

    def put(self, tutorial_id: str, outline: Outline) -> TutorialOutline:
        """Store the outline of a tutorial in place of an earlier one (spec 13.1).

        It holds at once for every read and write after it, for all learners.

        Args:
            tutorial_id: 1 to 255 characters.
            outline: what the tutorial consists of.

        Raises:
            InvalidFields: the id is invalid.
            DatabaseUnavailable: the database cannot respond now.
        """
        row = self._run(
            statements.PUT_OUTLINE,
            tutorial_id,
            title=outline.title,
            chapter_ids=[chapter.chapter_id for chapter in outline.chapters],
            quiz_ids=[quiz.quiz_id for quiz in outline.quizzes],
            details=_details(outline),
            certificate_percentage=outline.certificate_percentage,
        )
        assert row
        self._executor.after_commit(self._signals.outline_written.send)
        return _outline_of(row)

    def get(self, tutorial_id: str) -> TutorialOutline:
        """Return the outline of a tutorial (spec 13.2).

        Args:
            tutorial_id: 1 to 255 characters.

        Raises:
            InvalidFields: the id is invalid.
            OutlineNotFound: the tutorial has no outline.
            DatabaseUnavailable: the database cannot respond now.
        """
        row = self._run(statements.GET_OUTLINE, tutorial_id)
        if row is None:
            raise OutlineNotFound
        return _outline_of(row)

    def delete(self, tutorial_id: str) -> bool:
        """Remove the outline of a tutorial, and return whether it had one (spec 13.2).

        Args:
            tutorial_id: 1 to 255 characters.

        Raises:
            InvalidFields: the id is invalid.
            DatabaseUnavailable: the database cannot respond now.
        """
        existed = self._run(statements.DELETE_OUTLINE, tutorial_id) is not None
        if existed:
            self._executor.after_commit(self._signals.outline_written.send)
        return existed

    def _run(self, batch: Statements, tutorial_id: str, **values: Any) -> Row | None:
        require_ids(tutorial_id=tutorial_id)
        return self._executor.run(batch.batch({"of_tutorial": tutorial_id, **values}))


def _details(outline: Outline) -> str:
    """Return titles and durations as JSON, in the order of the ids."""
    chapters = [[chapter.title, chapter.duration] for chapter in outline.chapters]
    return json.dumps({"chapters": chapters, "quizzes": [quiz.title for quiz in outline.quizzes]})


def _outline_of(row: Row) -> TutorialOutline:
    tutorial_id, title, chapter_ids, quiz_ids, details, percentage, updated_at = row
    chapters = zip(chapter_ids, details["chapters"], strict=True)
    quizzes = zip(quiz_ids, details["quizzes"], strict=True)
    outline = Outline(
        title=title,
        chapters=tuple(
            OutlineChapter(chapter_id=chapter_id, title=chapter_title, duration=duration)
            for chapter_id, (chapter_title, duration) in chapters
        ),
        quizzes=tuple(
            OutlineQuiz(quiz_id=quiz_id, title=quiz_title) for quiz_id, quiz_title in quizzes
        ),
        certificate_percentage=percentage,
    )
    return TutorialOutline(tutorial_id, outline, updated_at.replace(tzinfo=UTC))
