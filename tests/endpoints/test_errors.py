"""Answers to what no endpoint takes, and the envelope of every refusal."""

import json
import re
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from tests.client import JSON, PREFIX, Answer, InProcess, Learner, token
from tests.conftest import MakeApp, MakeLearner
from tests.endpoints.expectations import ask, ask_path, assert_refused

NOT_FOUND = ("Not Found", "There is nothing at this address; check its path.")
NOT_ALLOWED = (
    "Method Not Allowed",
    "This address does not take this method; the Allow header lists those that it takes.",
)
# One of each kind of refusal that a learner can bring about.
REFUSALS: dict[str, Callable[[Learner], Answer]] = {
    "no JSON": lambda learner: learner.send("POST", "/chapter", b"{"),
    "a bad field": lambda learner: learner.watch(7),
    "a bad score": lambda learner: learner.answer_quiz(score=11),
    "not eligible": lambda learner: (learner.watch(), learner.complete())[1],
    "no token": lambda learner: learner.send("GET", headers={"Authorization": ""}),
    "another's": lambda learner: learner.get("?userId=another"),
    "no progress": lambda learner: learner.complete(),
    "no route": lambda learner: learner.send("GET", "/nothing"),
    "no method": lambda learner: learner.send("PUT"),
    "too large": lambda learner: learner.send("POST", "/quiz", b"x" * 70_000),
    "no JSON type": lambda learner: learner.send("POST", "/quiz", b"x", {"Content-Type": ""}),
}
LEAKS = re.compile(
    r"Traceback|File \"|line \d|SELECT|INSERT|psycopg|sqlalchemy|werkzeug|flask|python|\.py\b",
    re.IGNORECASE,
)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/tutorials",
        "/v2/tutorials/progress/intro",
        "/V1/tutorials/progress/intro",
        "/tutorials/progress/intro",
        f"{PREFIX}/",
        f"{PREFIX}/intro/",
        f"{PREFIX}//intro",
        f"/{PREFIX}/intro",
        f"{PREFIX}/intro/chapter/",
        f"{PREFIX}/intro//chapter",
        f"{PREFIX}/intro/chapters",
        f"{PREFIX}/intro/chapter/chapter-1",
        "/static/x",
        "/metrics",
        "/%00",
        "/%FF",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_route_is_not_found(learner: Learner, path: str, method: str) -> None:
    headers = JSON | {"Authorization": f"Bearer {token(learner.name)}"}
    for given in (headers, {}):
        answer = learner.transport.send(method, path, given, None)
        assert_refused(answer, 404, *NOT_FOUND)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        *((method, "", "DELETE, GET, HEAD, OPTIONS") for method in ("POST", "PUT", "PATCH", "X")),
        *(
            (method, path, "OPTIONS, POST")
            for method in ("GET", "PUT", "PATCH", "DELETE", "X")
            for path in ("/chapter", "/quiz", "/complete")
        ),
    ],
)
def test_a_wrong_method_is_405_with_the_allowed_methods(
    learner: Learner, method: str, path: str, allowed: str
) -> None:
    answer = learner.send(method, path, b"{}")
    assert_refused(answer, 405, *NOT_ALLOWED)
    assert answer.headers["Allow"] == allowed


def test_head_is_get_without_a_body(service: Flask, learner: Learner) -> None:
    client, path = service.test_client(), f"{PREFIX}/intro"
    headers = {"Authorization": f"Bearer {token(learner.name)}"}
    head, get = client.head(path, headers=headers), client.get(path, headers=headers)
    assert (head.status_code, head.data) == (200, b"")
    assert head.content_type == get.content_type
    assert client.head(path).status_code == 401
    assert client.head(f"{path}/chapter", headers=headers).status_code == 405


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("", {"GET", "HEAD", "DELETE", "OPTIONS"}),
        ("/chapter", {"POST", "OPTIONS"}),
        ("/quiz", {"POST", "OPTIONS"}),
        ("/complete", {"POST", "OPTIONS"}),
    ],
)
def test_options_returns_the_methods_without_a_token(
    service: Flask, path: str, methods: set[str]
) -> None:
    answer = InProcess(service).send("OPTIONS", f"{PREFIX}/intro{path}", {}, None)
    assert (answer.status, answer.body) == (200, {})
    assert set(answer.headers["Allow"].split(", ")) == methods
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_options_works_outside_the_prefix_too(service: Flask) -> None:
    answer = InProcess(service).send("OPTIONS", "/healthz", {}, None)
    assert (answer.status, answer.body) == (200, {})
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS.keys())
def test_every_error_has_the_same_fields_and_no_internals(
    learner: Learner, refusal: Callable[[Learner], Answer]
) -> None:
    answer = refusal(learner)
    assert answer.status >= 400
    assert list(answer.body)[:3] == ["error", "detail", "requestId"]
    assert set(answer.body) <= {"error", "detail", "requestId", "fields"}
    assert answer.body["requestId"] == answer.headers["X-Request-ID"]
    assert all(answer.body[name] for name in ("error", "detail"))
    assert not LEAKS.search(json.dumps(answer.body))
    assert "Server" not in answer.headers


@pytest.mark.parametrize("endpoint", ["get", "chapter", "quiz", "complete"])
def test_an_unexpected_failure_is_500_without_details(
    make_app: MakeApp, make_learner: MakeLearner, database: str, engine: Engine, endpoint: str
) -> None:
    learner = make_learner(make_app(database_url=database))
    learner.complete_chapters(1, of=1)
    assert ask(learner, endpoint).status == 200
    with engine.begin() as connection:
        change = "ALTER TABLE tutorial_progress ALTER certificate_earned TYPE text"
        connection.execute(text(change))
    answer = ask(learner, endpoint)
    detail = "The service failed; try again, and give the requestId to its operators."
    assert_refused(answer, 500, "Internal server error", detail)
    assert not LEAKS.search(json.dumps(answer.body))


def test_a_failed_write_changes_nothing(
    make_app: MakeApp, make_learner: MakeLearner, database: str, engine: Engine
) -> None:
    learner = make_learner(make_app(database_url=database))
    learner.watch(seconds=5, totalChapters=2)
    before = learner.progress()
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE tutorial_progress ADD CHECK (total_watch_time < 10)"))
    assert learner.watch(seconds=50).status == 500
    assert learner.progress() == before
    assert learner.watch(seconds=9).body["totalWatchTime"] == 9


@pytest.mark.parametrize(
    "given", ["a", "A" * 128, "7b0d1b1e-6a4e-4b0e-9d0c-2f6f6f0c9a11", "a.b_c:d+e/f=g-h", "1"]
)
@pytest.mark.parametrize("query", ["", "?userId=another"])
def test_a_safe_request_id_is_taken(learner: Learner, given: str, query: str) -> None:
    answer = learner.send("GET", query, headers={"X-Request-ID": given})
    assert answer.headers["X-Request-ID"] == given
    assert answer.body.get("requestId", given) == given


@pytest.mark.parametrize(
    "given",
    [
        "",
        " ",
        "a b",
        'a"b',
        "a'b",
        "a\tb",
        "a{b}",
        "<b>",
        "a\\n",
        "\u00e9",
        "A" * 129,
        "a;b",
        "%0A",
    ],
)
def test_any_other_request_id_is_replaced(learner: Learner, given: str) -> None:
    answer = learner.send("GET", "?userId=another", headers={"X-Request-ID": given})
    made = answer.headers["X-Request-ID"]
    assert made != given
    assert re.fullmatch(r"[0-9a-f]{32}", made)
    assert answer.body["requestId"] == made


def test_every_request_has_an_id_of_its_own(learner: Learner) -> None:
    made = {ask_path(learner, path).headers["X-Request-ID"] for path in ("/a", "/a", "/a/b")}
    assert len(made) == 3


@pytest.mark.parametrize("prefix", ["/api/v1/tutorials/progress", "/p", "/a/b/c/d-e_f.g"])
def test_the_prefix_is_a_setting(make_app: MakeApp, make_learner: MakeLearner, prefix: str) -> None:
    app = make_app(url_prefix=prefix)
    learner = make_learner(app, prefix=prefix)
    assert learner.complete_chapters(1, of=1).status == 200
    assert learner.answer_quiz().status == 200
    assert learner.complete().body["certificateEarned"] is True
    assert learner.progress()["userId"] == learner.name
    assert learner.reset().status == 200
    assert ask_path(learner, "/intro").status == 404
