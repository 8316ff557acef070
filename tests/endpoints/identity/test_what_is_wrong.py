"""A 401 says what is wrong with the token, in its detail and in its header (RFC 6750)."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask_jwt_extended import JWTManager

from progress_api import ProgressAPI, Settings
from tests.client import SECRET, InProcess, Learner, token
from tests.conftest import MakeApp, MakeLearner, new_name
from tests.endpoints.expectations import NO_TOKEN, assert_unauthenticated
from tests.endpoints.identity.tokens import FAR, ask_with, unsigned

EXPECTED = {"aud": "progress", "iss": "login"}
QUOTED = 'a"b\\c\r\n\u00e9'
ANOTHER_AUDIENCE = "The token is for another audience."
ANOTHER_ISSUER = "The token is from another issuer."
NO_LEARNER = "The token does not name a learner."
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "expired": ({"exp": 1}, "The token has expired; sign in again."),
    "not yet valid": ({"nbf": FAR}, "The token is not valid yet."),
    "issued in the future": ({"iat": FAR}, "The token is not valid yet."),
    "no end": ({"exp": None}, "The token has no exp claim."),
    "another audience": ({"aud": "mail"}, ANOTHER_AUDIENCE),
    "an audience with quotes": ({"aud": QUOTED}, ANOTHER_AUDIENCE),
    "no audience": ({"aud": None}, "The token has no aud claim."),
    "another issuer": ({"iss": "mail"}, ANOTHER_ISSUER),
    "an issuer with quotes": ({"iss": QUOTED}, ANOTHER_ISSUER),
    "no issuer": ({"iss": None}, "The token has no iss claim."),
    "another secret": (
        {"key": "another, of over 32 bytes" * 2},
        "The token's signature is invalid.",
    ),
    "another algorithm": (
        {"key": 2 * SECRET, "algorithm": "HS512"},
        "The token is signed with another algorithm.",
    ),
    "a number for a learner": ({"sub": 7}, NO_LEARNER),
    "a blank learner": ({"sub": " "}, NO_LEARNER),
    "refreshes only": ({"type": "refresh"}, "The token is only for refreshing."),
}
Serve = Callable[..., Learner]


@pytest.fixture
def alone(make_app: MakeApp, make_learner: MakeLearner) -> Serve:
    """Serve a learner by the service on its own."""
    return lambda **settings: make_learner(make_app(**settings))


@pytest.fixture
def guest(shared_database: str) -> Serve:
    """Serve a learner by an app without a JWTManager."""

    def serve(**settings: Any) -> Learner:
        host = Flask("host")
        ours = Settings(database_url=shared_database, jwt_secret_key=SECRET, **settings)
        ProgressAPI(host, settings=ours)
        return Learner(InProcess(host), new_name())

    return serve


@pytest.fixture
def host(shared_database: str) -> Serve:
    """Serve a learner by an app with a JWTManager."""

    def serve(**settings: Any) -> Learner:
        host = Flask("host")
        host.config |= {name.upper(): value for name, value in settings.items()}
        host.config["JWT_SECRET_KEY"] = SECRET
        JWTManager(host)
        ProgressAPI(host, settings=Settings(database_url=shared_database))
        return Learner(InProcess(host), new_name())

    return serve


@pytest.fixture(params=["alone", "guest", "host"])
def serve(request: pytest.FixtureRequest) -> Serve:
    """Serve a learner in each of these ways."""
    made: Serve = request.getfixturevalue(request.param)
    return made


@pytest.mark.parametrize(("wrong", "detail"), WRONG.values(), ids=WRONG.keys())
def test_a_401_says_what_is_wrong_with_the_claims(
    serve: Serve, wrong: dict[str, Any], detail: str
) -> None:
    learner = serve(jwt_decode_audience="progress", jwt_decode_issuer="login")
    accepted: dict[str, Any] = {"sub": learner.name, **EXPECTED}
    assert ask_with(learner, token(**accepted)).status == 200

    assert_unauthenticated(ask_with(learner, token(**accepted | wrong)), detail)


def test_a_401_says_what_is_wrong_with_the_form(serve: Serve) -> None:
    learner = serve()
    malformed, header = (
        "The token is malformed.",
        "The header must be Authorization: Bearer <token>.",
    )
    algorithm = "The token is signed with another algorithm."

    for sent, detail in (("abc", malformed), ("a.b.c", malformed), ("a b", header)):
        assert_unauthenticated(ask_with(learner, sent), detail)
    assert_unauthenticated(ask_with(learner, unsigned(learner.name)), algorithm)


@pytest.mark.parametrize("header", ["", "Basic bGVhcm5lcjpwYXNz", "Token abc"])
def test_a_401_without_a_token_says_how_to_send_one(serve: Serve, header: str) -> None:
    answer = serve().send("GET", headers={"Authorization": header})
    assert_unauthenticated(answer, NO_TOKEN)
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("double", ["", "another"])
def test_a_401_for_a_cookie_without_its_double_says_so(serve: Serve, double: str) -> None:
    learner = serve(jwt_token_location=("cookies",))
    cookie = f"access_token_cookie={token(learner.name, csrf='the double')}"
    headers = {"Authorization": "", "Cookie": cookie, "X-CSRF-TOKEN": double}
    assert learner.send("GET", headers=headers).status == 200

    answer = learner.send("DELETE", headers=headers)

    assert_unauthenticated(answer, "The header X-CSRF-TOKEN must repeat the token's csrf claim.")


def test_a_401_says_that_a_token_was_revoked(make_app: MakeApp, make_learner: MakeLearner) -> None:
    app = make_app()
    app.extensions["flask-jwt-extended"].token_in_blocklist_loader(lambda *_: True)
    learner = make_learner(app)

    answer = ask_with(learner, token(learner.name))

    assert_unauthenticated(answer, "The token has been revoked; sign in again.")
