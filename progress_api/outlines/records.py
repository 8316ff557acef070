"""The arguments and results of `OutlineRepository`."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from progress_api.exceptions import InvalidFields
from progress_api.validation import (
    MAX_TITLE_LENGTH,
    given,
    require_ids,
    require_numbers,
    require_texts,
)

MAX_CHAPTERS = MAX_QUIZZES = 1000
CERTIFICATE_PERCENTAGE = 95
A_CHAPTER_COUNT = f"Must be 1 to {MAX_CHAPTERS} chapters."
A_QUIZ_COUNT = f"Must be at most {MAX_QUIZZES} quizzes."


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlineChapter:
    """A chapter of a tutorial.

    Args:
        chapter_id: 1 to 255 characters.
        title: 1 to 500 characters; None if it has none.
        duration: length in whole seconds, 0 to 2,147,483,647; None if unknown.

    Raises:
        InvalidFields: naming each invalid value.
    """

    chapter_id: str
    title: str | None = None
    duration: int | None = None

    def __post_init__(self) -> None:
        """Validate the fields."""
        require_ids(chapter_id=self.chapter_id)
        require_texts(MAX_TITLE_LENGTH, **given(title=self.title))
        require_numbers(**given(duration=self.duration))


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlineQuiz:
    """A quiz of a tutorial.

    Args:
        quiz_id: 1 to 255 characters.
        title: 1 to 500 characters; None if it has none.

    Raises:
        InvalidFields: naming each invalid value.
    """

    quiz_id: str
    title: str | None = None

    def __post_init__(self) -> None:
        """Validate the fields."""
        require_ids(quiz_id=self.quiz_id)
        require_texts(MAX_TITLE_LENGTH, **given(title=self.title))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """What a tutorial consists of (spec 13.1).

    Args:
        chapters: 1 to 1,000, each with another id, in their order.
        quizzes: up to 1,000, each with another id, in their order.
        title: of the tutorial, 1 to 500 characters; None if it has none.
        certificate_percentage: the least percentage of completed chapters that earns the
            certificate, 1 to 100.

    Raises:
        InvalidFields: naming each invalid value.
    """

    chapters: tuple[OutlineChapter, ...]
    quizzes: tuple[OutlineQuiz, ...] = ()
    title: str | None = None
    certificate_percentage: int = CERTIFICATE_PERCENTAGE

    def __post_init__(self) -> None:
        """Validate the fields."""
        require_texts(MAX_TITLE_LENGTH, **given(title=self.title))
        require_numbers(1, 100, certificate_percentage=self.certificate_percentage)
        if not 1 <= len(self.chapters) <= MAX_CHAPTERS:
            raise InvalidFields({"chapters": [A_CHAPTER_COUNT]})
        if len(self.quizzes) > MAX_QUIZZES:
            raise InvalidFields({"quizzes": [A_QUIZ_COUNT]})
        _require_unique("chapters", (chapter.chapter_id for chapter in self.chapters))
        _require_unique("quizzes", (quiz.quiz_id for quiz in self.quizzes))


@dataclass(frozen=True, slots=True)
class TutorialOutline:
    """The stored outline of a tutorial.

    Args:
        tutorial_id: of the tutorial.
        outline: what it consists of.
        updated_at: when the outline was written, in UTC.
    """

    tutorial_id: str
    outline: Outline
    updated_at: datetime


class Needs(NamedTuple):
    """What the outline of a tutorial demands for the certificate (spec 13.4)."""

    percentage: int
    chapter_ids: Sequence[str]
    quiz_ids: Sequence[str]


def _require_unique(name: str, ids: Iterable[str]) -> None:
    repeated = [part_id for part_id, count in Counter(ids).items() if count > 1]
    if repeated:
        raise InvalidFields({name: [f"Must not list an id twice: {repeated[0]}."]})
