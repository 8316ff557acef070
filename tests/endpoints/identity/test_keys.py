"""Tokens that are verified with a public key, configured or published."""

import pytest

from tests.client import Learner
from tests.conftest import MakeApp, MakeLearner
from tests.endpoints.expectations import assert_refused, assert_unauthenticated
from tests.endpoints.identity.conftest import PassTime
from tests.endpoints.identity.keys import KeyPair, KeyServer, key_server
from tests.endpoints.identity.tokens import FAR, ask_with, compact, unsigned

_SET = b'{"keys":[{"kty":"oct","k":"AA",%s}]}'
OUTAGES = {
    "an error": ("500 Internal Server Error", "text/plain", b"down", None),
    "a page": ("200 OK", "text/html", b"<html>Sign in</html>", None),
    "no set": ("200 OK", "application/json", b"[]", None),
    "an empty set": ("200 OK", "application/json", b'{"keys":[]}', None),
    "invalid keys": ("200 OK", "application/json", b'{"keys":[{"kty":"x"},7]}', None),
    "no text": ("200 OK", "application/json", b"\xff\xfe", None),
    "half an answer": ("200 OK", "application/json", b'{"keys":', 500),
    "nested too deep": ("200 OK", "application/json", b"[" * 100_000, None),
    "a list as an id": ("200 OK", "application/json", _SET % b'"kid":[1]', None),
    "a list as a use": ("200 OK", "application/json", _SET % b'"use":[1]', None),
    "no HTTP": ("", "", b"", None),
}
each_outage = pytest.mark.parametrize("outage", OUTAGES)


@pytest.fixture
def learner(published: Learner) -> Learner:
    """A learner of a service that verifies with published keys."""
    return published


@pytest.fixture
def unused_port() -> str:
    """An address where nothing listens any more."""
    with key_server() as server:
        return server.url


def fail(server: KeyServer, outage: str) -> None:
    status, content_type, body, length = OUTAGES[outage]
    if status:
        server.send(status, content_type, body, length)
    else:
        server.answer = b"\x00 this is no HTTP\r\n\r\n"


def assert_no_keys(learner: Learner, encoded: str) -> int:
    """It is 503; return in how many seconds to try again."""
    answer = ask_with(learner, encoded)
    detail = "The keys that verify tokens cannot be fetched; try again in a moment."
    assert_refused(answer, 503, "Service unavailable", detail)
    return int(answer.headers["Retry-After"])


@pytest.mark.parametrize("name", ["old", "ES256"])
def test_a_public_key_verifies(
    make_app: MakeApp, make_learner: MakeLearner, pairs: dict[str, KeyPair], name: str
) -> None:
    pair = pairs[name]
    settings = {"jwt_algorithm": pair.algorithm, "jwt_secret_key": None}
    learner = make_learner(make_app(**settings, jwt_public_key=pair.public))
    assert ask_with(learner, pair.sign(learner.name)).body["userId"] == learner.name
    for other in (one for one in pairs.values() if one is not pair):
        assert_unauthenticated(ask_with(learner, other.sign(learner.name)))


@pytest.mark.parametrize("secret_is_set", [False, True])
def test_a_public_key_is_no_secret_to_sign_with(
    make_app: MakeApp, make_learner: MakeLearner, pairs: dict[str, KeyPair], *, secret_is_set: bool
) -> None:
    public = pairs["old"].public
    secret = {} if secret_is_set else {"jwt_secret_key": None}
    learner = make_learner(make_app(jwt_algorithm="RS256", jwt_public_key=public, **secret))
    payload = f'{{"sub":"{learner.name}","exp":{FAR}}}'.encode()
    for key in (public, public.strip(), ""):
        assert_unauthenticated(ask_with(learner, compact(payload, key=key.encode())))
    assert_unauthenticated(learner.get())
    assert_unauthenticated(ask_with(learner, unsigned(learner.name)))


def test_published_keys_verify_and_are_fetched_once(
    learner: Learner, server: KeyServer, pairs: dict[str, KeyPair]
) -> None:
    server.publish(old=pairs["old"], new=pairs["new"])
    for name in ("old", "new", "old"):
        answer = ask_with(learner, pairs[name].sign(learner.name, name))
        assert answer.body["userId"] == learner.name
    assert server.asked == 1


@pytest.mark.parametrize("key_id", [None, "", "unknown", "new"])
def test_a_token_of_another_key_than_it_says_is_refused(
    learner: Learner, server: KeyServer, pairs: dict[str, KeyPair], key_id: str | None
) -> None:
    server.publish(old=pairs["old"], other=pairs["ES256"])
    assert_unauthenticated(ask_with(learner, pairs["new"].sign(learner.name, key_id)))
    assert_unauthenticated(ask_with(learner, pairs["ES256"].sign(learner.name, "other")))
    assert_unauthenticated(ask_with(learner, pairs["new"].sign(learner.name, "old")))


def test_a_token_that_names_no_key_is_meant_for_the_only_one(
    learner: Learner, server: KeyServer, pairs: dict[str, KeyPair]
) -> None:
    server.publish(old=pairs["old"])
    assert ask_with(learner, pairs["old"].sign(learner.name)).status == 200


def test_a_new_key_is_fetched_when_a_token_names_it(
    learner: Learner, server: KeyServer, pairs: dict[str, KeyPair], pass_time: PassTime
) -> None:
    server.publish(old=pairs["old"])
    assert ask_with(learner, pairs["old"].sign(learner.name, "old")).status == 200
    server.publish(new=pairs["new"])
    pass_time(15)
    assert ask_with(learner, pairs["new"].sign(learner.name, "new")).status == 200
    assert_unauthenticated(ask_with(learner, pairs["old"].sign(learner.name, "old")))


def test_a_key_that_was_withdrawn_verifies_no_more_after_some_minutes(
    learner: Learner, server: KeyServer, pairs: dict[str, KeyPair], pass_time: PassTime
) -> None:
    server.publish(old=pairs["old"])
    assert ask_with(learner, pairs["old"].sign(learner.name, "old")).status == 200
    server.publish(new=pairs["new"])
    pass_time(301)
    assert_unauthenticated(ask_with(learner, pairs["old"].sign(learner.name, "old")))


def test_tokens_of_unknown_keys_do_not_flood_the_address(
    learner: Learner, server: KeyServer, pairs: dict[str, KeyPair]
) -> None:
    server.publish(old=pairs["old"])
    for number in range(5):
        ask_with(learner, pairs["new"].sign(learner.name, f"unknown-{number}"))
    assert server.asked == 1


@each_outage
def test_known_keys_go_on_verifying_through_an_outage(
    learner: Learner, server: KeyServer, pairs: dict[str, KeyPair], pass_time: PassTime, outage: str
) -> None:
    server.publish(old=pairs["old"])
    assert ask_with(learner, pairs["old"].sign(learner.name, "old")).status == 200
    fail(server, outage)
    pass_time(3600)
    assert ask_with(learner, pairs["old"].sign(learner.name, "old")).status == 200
    assert_unauthenticated(ask_with(learner, pairs["new"].sign(learner.name, "new")))
    assert server.asked == 2


@each_outage
def test_without_any_key_the_service_is_unavailable_until_it_has_one(
    learner: Learner, server: KeyServer, pairs: dict[str, KeyPair], pass_time: PassTime, outage: str
) -> None:
    encoded = pairs["old"].sign(learner.name, "old")
    fail(server, outage)
    seconds = assert_no_keys(learner, encoded)
    server.publish(old=pairs["old"])
    pass_time(seconds)
    assert ask_with(learner, encoded).status == 200


def test_where_nothing_listens_the_service_is_unavailable(
    make_app: MakeApp, make_learner: MakeLearner, pairs: dict[str, KeyPair], unused_port: str
) -> None:
    settings = {"jwt_algorithm": "RS256", "jwt_secret_key": None, "jwt_jwks_url": unused_port}
    learner = make_learner(make_app(**settings))
    assert assert_no_keys(learner, pairs["old"].sign(learner.name, "old")) >= 1
    assert_unauthenticated(ask_with(learner, "abc"))
