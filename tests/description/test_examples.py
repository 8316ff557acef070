"""Each example of the document is sent, and its answer received."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import NullPool, create_engine, text

from embedded.postgres import Postgres
from tests.client import PREFIX, Answer, InProcess, Learner
from tests.conftest import MakeApp, new_database, new_name

TUTORIAL, ALICE = "python-basics", "alice"
PATHS = {"": f"{PREFIX}/{{tutorialId}}"}
PATHS |= {path: PATHS[""] + path for path in ("/chapter", "/quiz", "/complete")}
STORY = [("get", ""), ("post", "/chapter"), ("post", "/quiz"), ("post", "/complete")]
STORY += [("delete", "")]
CHANGING = (
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)", "…"),
    (r"[0-9a-f]{32}", "…"),
    (r"again in \d+ s", "again in … s"),
)


def settled(body: object) -> Any:
    """A body without what is another each time."""
    written = json.dumps(body)
    for pattern, constant in CHANGING:
        written = re.sub(pattern, constant, written)
    return json.loads(written)


def send(learner: Learner, method: str, path: str, operation: Any) -> Answer:
    """Send the example of an operation."""
    sent = operation.get("requestBody")
    body = sent and json.dumps(sent["content"]["application/json"]["example"]).encode()
    return learner.send(method.upper(), path, body)


def test_the_examples_are_a_story_that_the_service_tells(make_app: MakeApp, database: str) -> None:
    app = make_app(database_url=database)
    learner = Learner(InProcess(app), ALICE, TUTORIAL)
    for method, path in STORY:
        operation = document_of(app)["paths"][PATHS[path]][method]
        told = operation["responses"]["200"]["content"]["application/json"]["examples"]
        answer = send(learner, method, path, operation)
        assert answer.status == 200
        assert settled(answer.body) == settled(told["example"]["value"])


FITTING = {
    "": None,
    "/chapter": b'{"chapterId": "c", "watchTime": 1}',
    "/quiz": b'{"quizId": "q", "score": 1, "maxScore": 1, "passed": true}',
    "/complete": b"{}",
}
BLANK = (
    b'{"userId": " ", "chapterId": "c", "watchTime": 1,'
    b' "quizId": "q", "score": 1, "maxScore": 1, "passed": true}'
)
BAD_SCORE = b'{"quizId": "q", "score": 2, "maxScore": 1, "passed": true}'


def sending(
    body: bytes | None = None, *, query: str = "", times: int = 1, **headers: str
) -> Callable[[Learner, str, str], Answer]:
    """Return a function that requests any operation, with a fitting body by default."""

    def send(learner: Learner, method: str, path: str) -> Answer:
        data = FITTING[path] if body is None else body
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        answers = [learner.send(method, path + query, data, told) for _ in range(times)]
        return answers[-1]

    return send


def after_a_chapter(learner: Learner, method: str, path: str) -> Answer:
    learner.watch(completed=True, totalChapters=2)
    return sending()(learner, method, path)


def one_too_many(learner: Learner, method: str, path: str) -> Answer:
    learner.watch("another")
    learner.answer_quiz("another")
    return sending()(learner, method, path)


fail = sending()  # on a database that is spoiled
SPOILING = (
    "ALTER TABLE tutorial_progress ALTER certificate_earned TYPE text",
    "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no''; END'",
    "CREATE TRIGGER fail BEFORE DELETE ON tutorial_progress EXECUTE FUNCTION fail()",
)
UNKNOWN_KEY = "eyJhbGciOiJSUzI1NiJ9.e30.AA"  # signed with RS256, it says
EACH = ("get", "chapter", "quiz", "complete", "reset")
NOWHERE = "127.0.0.1:1"
# What is done for each failure, and with which settings.
FAILURES: dict[str, tuple[Callable[[Learner, str, str], Answer], dict[str, Any]]] = {
    "MalformedBody": (sending(b"{"), {}),
    "IncompleteBody": (sending(b"", Transfer_Encoding="chunked"), {}),
    "InvalidFields": (sending(BLANK), {}),
    "InvalidScore": (sending(BAD_SCORE), {}),
    "TooManyChapters": (one_too_many, {"progress_max_chapters": 1}),
    "TooManyQuizzes": (one_too_many, {"progress_max_quizzes": 1}),
    "NotEligible": (after_a_chapter, {}),
    "ProgressNotFound": (sending(), {}),
    "Unauthenticated": (sending(Authorization="no token"), {}),
    "NotYourProgress": (sending(query="?userId=bob"), {}),
    "InsecureTransport": (sending(), {"require_https": True}),
    "BodyTooLarge": (sending(b" " * 65537), {}),
    "UnsupportedBody": (sending(b"{}", Content_Type="text/plain"), {}),
    "EncodedBody": (sending(b"{}", Content_Encoding="gzip"), {}),
    "LimitExceeded": (
        sending(times=2),
        {"ratelimit_enabled": True} | {f"ratelimit_{view}": "1/hour" for view in EACH},
    ),
    "DatabaseUnavailable": (
        sending(),
        {"database_url": f"postgresql://{NOWHERE}/none", "database_timeout": 100},
    ),
    "KeysUnavailable": (
        sending(Authorization=f"Bearer {UNKNOWN_KEY}"),
        {"jwt_algorithm": "RS256", "jwt_secret_key": None, "jwt_jwks_url": f"http://{NOWHERE}/"},
    ),
    "ProgressError": (fail, {}),
}


@pytest.fixture(scope="module")
def spoiled(postgres: Postgres) -> str:
    """The address of a database in which something is wrong that nobody has thought of."""
    url = new_database(postgres)
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        for statement in SPOILING:
            connection.execute(text(statement))
    engine.dispose()
    return url


def failures_of(document: Any, failure: str) -> Iterator[tuple[str, str, str, Any]]:
    """Method, path, status and body of each operation that gives this failure as an example."""
    for method, path in STORY:
        for status, response in document["paths"][PATHS[path]][method]["responses"].items():
            examples = examples_of(document, response)
            if failure in examples:
                yield method, path, status, examples[failure]["value"]


def examples_of(document: Any, response: Any) -> Any:
    """The examples of a response, which several operations may share."""
    if "$ref" in response:
        response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
    return response["content"]["application/json"]["examples"]


def document_of(app: Flask) -> Any:
    """The document, also of an app that answers nothing over plain HTTP."""
    return app.test_client().get(f"{PREFIX}/openapi.json", base_url="https://localhost").json


@pytest.mark.parametrize("failure", FAILURES)
def test_each_described_failure_has_the_described_response(
    make_app: MakeApp, spoiled: str, failure: str
) -> None:
    act, settings = FAILURES[failure]
    app = make_app(**(settings | ({"database_url": spoiled} if act is fail else {})))
    told = list(failures_of(document_of(app), failure))
    assert told
    for method, path, status, body in told:
        answer = act(Learner(InProcess(app), new_name()), method, path)
        assert (str(answer.status), settled(answer.body)) == (status, settled(body))


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [("GET", "/a/b", "NotFound"), ("GET", "/", "NotFound"), ("PUT", "/a", "MethodNotAllowed")],
)
def test_a_request_that_matches_no_operation_has_the_described_response(
    service: Flask, method: str, path: str, name: str
) -> None:
    told = document_of(service)["components"]["responses"][name]
    example = told["content"]["application/json"]["examples"][name]["value"]

    answer = InProcess(service).send(method, PREFIX + path, {}, None)

    assert settled(answer.body) == settled(example)


def test_no_other_failure_is_described(make_app: MakeApp) -> None:
    settings = {"require_https": True, "ratelimit_enabled": True} | FAILURES["KeysUnavailable"][1]
    document = document_of(make_app(**settings))

    responses = [
        response
        for method, path in STORY
        for response in document["paths"][PATHS[path]][method]["responses"].values()
    ]
    named = {name for response in responses for name in examples_of(document, response)}
    assert named - {"example"} == FAILURES.keys()
