"""A token that was verified a moment ago is not verified again, and refused as if it were."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from flask import Flask
from flask_jwt_extended import JWTManager

from progress_api import ProgressAPI
from progress_api.web.state import states
from tests.client import SECRET, InProcess, Learner, token
from tests.conftest import MakeApp, MakeLearner, new_name
from tests.endpoints.expectations import assert_unauthenticated
from tests.endpoints.identity.tokens import ask_with

OTHER_SECRET = "another secret, also of more than 32 bytes"
MOST_TOKENS = 10_000
Host = Callable[[JWTManager], Learner]


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the signature of each token was verified."""
    counted: Counter[str] = Counter()
    decode = jwt.PyJWT.decode_complete

    def counting(self: jwt.PyJWT, encoded: str, *given: Any, **options: Any) -> Any:
        decoded = decode(self, encoded, *given, **options)
        if decoded["header"]["alg"] and options.get("options", {}).get("verify_signature", True):
            counted[encoded] += 1
        return decoded

    monkeypatch.setattr(jwt.PyJWT, "decode_complete", counting)
    return counted


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """A service of its own, whose settings may be changed."""
    return make_app()


@pytest.fixture
def learner(make_learner: MakeLearner, app: Flask) -> Learner:
    """A learner of that service."""
    return make_learner(app)


def manager(app: Flask) -> JWTManager:
    """What verifies in an app."""
    found: JWTManager = app.extensions["flask-jwt-extended"]
    return found


def test_a_token_is_verified_once_in_some_minutes(
    learner: Learner, verified: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = token(learner.name)
    assert [ask_with(learner, encoded).body["userId"] for _ in range(5)] == [learner.name] * 5
    assert verified[encoded] == 1
    later = time.monotonic() + 301
    monkeypatch.setattr(time, "monotonic", lambda: later)

    assert ask_with(learner, encoded).status == 200

    assert verified[encoded] == 2


def test_a_token_of_the_secret_before_is_remembered_too(
    make_app: MakeApp, make_learner: MakeLearner, verified: Counter[str]
) -> None:
    learner = make_learner(make_app(jwt_secret_key=OTHER_SECRET, jwt_previous_secret_key=SECRET))
    encoded = token(learner.name)
    assert ask_with(learner, encoded).status == 200

    assert [ask_with(learner, encoded).status for _ in range(3)] == [200] * 3

    assert verified[encoded] == 1


def test_a_remembered_token_is_refused_from_its_end_on(learner: Learner) -> None:
    end = int(time.time()) + 2
    encoded = token(learner.name, exp=end)
    assert ask_with(learner, encoded).status == 200
    while time.time() < end:
        answer = ask_with(learner, encoded)
        assert answer.status == 200 or time.time() >= end

    for _ in range(2):
        answer = ask_with(learner, encoded)
        assert_unauthenticated(answer, "The token has expired; sign in again.")


def test_a_remembered_token_is_good_for_the_leeway_of_clocks(
    make_app: MakeApp, make_learner: MakeLearner, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = make_learner(make_app(jwt_decode_leeway=60))
    encoded = token(learner.name, exp=int(time.time()) + 30)
    assert ask_with(learner, encoded).status == 200
    at_its_end = time.time() + 31
    monkeypatch.setattr(time, "time", lambda: at_its_end)

    assert ask_with(learner, encoded).status == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JWT_SECRET_KEY", OTHER_SECRET),
        ("JWT_ALGORITHM", "HS512"),
        ("JWT_DECODE_AUDIENCE", "others"),
        ("JWT_DECODE_ISSUER", "another"),
    ],
)
def test_a_token_is_not_remembered_across_a_change_of_what_verifies_it(
    app: Flask, learner: Learner, name: str, value: str
) -> None:
    encoded = token(learner.name)
    assert ask_with(learner, encoded).status == 200

    app.config[name] = value
    if name == "JWT_ALGORITHM":
        app.config["JWT_DECODE_ALGORITHMS"] = [value]

    assert_unauthenticated(ask_with(learner, encoded))


def test_a_remembered_token_does_not_speak_for_one_of_another_signature_or_algorithm(
    learner: Learner,
) -> None:
    encoded = token(learner.name)
    assert ask_with(learner, encoded).status == 200

    head, payload, _ = encoded.split(".")

    _, _, other = token(learner.name, key=OTHER_SECRET).split(".")
    assert_unauthenticated(ask_with(learner, f"{head}.{payload}.{other}"))
    assert_unauthenticated(ask_with(learner, f"{head}.{payload}."))
    longer = token(learner.name, key=2 * SECRET, algorithm="HS512")
    assert_unauthenticated(ask_with(learner, longer))


def test_a_request_without_a_token_has_no_learner_whoever_came_before(
    app: Flask, learner: Learner
) -> None:
    app.config["JWT_TOKEN_LOCATION"].append("cookies")
    app.config["JWT_COOKIE_CSRF_PROTECT"] = False
    cookie = {"Authorization": "", "Cookie": f"access_token_cookie={token(learner.name)}"}
    assert learner.send("GET", headers=cookie).status == 200

    assert_unauthenticated(learner.send("GET", headers={"Authorization": ""}))


def test_a_token_that_was_refused_is_verified_again(app: Flask, learner: Learner) -> None:
    encoded = token(learner.name, key=OTHER_SECRET)
    assert_unauthenticated(ask_with(learner, encoded))

    app.config["JWT_SECRET_KEY"] = OTHER_SECRET

    assert ask_with(learner, encoded).status == 200


def test_a_blocklist_that_comes_later_is_asked_of_remembered_tokens_too(
    app: Flask, learner: Learner
) -> None:
    encoded, revoked = token(learner.name, jti="1"), set[str]()
    assert ask_with(learner, encoded).status == 200
    manager(app).token_in_blocklist_loader(lambda _, claims: claims["jti"] in revoked)
    assert ask_with(learner, encoded).status == 200

    revoked.add("1")

    assert_unauthenticated(ask_with(learner, encoded))


def test_a_token_of_the_secret_before_does_not_bypass_a_blocklist(
    make_app: MakeApp, make_learner: MakeLearner
) -> None:
    app = make_app(jwt_secret_key=OTHER_SECRET, jwt_previous_secret_key=SECRET)
    learner = make_learner(app)
    manager(app).token_in_blocklist_loader(lambda *_: True)

    for key in (OTHER_SECRET, SECRET):
        assert_unauthenticated(ask_with(learner, token(learner.name, key=key)))


def test_a_token_in_a_cookie_is_remembered_too_and_its_double_is_not(
    make_app: MakeApp, make_learner: MakeLearner, verified: Counter[str]
) -> None:
    learner = make_learner(make_app(jwt_token_location=("cookies",)))
    encoded = token(learner.name, csrf="the double")
    cookie = {"Authorization": "", "Cookie": f"access_token_cookie={encoded}"}

    for double, status in (("the double", 200), ("another", 401), ("the double", 200)):
        headers = cookie | {"X-CSRF-TOKEN": double}
        assert learner.send("DELETE", headers=headers).status == status

    assert verified[encoded] == 1


@pytest.fixture
def host(shared_database: str, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Mount the service in an app with a JWTManager of its own."""
    monkeypatch.setenv("DATABASE_URL", shared_database)

    def make(manager: JWTManager) -> Learner:
        app = Flask("host")
        app.config["JWT_TOKEN_LOCATION"] = ["headers"]
        app.config["JWT_SECRET_KEY"] = SECRET
        manager.init_app(app)
        ProgressAPI(app)
        return Learner(InProcess(app), new_name())

    return make


def test_a_host_s_blocklist_is_asked_each_time(host: Host) -> None:
    revoked = set[str]()
    blocking = JWTManager()
    blocking.token_in_blocklist_loader(lambda _, claims: claims["jti"] in revoked)
    learner = host(blocking)
    encoded = token(learner.name, jti="1")
    assert ask_with(learner, encoded).status == 200

    revoked.add("1")

    assert_unauthenticated(ask_with(learner, encoded))


def test_a_host_s_key_loader_is_asked_each_time(host: Host) -> None:
    keys = [SECRET]
    loading = JWTManager()
    loading.decode_key_loader(lambda *_: keys[-1])
    learner = host(loading)
    encoded = token(learner.name)
    assert ask_with(learner, encoded).status == 200

    keys.append(OTHER_SECRET)

    assert_unauthenticated(ask_with(learner, encoded))


def test_no_more_tokens_are_remembered_than_ten_thousand(
    app: Flask, verified: Counter[str]
) -> None:
    # Not over HTTP: so many requests would take a minute.
    identity = states(app)["progress_api"].identity
    first, *others = (token(f"learner-{number}") for number in range(MOST_TOKENS + 1))

    with app.test_request_context() as context:
        for encoded in [first, first, *others, first]:
            context.request.environ["HTTP_AUTHORIZATION"] = f"Bearer {encoded}"
            identity.identify().require_authenticated()

    assert verified[first] == 2
    assert verified.total() == MOST_TOKENS + 2
