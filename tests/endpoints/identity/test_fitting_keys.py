"""A key set with keys for other uses: those that do not fit are as if they were not published."""

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from itertools import permutations
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tests.client import Answer, Learner
from tests.conftest import MakeApp, MakeLearner
from tests.endpoints.expectations import assert_refused, assert_unauthenticated
from tests.endpoints.identity.keys import KeyPair, KeyServer, new_key_pair
from tests.endpoints.identity.tokens import FAR, ask_with

Jwk = Mapping[str, Any]
OTHER_USES: dict[str, Jwk] = {
    "another algorithm": {"alg": "RS512"},
    "another padding": {"alg": "PS256"},
    "an algorithm that is no text": {"alg": ["RS256"]},
    "encryption": {"use": "enc"},
    "encryption, by its operations": {"key_ops": ["encrypt", "wrapKey"]},
    "no operation at all": {"key_ops": []},
    "operations that are no list": {"key_ops": 7},
    "a curve": {"kty": "EC"},
    "a secret": {"kty": "oct", "k": "c2VjcmV0"},
    "an unknown type": {"kty": "AKP"},
    "half a key": {"n": ""},
    "an id that is no text": {"kid": [1]},
}
MARKS: dict[str, Jwk] = {
    "nothing": {},
    "its algorithm": {"alg": "RS256"},
    "signatures": {"use": "sig"},
    "its operation": {"key_ops": ["verify"]},
    "null": {"alg": None, "use": None, "key_ops": None},
}
Verifier = Callable[..., Learner]


@pytest.fixture
def verifier(make_app: MakeApp, make_learner: MakeLearner, server: KeyServer) -> Verifier:
    """A learner of a new service that verifies with what is published now."""

    def make(keys: Sequence[Jwk], algorithm: str = "RS256", **settings: Any) -> Learner:
        server.publish_set(keys)
        settings |= {"jwt_algorithm": algorithm, "jwt_secret_key": None}
        return make_learner(make_app(jwt_jwks_url=server.url, **settings))

    return make


def named(pair: KeyPair, key_id: str | None = "k", **marks: Any) -> Jwk:
    """The public key of a pair, as it is published."""
    plain = {name: value for name, value in pair.jwk.items() if name != "key_ops"}
    return plain | ({} if key_id is None else {"kid": key_id}) | marks


def both_orders(*keys: Jwk) -> list[tuple[Jwk, ...]]:
    return list(permutations(keys))


@pytest.mark.parametrize("other_use", OTHER_USES.values(), ids=OTHER_USES.keys())
def test_a_key_for_another_use_takes_no_place_of_one_with_the_same_id(
    verifier: Verifier, pairs: dict[str, KeyPair], other_use: Jwk
) -> None:
    for keys in both_orders(named(pairs["old"]), named(pairs["new"], **other_use)):
        learner = verifier(keys)
        assert ask_with(learner, pairs["old"].sign(learner.name, "k")).status == 200
        assert_unauthenticated(ask_with(learner, pairs["new"].sign(learner.name, "k")))


@pytest.mark.parametrize("other_use", OTHER_USES.values(), ids=OTHER_USES.keys())
def test_a_token_that_names_no_key_is_meant_for_the_only_one_that_fits(
    verifier: Verifier, pairs: dict[str, KeyPair], other_use: Jwk
) -> None:
    for keys in both_orders(named(pairs["old"]), {**named(pairs["new"], "other"), **other_use}):
        learner = verifier(keys)
        assert ask_with(learner, pairs["old"].sign(learner.name)).status == 200
        assert_unauthenticated(ask_with(learner, pairs["new"].sign(learner.name)))


@pytest.mark.parametrize("marks", MARKS.values(), ids=MARKS.keys())
def test_a_key_fits_by_what_it_says_of_itself(
    verifier: Verifier, pairs: dict[str, KeyPair], marks: Jwk
) -> None:
    for keys in both_orders(named(pairs["ES256"]), named(pairs["old"], **marks)):
        learner = verifier(keys)
        assert ask_with(learner, pairs["old"].sign(learner.name, "k")).status == 200


def test_a_key_on_another_curve_does_not_fit(verifier: Verifier, pairs: dict[str, KeyPair]) -> None:
    wider = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()).public_key(), as_dict=True)
    for keys in both_orders(named(pairs["ES256"]), {**wider, "kid": "k"}, named(pairs["old"])):
        learner = verifier(keys, "ES256")
        for key_id in ("k", None):
            assert ask_with(learner, pairs["ES256"].sign(learner.name, key_id)).status == 200


@pytest.mark.parametrize("algorithm", ["RS512", "PS256"])
def test_a_key_without_an_algorithm_is_one_for_each_of_its_type(
    verifier: Verifier, pairs: dict[str, KeyPair], algorithm: str
) -> None:
    for keys in both_orders(named(pairs["old"]), named(pairs["new"], alg="RS256")):
        learner = verifier(keys, algorithm)
        claims = {"sub": learner.name, "exp": FAR}
        signed = jwt.encode(claims, pairs["old"].private, algorithm)
        assert ask_with(learner, signed).status == 200


def test_without_a_fitting_key_the_response_is_503(
    verifier: Verifier, pairs: dict[str, KeyPair]
) -> None:
    learner = verifier([named(pairs["ES256"]), named(pairs["old"], use="enc")])
    answer = ask_with(learner, pairs["old"].sign(learner.name, "k"))
    detail = "The keys that verify tokens cannot be fetched; try again in a moment."
    assert_refused(answer, 503, "Service unavailable", detail)


def test_a_private_key_that_is_published_verifies_nothing(
    verifier: Verifier, pairs: dict[str, KeyPair]
) -> None:
    secret = pairs["new"].private
    assert isinstance(secret, rsa.RSAPrivateKey)
    private = RSAAlgorithm.to_jwk(secret, as_dict=True)
    leaked = {name: value for name, value in private.items() if name != "key_ops"}
    for keys in both_orders(named(pairs["old"]), {**leaked, "kid": "k"}):
        learner = verifier(keys)
        assert ask_with(learner, pairs["old"].sign(learner.name, "k")).status == 200
        assert_unauthenticated(ask_with(learner, pairs["new"].sign(learner.name, "k")))


def by_header(learner: Learner, encoded: str) -> Answer:
    return ask_with(learner, encoded)


def by_cookie(learner: Learner, encoded: str) -> Answer:
    headers = {"Authorization": "", "Cookie": f"access_token_cookie={encoded}"}
    return learner.send("GET", headers=headers)


@pytest.mark.parametrize(("location", "send"), [("headers", by_header), ("cookies", by_cookie)])
@pytest.mark.parametrize("key_id", ["k", None])
def test_of_several_keys_with_one_id_or_none_each_verifies_what_it_signed(
    verifier: Verifier,
    pairs: dict[str, KeyPair],
    key_id: str | None,
    location: str,
    send: Callable[[Learner, str], Answer],
) -> None:
    stranger = new_key_pair("RS256")
    for keys in both_orders(named(pairs["old"], key_id), named(pairs["new"], key_id)):
        learner = verifier(keys, jwt_token_location=(location,))
        for name in ("old", "new", "old"):
            assert send(learner, pairs[name].sign(learner.name, key_id)).status == 200
        assert_unauthenticated(send(learner, stranger.sign(learner.name, key_id)))


def test_an_expired_token_of_the_second_key_with_its_id_is_said_to_be_expired(
    verifier: Verifier, pairs: dict[str, KeyPair]
) -> None:
    for keys in both_orders(named(pairs["old"]), named(pairs["new"])):
        learner = verifier(keys)
        for pair in (pairs["old"], pairs["new"]):
            expired = pair.sign(learner.name, "k", exp=1)
            assert_unauthenticated(
                ask_with(learner, expired), "The token has expired; sign in again."
            )


def test_the_request_to_the_key_server_names_the_client_and_the_media_type(
    verifier: Verifier, server: KeyServer, pairs: dict[str, KeyPair]
) -> None:
    learner = verifier([named(pairs["old"])])
    assert ask_with(learner, pairs["old"].sign(learner.name, "k")).status == 200
    assert server.headers["User-Agent"] == f"progress-api/{version('progress-api')}"
    assert server.headers["Accept"] == "application/jwk-set+json, application/json"
