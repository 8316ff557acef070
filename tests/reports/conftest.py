"""A teacher of a tutorial of its own, its learners, and what a report of them must say."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from flask import Flask

from tests.client import PREFIX, Answer, Learner, token
from tests.conftest import MakeLearner

REPORT_SCOPE = "progress:report"


@pytest.fixture
def teacher(make_learner: MakeLearner) -> Learner:
    """A teacher, looking at a tutorial that nobody has heard of."""
    return as_teacher(make_learner(tutorial=new_tutorial()))


def new_tutorial() -> str:
    return f"tutorial-{secrets.token_hex(6)}"


def as_teacher(learner: Learner, scope: object = REPORT_SCOPE) -> Learner:
    """Return the same learner with a token of a scope."""
    authorization = {"Authorization": f"Bearer {token(learner.name, scope=scope)}"}
    return replace(learner, headers=authorization)


def pupil(teacher: Learner, name: str) -> Learner:
    """Return a learner of the teacher's tutorial."""
    return replace(teacher, name=f"{name}-{teacher.tutorial}", headers={})


def put_outline(teacher: Learner, body: Mapping[str, object]) -> None:
    author = as_teacher(teacher, "progress:author")
    assert author.send("PUT", "/outline", _json(body)).status == 200


def _json(body: Mapping[str, object]) -> bytes:
    return json.dumps(body).encode()


def report(teacher: Learner) -> Any:
    answer = teacher.send("GET", "/report")
    assert answer.status == 200, answer
    return answer.body


def learners(teacher: Learner, query: str = "") -> Answer:
    return teacher.send("GET", f"/learners{query}")


def all_learners(teacher: Learner, status: str = "all", limit: int = 2) -> list[Any]:
    """Return the items of all pages."""
    items, query = [], f"?status={status}&limit={limit}"
    cursor = ""
    while True:
        answer = learners(teacher, query + cursor)
        assert answer.status == 200, answer
        assert len(answer.body["items"]) <= limit
        items += answer.body["items"]
        if answer.body["next"] is None:
            return items
        cursor = f"&cursor={answer.body['next']}"


def as_csv(app: Flask, teacher: Learner, path: str) -> Any:
    """Return the response of a spreadsheet's request."""
    headers = {**teacher.headers, "Accept": "text/csv"}
    return app.test_client().get(f"{PREFIX}/{teacher.tutorial}{path}", headers=headers)


def one_decimal(numbers: list[float]) -> float:
    """Return their average with one decimal, rounded half up."""
    if not numbers:
        return 0
    average = sum(map(Decimal, map(str, numbers)), Decimal(0)) / len(numbers)
    return float(average.quantize(Decimal("0.1"), ROUND_HALF_UP))
