"""A key is replaced, and no token of a learner is refused meanwhile."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from progress_api import ProgressAPI, Settings
from tests.client import SECRET, InProcess, Learner, token
from tests.conftest import MakeApp, MakeLearner, new_name
from tests.endpoints.expectations import assert_unauthenticated
from tests.endpoints.identity.keys import key_server, new_key_pair
from tests.endpoints.identity.tokens import ask_with, unsigned

NEW_SECRET = "the secret that replaces the one of the tests"
OTHER_SECRET = "a secret that no service has ever known"
Serve = Callable[..., Learner]


@pytest.fixture
def guest(shared_database: str) -> Serve:
    """Serve a learner by an app that has no JWTManager of its own."""

    def serve(**settings: Any) -> Learner:
        host = Flask("host")
        ProgressAPI(host, settings=Settings(database_url=shared_database, **settings))
        return Learner(InProcess(host), new_name())

    return serve


@pytest.fixture(params=["alone", "guest"])
def serve(
    request: pytest.FixtureRequest, make_app: MakeApp, make_learner: MakeLearner, guest: Serve
) -> Serve:
    """Serve a learner with these settings, by the service on its own or as a guest."""
    if request.param == "guest":
        return guest
    return lambda **settings: make_learner(make_app(**settings))


def test_tokens_of_the_new_secret_and_of_the_one_before_are_accepted(serve: Serve) -> None:
    learner = serve(jwt_secret_key=NEW_SECRET, jwt_previous_secret_key=SECRET)

    for key in (NEW_SECRET, SECRET, NEW_SECRET, SECRET):
        answer = ask_with(learner, token(learner.name, key=key))
        assert answer.body["userId"] == learner.name

    for refused in (token(learner.name, key=OTHER_SECRET), unsigned(learner.name), "none"):
        assert_unauthenticated(ask_with(learner, refused))


def test_a_token_of_the_secret_before_is_held_to_everything_else(serve: Serve) -> None:
    learner = serve(
        jwt_secret_key=NEW_SECRET, jwt_previous_secret_key=SECRET, jwt_decode_audience="progress"
    )

    old = token(learner.name, aud="progress")
    assert ask_with(learner, old).status == 200
    assert_unauthenticated(ask_with(learner, token(learner.name, aud="mail")))
    expired = token(learner.name, aud="progress", exp=1)
    assert_unauthenticated(ask_with(learner, expired), "The token has expired; sign in again.")
    endless = token(learner.name, aud="progress", exp=None)
    detail = "The token has no exp claim."
    assert_unauthenticated(ask_with(learner, endless), detail)
    admin = token("admin", aud="progress", scope="progress:admin")
    named = {"Authorization": f"Bearer {admin}"}
    assert learner.send("GET", f"?userId={learner.name}", headers=named).status == 200


def test_when_it_is_taken_away_its_tokens_are_refused(serve: Serve) -> None:
    learner = serve(jwt_secret_key=NEW_SECRET)

    assert_unauthenticated(ask_with(learner, token(learner.name)))


def test_a_cookie_may_hold_a_token_of_the_secret_before(serve: Serve) -> None:
    learner = serve(
        jwt_secret_key=NEW_SECRET, jwt_previous_secret_key=SECRET, jwt_token_location=("cookies",)
    )

    for key in (NEW_SECRET, SECRET):
        cookie = f"access_token_cookie={token(learner.name, key=key)}"
        assert learner.send("GET", headers={"Cookie": cookie}).status == 200


def test_tokens_of_the_new_public_key_and_of_the_one_before_are_accepted(serve: Serve) -> None:
    old, new, other = (new_key_pair("RS256") for _ in range(3))
    settings = {"jwt_algorithm": "RS256", "jwt_secret_key": None}
    learner = serve(**settings, jwt_public_key=new.public, jwt_previous_public_key=old.public)

    for pair in (new, old):
        assert ask_with(learner, pair.sign(learner.name)).body["userId"] == learner.name
    assert_unauthenticated(ask_with(learner, other.sign(learner.name)))
    assert_unauthenticated(ask_with(learner, token(learner.name, key=SECRET)))


def test_published_keys_are_replaced_one_by_the_other(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = new_key_pair("RS256"), new_key_pair("RS256")
    real, passed = time.monotonic, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: real() + sum(passed))
    with key_server() as server:
        published = {"jwt_algorithm": "RS256", "jwt_secret_key": None, "jwt_jwks_url": server.url}
        learner = serve(**published)
        server.publish(old=old)
        asked = [ask_with(learner, old.sign(learner.name, "old"))]
        server.publish(old=old, new=new)
        passed.append(2)  # as docs/operating.md asks to wait before the new one signs
        for pair, name in ((old, "old"), (new, "new"), (old, "old"), (new, "new")):
            asked.append(ask_with(learner, pair.sign(learner.name, name)))
        server.publish(new=new)
        asked.append(ask_with(learner, new.sign(learner.name, "new")))

    assert {answer.status for answer in asked} == {200}
