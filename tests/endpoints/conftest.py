"""Learners in the states that the tests of the wire start from."""

import pytest

from tests.client import Learner


@pytest.fixture
def busy(learner: Learner) -> Learner:
    """A learner with a chapter of two completed and a quiz failed."""
    learner.watch("chapter-0", 30, completed=True, totalChapters=2)
    learner.answer_quiz("quiz-0", 3, 10, passed=False)
    return learner
