"""A key server that hangs, lies or leads elsewhere, and tokens that name one of their own."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from jwt.algorithms import RSAAlgorithm

from tests.client import Learner
from tests.conftest import MakeApp, MakeLearner
from tests.endpoints.expectations import assert_unauthenticated
from tests.endpoints.identity.conftest import PassTime
from tests.endpoints.identity.keys import KeyPair, KeyServer, key_server
from tests.endpoints.identity.tokens import FAR, ask_with, compact
from tests.serving.service import until

HANGS = {"silent": b"", "a blank at a time": b" ", "without an end": b" " * 65536}
each_hang = pytest.mark.parametrize("part", HANGS.values(), ids=HANGS.keys())


@pytest.fixture
def learner(published: Learner) -> Learner:
    """A learner of a service that verifies with published keys."""
    return published


@pytest.fixture
def elsewhere(pairs: dict[str, KeyPair]) -> Iterator[KeyServer]:
    """An address of an attacker's, with the attacker's key."""
    with key_server() as server:
        server.publish(old=pairs["new"])
        yield server


@pytest.fixture
def learners(
    make_app: MakeApp,
    make_learner: MakeLearner,
    published: Learner,
    server: KeyServer,
    pairs: dict[str, KeyPair],
) -> list[Learner]:
    """One of a service with a key of its own, and one of a service that has it published."""
    server.publish(old=pairs["old"])
    settings = {"jwt_algorithm": "RS256", "jwt_secret_key": None}
    return [published, make_learner(make_app(**settings, jwt_public_key=pairs["old"].public))]


def ask_at_once(learner: Learner, tokens: list[str], pool: ThreadPoolExecutor) -> list[int]:
    """The status of each, none of which may take long."""
    asked: list[Future[Any]] = [pool.submit(ask_with, learner, one) for one in tokens]
    return [answer.result(timeout=20).status for answer in asked]


@each_hang
def test_a_key_server_that_hangs_stops_no_token_of_a_known_key(
    learner: Learner,
    server: KeyServer,
    pairs: dict[str, KeyPair],
    pass_time: PassTime,
    part: bytes,
) -> None:
    tokens = [pairs["old"].sign(learner.name, "old", number=n) for n in range(24)]
    server.publish(old=pairs["old"])
    assert ask_with(learner, tokens[0]).status == 200

    server.hang(part)
    pass_time(301)
    with ThreadPoolExecutor(8) as pool:
        first = ask_at_once(learner, tokens, pool)
        pass_time(2)
        again = ask_at_once(learner, tokens, pool)

    assert set(first + again) == {200}
    assert server.asked >= 2


@pytest.mark.parametrize("in_head", [False, True])
def test_while_the_key_server_hangs_nobody_waits_for_tokens_of_unknown_keys(
    learner: Learner,
    server: KeyServer,
    pairs: dict[str, KeyPair],
    pass_time: PassTime,
    *,
    in_head: bool,
) -> None:
    server.publish(old=pairs["old"])
    assert ask_with(learner, pairs["old"].sign(learner.name, "old")).status == 200
    server.hang(b" ", in_head=in_head)
    pass_time(2)
    assert_unauthenticated(ask_with(learner, pairs["new"].sign(learner.name, "unknown")))

    began = time.perf_counter()
    for number in range(5):
        pass_time(2)
        unknown = pairs["new"].sign(learner.name, f"unknown-{number}")
        assert_unauthenticated(ask_with(learner, unknown))

    assert time.perf_counter() - began < 5  # it is 2 s for each who waits
    until(lambda: server.asked > 2)


@each_hang
def test_when_the_key_server_is_back_its_new_keys_are_known(
    learner: Learner,
    server: KeyServer,
    pairs: dict[str, KeyPair],
    pass_time: PassTime,
    part: bytes,
) -> None:
    server.publish(old=pairs["old"])
    assert ask_with(learner, pairs["old"].sign(learner.name, "old")).status == 200
    server.hang(part)
    pass_time(301)
    assert ask_with(learner, pairs["old"].sign(learner.name, "old")).status == 200

    server.publish(new=pairs["new"])

    fresh = pairs["new"].sign(learner.name, "new")
    for _ in range(300):
        pass_time(2)
        if ask_with(learner, fresh).status == 200:
            break
        time.sleep(0.02)
    assert ask_with(learner, fresh).status == 200
    assert_unauthenticated(ask_with(learner, pairs["old"].sign(learner.name, "old")))


def test_all_tokens_of_a_new_key_that_come_at_once_are_accepted(
    learner: Learner, server: KeyServer, pairs: dict[str, KeyPair], pass_time: PassTime
) -> None:
    server.publish(old=pairs["old"])
    assert ask_with(learner, pairs["old"].sign(learner.name, "old")).status == 200
    server.publish(old=pairs["old"], new=pairs["new"])
    pass_time(2)

    tokens = [pairs["new"].sign(learner.name, "new", number=n) for n in range(16)]
    with ThreadPoolExecutor(8) as pool:
        statuses = ask_at_once(learner, tokens, pool)

    assert set(statuses) == {200}
    assert server.asked == 2


def test_a_key_set_of_10_mb_is_no_key_set(
    learner: Learner, server: KeyServer, pairs: dict[str, KeyPair]
) -> None:
    keys = json.dumps({"keys": [{**pairs["old"].jwk, "kid": "old"}]}).encode()
    server.send("200 OK", "application/json", keys.ljust(10_000_000))

    assert ask_with(learner, pairs["old"].sign(learner.name, "old")).status == 503


def test_a_key_server_that_leads_elsewhere_is_not_followed(
    learner: Learner, server: KeyServer, elsewhere: KeyServer, pairs: dict[str, KeyPair]
) -> None:
    server.send(f"302 Found\r\nLocation: {elsewhere.url}", "text/plain", b"")

    assert ask_with(learner, pairs["new"].sign(learner.name, "old")).status == 503
    assert (server.asked, elsewhere.connected) == (1, 0)


@pytest.mark.parametrize(
    "lie",
    [
        {"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"},
        {"kty": "oct", "k": "c2VjcmV0", "alg": "RS256"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA", "n": "AA", "e": "AA"},
        {"use": "enc"},
        {"alg": "HS256"},
    ],
)
def test_a_published_key_of_another_algorithm_verifies_no_token(
    learner: Learner, server: KeyServer, pairs: dict[str, KeyPair], lie: dict[str, str]
) -> None:
    good, lying = ({**pairs[name].jwk, "kid": name} for name in ("old", "new"))
    keys = json.dumps({"keys": [good, lie | {"kid": "new"} if "kty" in lie else {**lying, **lie}]})
    server.send("200 OK", "application/json", keys.encode())
    payload = json.dumps({"sub": learner.name, "exp": FAR}).encode()

    for algorithm in ("HS256", "RS256"):
        header = json.dumps({"alg": algorithm, "kid": "new"}).encode()
        assert_unauthenticated(ask_with(learner, compact(payload, key=b"secret", header=header)))
    assert_unauthenticated(ask_with(learner, pairs["ES256"].sign(learner.name, "new")))
    assert ask_with(learner, pairs["old"].sign(learner.name, "old")).status == 200


def test_a_published_key_is_no_secret_to_sign_with(
    learner: Learner, server: KeyServer, pairs: dict[str, KeyPair]
) -> None:
    server.publish(old=pairs["old"])
    payload = json.dumps({"sub": learner.name, "exp": FAR}).encode()
    public = RSAAlgorithm.to_jwk(pairs["old"].private.public_key())  # type: ignore[arg-type]

    for key in (pairs["old"].public, public, pairs["old"].jwk["n"]):
        header = b'{"alg":"HS256","kid":"old"}'
        encoded = compact(payload, key=key.encode(), header=header)
        assert_unauthenticated(ask_with(learner, encoded))


def test_who_cannot_be_verified_spends_the_allowance_of_the_address(
    make_app: MakeApp, make_learner: MakeLearner, server: KeyServer, pairs: dict[str, KeyPair]
) -> None:
    settings = {"jwt_algorithm": "RS256", "jwt_secret_key": None, "jwt_jwks_url": server.url}
    app = make_app(ratelimit_enabled=True, ratelimit_get="3/hour", **settings)
    tokens = [pairs["old"].sign(make_learner(app).name, "old") for _ in range(4)]

    statuses = [ask_with(make_learner(app), one).status for one in tokens]

    assert statuses == [503, 503, 503, 429]


LEADING = ("/dev/null", "../../../../dev/null", "file:///etc/passwd", "/proc/self/environ")


@pytest.mark.parametrize("name", ["kid", "jku", "x5u", "jwk", "x5c", "x5t"])
def test_nothing_is_fetched_or_opened_that_a_token_names(
    learners: list[Learner], elsewhere: KeyServer, pairs: dict[str, KeyPair], name: str
) -> None:
    values: list[Any] = [*LEADING, elsewhere.url]
    if name != "kid":  # which the library that signs lets be a text only
        values += [[elsewhere.url], {**pairs["new"].jwk, "kid": "old"}]

    for learner in learners:
        for value in values:
            forged = pairs["new"].sign(learner.name, **({"kid": "old"} | {name: value}))
            assert_unauthenticated(ask_with(learner, forged))
        assert ask_with(learner, pairs["old"].sign(learner.name, "old")).status == 200

    assert elsewhere.connected == 0


@pytest.mark.parametrize("leading", [*LEADING, "' UNION SELECT 'x", "\x00"])
def test_a_key_id_leads_to_no_other_secret(make_learner: MakeLearner, leading: str) -> None:
    learner = make_learner()
    header = json.dumps({"alg": "HS256", "kid": leading}).encode()
    payload = json.dumps({"sub": learner.name, "exp": FAR}).encode()

    for key in (b"", b"x", leading.encode()):
        assert_unauthenticated(ask_with(learner, compact(payload, key=key, header=header)))
    assert ask_with(learner, compact(payload, header=header)).status == 200
