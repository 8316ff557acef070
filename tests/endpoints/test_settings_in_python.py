"""A setting that is given in Python is read as the same text in the environment is."""

from typing import Any

import pytest

from embedded.valkey import Valkey
from progress_api import Settings
from progress_api.exceptions import SettingsError
from tests.client import SECRET
from tests.conftest import MakeApp, MakeLearner
from tests.endpoints.identity.keys import new_key_pair

ORIGIN = "https://app.example"


@pytest.mark.parametrize("given", [f"{ORIGIN}/", "HTTPS://App.Example:443"])
@pytest.mark.parametrize("container", [tuple, list])
def test_an_origin_may_be_spelled_as_operators_do(
    make_app: MakeApp, make_learner: MakeLearner, given: str, container: type
) -> None:
    learner = make_learner(make_app(cors_origins=container([given])), headers={"Origin": ORIGIN})

    assert learner.get().headers["Access-Control-Allow-Origin"] == ORIGIN


def test_limits_may_be_counted_in_what_is_named_redis(
    make_app: MakeApp, make_learner: MakeLearner, valkey: Valkey
) -> None:
    store = valkey.url.replace("valkey://", "redis://")
    given = {"ratelimit_enabled": True, "ratelimit_storage_uri": store, "ratelimit_get": "1/hour"}
    one = make_learner(make_app(**given))
    other = make_learner(make_app(**given), name=one.name)

    assert [one.get().status, other.get().status] == [200, 429]


def test_a_key_may_be_on_one_line(make_app: MakeApp, make_learner: MakeLearner) -> None:
    pair = new_key_pair("RS256")
    public = pair.public.replace("\n", "\\n")

    learner = make_learner(
        make_app(jwt_algorithm="RS256", jwt_secret_key=None, jwt_public_key=public)
    )

    signed = {"Authorization": f"Bearer {pair.sign(learner.name)}"}
    assert learner.send("GET", headers=signed).status == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cors_origins", ("https://app.example/page",)),
        ("database_url", "mysql://secret@db.example/progress"),
        ("jwt_public_key", "secret"),
        ("ratelimit_storage_uri", "memcached://secret"),
    ],
)
def test_what_the_environment_may_not_hold_is_refused_in_one_sentence(
    name: str, value: Any
) -> None:
    given = {"database_url": "postgresql://db.example/progress", "jwt_secret_key": SECRET}

    with pytest.raises(SettingsError) as refused:
        Settings(**given | {name: value})

    assert refused.value.detail.startswith(f"{name.upper()} has a value that is not allowed: it ")
    assert "secret" not in refused.value.detail
