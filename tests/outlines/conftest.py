"""People with scopes, and tutorials that no other test uses."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.client import Answer, Learner, token
from tests.conftest import MakeLearner, new_name

Author = Learner
PutOutline = Callable[..., Answer]


def with_scope(learner: Learner, scope: object) -> Learner:
    """The same person with a token of a scope."""
    authorization = f"Bearer {token(learner.name, scope=scope)}"
    return replace(learner, headers={**learner.headers, "Authorization": authorization})


def put(author: Learner, outline: object) -> Answer:
    """PUT an outline of the author's tutorial."""
    return author.send("PUT", "/outline", json.dumps(outline).encode())


def outline(*chapters: str, quizzes: tuple[str, ...] = (), **fields: object) -> dict[str, object]:
    """An outline with these ids."""
    return {
        "chapters": [{"chapterId": one} for one in chapters],
        "quizzes": [{"quizId": one} for one in quizzes],
        **fields,
    }


@pytest.fixture
def tutorial() -> str:
    """A tutorial that no other test uses."""
    return f"tutorial-of-{new_name()}"


@pytest.fixture
def author(make_learner: MakeLearner, tutorial: str) -> Learner:
    """Somebody who may write the outline of the tutorial."""
    return with_scope(make_learner(tutorial=tutorial), "progress:author")


@pytest.fixture
def student(make_learner: MakeLearner, tutorial: str) -> Learner:
    """A learner of the tutorial."""
    return make_learner(tutorial=tutorial)
