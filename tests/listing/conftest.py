"""Pages of a learner's tutorials, over every way that the statement may travel."""

import json
from typing import Any

from tests.client import Answer, Learner
from tests.rules.conftest import (  # noqa: F401 - fixtures
    make_service,
    service,
    shared_engine,
    way,
)


def page_of(answer: Answer) -> Any:
    """The items of an answer that has to be a page."""
    assert answer.status == 200, answer
    return answer.body["items"]


def names(answer: Answer) -> list[str]:
    """The tutorials of a page, in its order."""
    return [item["tutorialId"] for item in page_of(answer)]


def walk(learner: Learner, query: str = "?limit=2") -> list[str]:
    """The tutorials of all pages, one page after the other."""
    answer = learner.tutorials(query)
    found = names(answer)
    while answer.body["next"]:
        answer = learner.tutorials(f"{query}&cursor={answer.body['next']}")
        assert page_of(answer)
        found += names(answer)
    return found


def wrong(answer: Answer, field: str) -> list[str]:
    """The messages about a field, in an answer that has to refuse it."""
    assert answer.status == 400, json.dumps(answer.body)
    assert list(answer.body["fields"]) == [field], answer.body
    found: list[str] = answer.body["fields"][field]
    return found
