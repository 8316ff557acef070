"""A host's Flask-Limiter: its defaults are not ours, and its refusals say when to return."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask
from flask_limiter import ExemptionScope, Limiter
from sqlalchemy import Engine

from embedded.valkey import Valkey
from progress_api import ProgressAPI
from tests.client import PREFIX, Answer, Learner
from tests.conftest import new_name
from tests.host.conftest import learner_of

QUICK_START = ["200 per day", "50 per hour"]  # of Flask-Limiter's own documentation
Mount = Callable[..., Learner]


def limiter(app: Flask | None, **options: Any) -> Limiter:
    return Limiter(lambda: "everybody", app=app, storage_uri="memory://", **options)


@pytest.fixture
def mount(host: Flask, shared_engine: Engine) -> Mount:
    """Serve progress in the host, with limits that are never reached; return a learner."""

    def mount(**settings: str) -> Learner:
        for name in ("GET", "CHAPTER", "RESET"):
            host.config[f"PROGRESS_RATELIMIT_{name}"] = "1000/minute"
        host.config |= settings
        name = new_name()
        ProgressAPI(host, engine=shared_engine, learner=lambda: name)
        return learner_of(host)

    return mount


def page(host: Flask) -> int:
    return host.test_client().get("/page").status_code


def statuses(learner: Learner, times: int) -> set[int]:
    return {learner.get().status for _ in range(times)}


def assert_says_when_to_return(answer: Answer, limit: int, seconds: int) -> None:
    """The answer is a 429 of one limit, with a sentence and each header once."""
    headers = {
        name: [value for other, value in answer.headers.items() if other == name]  # each of them
        for name in ("Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining")
    }
    assert answer.status == 429
    assert answer.body["error"] == "Too many requests"
    assert headers["X-RateLimit-Limit"] == [str(limit)]
    assert headers["X-RateLimit-Remaining"] == ["0"]
    assert len(headers["Retry-After"]) == 1
    wait = int(answer.headers["Retry-After"])
    assert seconds - 5 <= wait <= seconds + 1
    assert abs(int(answer.headers["X-RateLimit-Reset"]) - time.time() - wait) < 3
    assert f"try again in {wait} s" in answer.body["detail"]


def before(host: Flask, mount: Mount) -> Learner:
    limiter(host, default_limits=QUICK_START)
    return mount()


def after(host: Flask, mount: Mount) -> Learner:
    learner = mount()
    limiter(host, default_limits=QUICK_START)
    return learner


def around(host: Flask, mount: Mount) -> Learner:
    later = limiter(None, default_limits=QUICK_START)
    learner = mount()
    later.init_app(host)
    return learner


def by_config(host: Flask, mount: Mount) -> Learner:
    host.config["RATELIMIT_DEFAULT"] = ";".join(QUICK_START)
    limiter(host)
    return mount()


def two(host: Flask, mount: Mount) -> Learner:
    limiter(host, default_limits=["10 per hour"])
    return before(host, mount)


@pytest.mark.parametrize("set_up", [before, after, around, by_config, two])
def test_default_limits_of_the_host_stop_no_player_and_hold_for_the_hosts_pages(
    host: Flask, mount: Mount, set_up: Callable[[Flask, Mount], Learner]
) -> None:
    learner = set_up(host, mount)

    assert statuses(learner, 60) == {200}
    assert {page(host) for _ in range(60)} == {200, 429}
    assert statuses(learner, 1) == {200}


def test_default_limits_of_the_host_hold_where_the_packages_are_disabled(
    host: Flask, mount: Mount
) -> None:
    limiter(host, default_limits=["3 per hour"])
    learner = mount(PROGRESS_RATELIMIT_ENABLED="false")

    assert [learner.get().status for _ in range(4)] == [200, 200, 200, 429]


def test_application_limits_of_the_host_hold_for_our_routes_too(host: Flask, mount: Mount) -> None:
    limiter(host, default_limits=["1 per day"], application_limits=["5 per hour"])
    learner = mount()

    answers = [learner.get() for _ in range(6)]

    assert [answer.status for answer in answers] == [200] * 5 + [429]
    assert_says_when_to_return(answers[-1], 5, 3600)
    assert page(host) == 429


@pytest.mark.parametrize("path", ["/nothing/here", "/quiz"])
def test_application_limits_say_when_to_return_wherever_the_request_leads(
    host: Flask, mount: Mount, path: str
) -> None:
    limiter(host, application_limits=["1 per minute"])
    mount()
    client = host.test_client()

    refused = [client.put(f"{PREFIX}/intro{path}") for _ in range(2)][-1]

    assert refused.status_code == 429
    assert 55 <= int(refused.headers["Retry-After"]) <= 61


@pytest.mark.parametrize("header", ["delta-seconds", "http-date"])
def test_where_the_host_sends_headers_of_its_own_limits_those_of_the_refusing_one_count(
    host: Flask, mount: Mount, header: str
) -> None:
    options = {"headers_enabled": True, "retry_after": header}
    limiter(host, application_limits=["1000 per day"], **options)
    learner = mount(PROGRESS_RATELIMIT_RESET="2/minute")

    answers = [learner.reset() for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert_says_when_to_return(answers[-1], 2, 60)


def test_where_the_host_sends_headers_its_own_refusal_has_each_of_them_once(
    host: Flask, mount: Mount
) -> None:
    limiter(host, application_limits=["2 per minute"], headers_enabled=True)
    learner = mount()

    answers = [learner.get() for _ in range(3)]

    assert_says_when_to_return(answers[-1], 2, 60)


def test_a_limit_that_the_host_gives_our_routes_holds(host: Flask, shared_engine: Engine) -> None:
    own = limiter(host, default_limits=["1 per day"])
    progress = ProgressAPI(host, engine=shared_engine, learner=new_name)
    own.limit("4 per hour")(progress.blueprint)
    learner = learner_of(host)

    answers = [learner.get() for _ in range(5)]

    assert [answer.status for answer in answers] == [200] * 4 + [429]
    assert_says_when_to_return(answers[-1], 4, 3600)


@pytest.mark.parametrize("flags", [{}, {"flags": ExemptionScope.APPLICATION}])
def test_what_the_host_exempts_stays_exempt(
    host: Flask, shared_engine: Engine, flags: dict[str, Any]
) -> None:
    own = limiter(host, default_limits=["1 per day"], application_limits=["2 per day"])
    progress = ProgressAPI(host, engine=shared_engine, learner=new_name)
    own.exempt(progress.blueprint, **flags)

    assert statuses(learner_of(host), 5) == {200}


def test_what_the_host_says_of_its_limit_is_passed_on(host: Flask, shared_engine: Engine) -> None:
    own = limiter(host)
    progress = ProgressAPI(host, engine=shared_engine, learner=new_name)
    own.limit("1 per hour", error_message="Your school has one lesson an hour.")(progress.blueprint)
    learner = learner_of(host)

    refused = [learner.get() for _ in range(2)][-1]

    assert (refused.status, refused.body["detail"]) == (429, "Your school has one lesson an hour.")
    assert 3595 <= int(refused.headers["Retry-After"]) <= 3601


def test_the_hosts_limits_of_a_mount_within_one_of_its_blueprints(
    host: Flask, shared_engine: Engine
) -> None:
    limiter(host, default_limits=["1 per day"])
    learning = Blueprint("learning", "host", url_prefix="/learn")
    progress = ProgressAPI(engine=shared_engine, learner=new_name)
    learning.register_blueprint(progress.blueprint, url_prefix="/of")
    host.register_blueprint(learning)

    assert statuses(learner_of(host, "/learn/of"), 5) == {200}


def test_a_limit_of_the_host_says_when_to_return_also_where_its_store_stops_just_then(
    host: Flask, shared_engine: Engine, tmp_path: Path
) -> None:
    with Valkey(tmp_path / "store") as store:
        # given a host whose store stops with the refusal
        options: dict[str, Any] = {"storage_uri": store.url, "on_breach": lambda _: store.kill()}
        Limiter(lambda: "all", app=host, application_limits=["1 per hour"], **options)
        ProgressAPI(host, engine=shared_engine, learner=new_name)
        learner = learner_of(host)
        # when
        answers = [learner.get() for _ in range(2)]
    # then
    assert [answer.status for answer in answers] == [200, 429]
    assert answers[-1].headers["Retry-After"] == "3600"
