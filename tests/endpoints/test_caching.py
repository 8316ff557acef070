"""What a cache between the service and its learners may keep: nothing that is about anybody."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from flask import Flask, Response, after_this_request

from progress_api import ProgressAPI, Settings
from tests.client import JSON, PREFIX, SECRET, Answer, InProcess, Learner, token
from tests.conftest import MakeApp, MakeLearner
from tests.endpoints.test_errors import REFUSALS

NOWHERE = "postgresql://127.0.0.1:1/none"
ANSWERS: dict[str, Callable[[Learner], Answer]] = REFUSALS | {
    "progress": Learner.get,
    "a chapter": Learner.watch,
    "a quiz": Learner.answer_quiz,
    "a certificate": lambda learner: (
        learner.complete_chapters(1, of=1),
        learner.complete(),
    )[1],
    "a reset": Learner.reset,
    "OPTIONS": lambda learner: learner.send("OPTIONS", headers={"Authorization": ""}),
    "a bad token": lambda learner: learner.send("GET", headers={"Authorization": "Bearer x"}),
    "a compressed body": lambda learner: learner.send(
        "POST", "/quiz", b"x", {"Content-Encoding": "gzip"}
    ),
    "OPTIONS elsewhere": lambda learner: learner.send("OPTIONS", "/a/b/c"),
    "a slash after the prefix": lambda learner: learner.transport.send(
        "GET", f"{PREFIX}/", {}, None
    ),
    "a limited request": lambda learner: [learner.complete() for _ in range(6)][-1],
}


@pytest.fixture(params=["alone", "guest"])
def app(request: pytest.FixtureRequest, make_app: MakeApp, shared_database: str) -> Flask:
    """The service on its own, or in a host."""
    if request.param == "alone":
        return make_app(ratelimit_enabled=True)
    host = Flask("host")
    ProgressAPI(host, settings=Settings(database_url=shared_database, jwt_secret_key=SECRET))
    return host


@pytest.mark.parametrize("ask", ANSWERS.values(), ids=ANSWERS.keys())
def test_no_cache_may_keep_an_answer(
    app: Flask, make_learner: MakeLearner, ask: Callable[[Learner], Answer]
) -> None:
    assert ask(make_learner(app)).headers["Cache-Control"] == "no-store"


def test_no_cache_may_keep_that_the_database_is_away(
    make_app: MakeApp, make_learner: MakeLearner
) -> None:
    app = make_app(database_url=NOWHERE, database_timeout=100)
    answers = [make_learner(app).get(), *(ask(app, path) for path in ("/readyz", "/healthz"))]
    assert [answer.status for answer in answers] == [503, 503, 200]
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}


def test_no_cache_may_keep_a_failure_or_what_a_head_tells(app: Flask) -> None:
    headers = {"Authorization": f"Bearer {token('ada')}"}
    assert app.test_client().head(f"{PREFIX}/a", headers=headers).headers["Cache-Control"] == (
        "no-store"
    )
    with failing(app):
        broken = InProcess(app).send("GET", f"{PREFIX}/a", JSON | headers, None)
    assert (broken.status, broken.headers["Cache-Control"]) == (500, "no-store")


def test_the_description_is_for_everybody_and_may_be_kept(app: Flask) -> None:
    first = ask(app, f"{PREFIX}/openapi.json")
    again = app.test_client().get(
        f"{PREFIX}/openapi.json", headers={"If-None-Match": first.headers["ETag"]}
    )
    assert (first.status, again.status_code) == (200, 304)
    for headers in (first.headers, again.headers):
        assert headers["Cache-Control"] == "public, max-age=300"


def test_a_host_may_say_more_of_all_its_answers(shared_database: str) -> None:
    host = Flask("host")

    @host.after_request
    def keep_for_a_minute(response: Response) -> Response:
        response.cache_control.max_age = 60
        return response

    ProgressAPI(host, settings=Settings(database_url=shared_database, jwt_secret_key=SECRET))
    told = Learner(InProcess(host), "ada").get().headers["Cache-Control"]
    assert set(told.split(", ")) == {"no-store", "max-age=60"}


def make_public(response: Response) -> Response:
    response.headers["Cache-Control"] = "public, max-age=60"
    return response


def remove_the_header(response: Response) -> Response:
    response.headers.pop("Cache-Control", None)
    return response


def set_only_an_age(response: Response) -> Response:
    response.headers["Cache-Control"] = "max-age=60, no-store-x"
    return response


@pytest.mark.parametrize("change", [make_public, remove_the_header, set_only_an_age])
@pytest.mark.parametrize(
    "asked", ["progress", "a bad token", "OPTIONS", "a slash after the prefix"]
)
def test_no_hook_of_a_host_lets_a_cache_keep_an_answer(
    shared_database: str, change: Callable[[Response], Response], asked: str
) -> None:
    host = Flask("host")
    host.add_url_rule("/page", view_func=lambda: "a page")
    host.after_request(change)
    ProgressAPI(host, settings=Settings(database_url=shared_database, jwt_secret_key=SECRET))

    answer = ANSWERS[asked](Learner(InProcess(host), "ada"))

    assert answer.headers["Cache-Control"] == "no-store"
    assert "no-store" not in host.test_client().get("/page").headers.values()


def test_no_hook_that_a_host_adds_for_one_request_does_either(shared_database: str) -> None:
    host = Flask("host")

    @host.before_request
    def plan() -> None:
        after_this_request(make_public)

    ProgressAPI(host, settings=Settings(database_url=shared_database, jwt_secret_key=SECRET))

    assert Learner(InProcess(host), "ada").get().headers["Cache-Control"] == "no-store"


def test_a_host_may_say_less_of_the_description(shared_database: str) -> None:
    host = Flask("host")
    host.after_request(make_public)
    ProgressAPI(host, settings=Settings(database_url=shared_database, jwt_secret_key=SECRET))

    described = ask(host, f"{PREFIX}/openapi.json")

    assert described.headers["Cache-Control"] == "public, max-age=60"


def ask(app: Flask, path: str) -> Answer:
    return InProcess(app).send("GET", path, {}, None)


@contextmanager
def failing(app: Flask) -> Iterator[None]:
    """While a hook of the app's fails in each request."""

    def fail() -> None:
        raise LookupError

    hooks = app.before_request_funcs.setdefault(None, [])
    hooks.append(fail)
    yield
    hooks.remove(fail)
