"""A host whose JWTManager fetches its keys itself, with PyJWT's client."""

from typing import Any

import jwt
import pytest
from flask import Flask
from flask_jwt_extended import JWTManager
from sqlalchemy import Engine

from progress_api import ProgressAPI
from tests.client import Answer, Learner
from tests.endpoints.identity.keys import KeyPair, KeyServer, key_server, new_key_pair
from tests.host.conftest import learner_of

PAIR, OTHER = new_key_pair("ES256"), new_key_pair("ES256")


@pytest.fixture
def learner(host: Flask, shared_engine: Engine) -> Learner:
    """A learner of a host that fetches the keys with `PyJWKClient` for each token."""
    host.config["JWT_ALGORITHM"] = "ES256"

    def load(header: dict[str, Any], _: object) -> Any:
        client = jwt.PyJWKClient(host.config["KEY_SERVER"], timeout=2)
        return client.get_signing_key(header["kid"]).key

    JWTManager(host).decode_key_loader(load)
    ProgressAPI(host, engine=shared_engine)
    return learner_of(host)


def ask(host: Flask, learner: Learner, pair: KeyPair, server: KeyServer) -> Answer:
    host.config["KEY_SERVER"] = server.url
    signed = jwt.encode(
        {"sub": learner.name, "exp": 9999999999, "type": "access", "jti": "1", "fresh": False},
        pair.private,
        pair.algorithm,
        {"kid": "one" if pair is PAIR else "other"},
    )
    return learner.send("GET", headers={"Authorization": f"Bearer {signed}"})


def test_a_token_of_a_fetched_key_is_accepted(host: Flask, learner: Learner) -> None:
    with key_server() as server:
        server.publish(one=PAIR)

        assert ask(host, learner, PAIR, server).status == 200


def test_a_token_of_a_key_that_is_not_published_is_refused(host: Flask, learner: Learner) -> None:
    with key_server() as server:
        server.publish(one=PAIR)

        answer = ask(host, learner, OTHER, server)

    assert answer.status == 401
    assert answer.body["detail"] == "The token is signed with an unknown key."


@pytest.mark.parametrize("outage", ["refused", "500", "empty set"])
def test_an_outage_of_the_hosts_key_server_is_not_blamed_on_the_token(
    host: Flask, learner: Learner, outage: str
) -> None:
    with key_server() as server:
        if outage == "500":
            server.send("500 Internal Server Error", "text/plain", b"")
        if outage == "empty set":
            server.publish()
        answer = None if outage == "refused" else ask(host, learner, PAIR, server)
    answer = answer or ask(host, learner, PAIR, server)  # nothing listens any more

    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert answer.body["detail"].startswith("The keys that verify tokens cannot be fetched")
