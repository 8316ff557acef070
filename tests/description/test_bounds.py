"""A field may hold what its description lets it hold, and nothing else."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.client import Learner, token
from tests.conftest import MakeLearner
from tests.description.conftest import Describe

MOST = 2147483647
FITTING: dict[str, dict[str, Any]] = {
    "/chapter": {"chapterId": "c", "watchTime": 1},
    "/quiz": {"quizId": "q", "score": 0, "maxScore": MOST, "passed": True},
    "/complete": {},
}
FIELDS = [
    *(("/chapter", name) for name in ("userId", "chapterId", "watchTime", "completed")),
    *(("/chapter", name) for name in ("lastPosition", "totalChapters")),
    *(("/quiz", name) for name in ("userId", "quizId", "score", "maxScore", "passed")),
    *(("/complete", name) for name in ("userId", "holderName")),
]
VALUES: list[Any] = [None, True, False, [], {}, 0, 1, -1, 0.5, 8.0, 8.5, -0.5, 1e300, MOST]
VALUES += [MOST + 1, MOST + 0.5, float(MOST), 10**30, "1", "true", "", " ", "\u2003", "\n", "a"]
VALUES += ["a b", " a", "a\n", "a\0", "\0", "a" * 255, "a" * 256, "🚀" * 255, "🚀" * 256]


@pytest.fixture
def admin(make_learner: MakeLearner) -> Learner:
    """Who may name any learner."""
    scope = token("admin", scope="progress:admin")
    return make_learner(headers={"Authorization": f"Bearer {scope}"})


def accepts(schema: Any, document: Any) -> Draft202012Validator:
    """What decides by the description alone."""
    whole = json.dumps(schema | {"components": document["components"]})
    # ECMA-262 ends a text with $; Python takes it before a last line break, too.
    return Draft202012Validator(json.loads(whole.replace('$"', '\\\\Z"')))


@pytest.mark.parametrize(("path", "name"), FIELDS)
def test_a_body_is_refused_where_its_description_refuses_it(
    describe: Describe, admin: Learner, path: str, name: str
) -> None:
    document = describe()
    schema = document["components"]["schemas"][
        {"/chapter": "ChapterPost", "/quiz": "QuizPost", "/complete": "CompletionPost"}[path]
    ]
    assert name in schema["properties"]
    decides = accepts(schema, document)
    for value in [*VALUES, ...]:
        body = FITTING[path] | {name: value}
        if value is ...:
            body = {other: one for other, one in body.items() if other != name}

        answer = admin.send("POST", path, json.dumps(body).encode())

        refused = answer.status == 400 and "fields" in answer.body
        assert refused != decides.is_valid(body), (body, answer)


@pytest.mark.parametrize("value", [one for one in VALUES if isinstance(one, str)])
def test_a_user_id_in_the_query_is_refused_where_its_description_refuses_it(
    describe: Describe, admin: Learner, value: str
) -> None:
    document = describe()
    (path,) = (path for path in document["paths"] if path.endswith("/{tutorialId}"))
    parameters = document["paths"][path]["get"]["parameters"]
    (schema,) = (one["schema"] for one in parameters if one["name"] == "userId")

    answer = admin.get("?userId=" + "".join(f"%{byte:02X}" for byte in value.encode()))

    assert (answer.status == 200) == accepts(schema, document).is_valid(value), answer


def test_each_field_and_parameter_says_what_it_means(describe: Describe) -> None:
    assert [where for where, told in named(describe()) if not told.get("description")] == []


def named(document: Any) -> Iterator[tuple[str, Any]]:
    """Each property, parameter and header, with its description."""
    for schema, told in document["components"]["schemas"].items():
        for name, one in told["properties"].items():
            yield f"{schema}.{name}", one
    for operations in document["paths"].values():
        for operation in operations.values():
            for one in operation.get("parameters", []):
                yield f"{operation['operationId']} {one['name']}", one
    yield from document["components"]["headers"].items()
