"""An app that adds a blocklist to the service's JWTManager still accepts each of several keys."""

from itertools import permutations

import pytest
from flask import Flask

from tests.client import SECRET, token
from tests.conftest import MakeApp, MakeLearner
from tests.endpoints.expectations import assert_unauthenticated
from tests.endpoints.identity.keys import KeyPair, KeyServer, new_key_pair
from tests.endpoints.identity.tokens import ask_with

NEW_SECRET = "the secret that replaces the one of the tests"
OTHER_SECRET = "a secret that nobody has ever been told of"


def with_blocklist(app: Flask) -> Flask:
    """Add a callback, so that the manager decides."""
    app.extensions["flask-jwt-extended"].token_in_blocklist_loader(
        lambda _, claims: claims["sub"] == "blocked"
    )
    return app


@pytest.mark.parametrize("location", ["headers", "cookies"])
def test_of_published_keys_with_one_id_each_verifies_what_it_signed(
    make_app: MakeApp,
    make_learner: MakeLearner,
    server: KeyServer,
    pairs: dict[str, KeyPair],
    location: str,
) -> None:
    stranger = new_key_pair("RS256")
    settings = {"jwt_algorithm": "RS256", "jwt_secret_key": None, "jwt_jwks_url": server.url}
    for keys in permutations([pairs["old"], pairs["new"]]):
        server.publish_set([{**pair.jwk, "kid": "k"} for pair in keys])
        learner = make_learner(with_blocklist(make_app(**settings, jwt_token_location=(location,))))
        statuses = []
        for pair in (*keys, stranger):
            encoded = pair.sign(learner.name, "k")
            headers = {"Authorization": f"Bearer {encoded}"}
            if location == "cookies":
                headers = {"Authorization": "", "Cookie": f"access_token_cookie={encoded}"}
            statuses.append(learner.send("GET", headers=headers).status)
        assert statuses == [200, 200, 401]
        assert_unauthenticated(ask_with(learner, keys[1].sign("blocked", "k")))


def test_tokens_of_the_secret_before_are_accepted(
    make_app: MakeApp, make_learner: MakeLearner
) -> None:
    app = with_blocklist(make_app(jwt_secret_key=NEW_SECRET, jwt_previous_secret_key=SECRET))
    learner = make_learner(app)

    for key, status in ((NEW_SECRET, 200), (SECRET, 200), (OTHER_SECRET, 401)):
        assert ask_with(learner, token(learner.name, key=key)).status == status


def test_tokens_of_the_public_key_before_are_accepted(
    make_app: MakeApp, make_learner: MakeLearner, pairs: dict[str, KeyPair]
) -> None:
    app = make_app(
        jwt_algorithm="RS256",
        jwt_secret_key=None,
        jwt_public_key=pairs["new"].public,
        jwt_previous_public_key=pairs["old"].public,
    )
    learner = make_learner(with_blocklist(app))

    for pair in (pairs["new"], pairs["old"]):
        assert ask_with(learner, pair.sign(learner.name)).status == 200


def test_a_secret_that_is_changed_in_the_config_takes_the_place_of_all(
    make_app: MakeApp, make_learner: MakeLearner
) -> None:
    app = make_app(jwt_secret_key=NEW_SECRET, jwt_previous_secret_key=SECRET)
    learner = make_learner(app)
    app.config["JWT_SECRET_KEY"] = OTHER_SECRET

    for key, status in ((NEW_SECRET, 401), (SECRET, 401), (OTHER_SECRET, 200)):
        assert ask_with(learner, token(learner.name, key=key)).status == status
