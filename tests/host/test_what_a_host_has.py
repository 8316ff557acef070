"""A host's own database, tokens, sign-in, limits and metrics are used, not ours."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask, abort, session
from flask_jwt_extended import JWTManager, create_access_token, decode_token
from flask_limiter import Limiter
from flask_sqlalchemy import SQLAlchemy
from prometheus_client import CollectorRegistry
from prometheus_flask_exporter import PrometheusMetrics
from sqlalchemy import Engine, create_engine, event
from werkzeug.exceptions import Forbidden, HTTPException, ServiceUnavailable

from embedded.valkey import Valkey
from progress_api import ProgressAPI, Settings, SettingsError
from tests.client import PREFIX, SECRET, Learner, token
from tests.conftest import new_name
from tests.host.conftest import learner_of, recorded, with_database

OTHER_SECRET = "another secret of the host's, of more than 32 bytes"


def test_the_hosts_flask_sqlalchemy_is_used_with_its_pool(
    host: Flask, shared_database: str
) -> None:
    # given
    database = with_database(host, shared_database)
    with host.app_context():
        engine = database.engine
    taken: list[object] = []
    event.listen(engine, "checkout", lambda *_: taken.append(1))
    # when
    ProgressAPI(host, learner=lambda: "ada")
    learner = learner_of(host)
    answers = [learner.watch().status, learner.get().status]
    # then
    assert answers == [200, 200]
    assert len(taken) == 2


def test_a_plain_engine_is_used_where_it_is_given(host: Flask, shared_engine: Engine) -> None:
    # given a Flask-SQLAlchemy of another database as well
    with_database(host, "postgresql+psycopg2://nowhere/")
    used: list[object] = []
    event.listen(shared_engine, "checkout", lambda *_: used.append(1))
    # when
    ProgressAPI(host, engine=shared_engine, learner=new_name)
    # then
    assert learner_of(host).watch().status == 200
    assert used


@pytest.mark.parametrize("name", ["DATABASE_URL", "PROGRESS_DATABASE_URL"])
def test_with_the_address_of_a_database_an_engine_of_our_own_is_made(
    host: Flask, shared_database: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, shared_database)

    ProgressAPI(host, learner=new_name)

    assert learner_of(host).watch().status == 200
    assert "sqlalchemy" not in host.extensions


def test_what_the_host_has_is_not_asked_of_the_environment(
    host: Flask, shared_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given settings that the service would reject, but that belong to the host
    for name in ("DATABASE_URL", "JWT_ALGORITHM", "JWT_SECRET_KEY", "RATELIMIT_STORAGE_URI"):
        monkeypatch.setenv(name, "the host's own")
    host.config["JWT_SECRET_KEY"] = SECRET
    with_database(host, shared_database)
    JWTManager(host)
    Limiter(lambda: "", app=host, storage_uri="memory://")
    # when
    ProgressAPI(host)
    # then
    assert learner_of(host).watch().status == 200


def test_a_database_that_is_no_postgresql_is_refused_at_once(host: Flask) -> None:
    with_database(host, "sqlite://")

    with pytest.raises(SettingsError, match=r"PostgreSQL.*sqlite\+pysqlite.*engine="):
        ProgressAPI(host, learner=new_name)


def test_a_host_without_a_default_database_must_give_an_engine(
    host: Flask, shared_database: str
) -> None:
    host.config["SQLALCHEMY_BINDS"] = {"one": shared_database}
    SQLAlchemy(host)

    with pytest.raises(SettingsError, match=r"no default database.*engine="):
        ProgressAPI(host, learner=new_name)


def test_the_hosts_tokens_are_verified_as_the_host_verifies_them(
    host: Flask, shared_engine: Engine
) -> None:
    # given
    host.config |= {
        "JWT_SECRET_KEY": OTHER_SECRET,
        "JWT_IDENTITY_CLAIM": "uid",
        "JWT_HEADER_TYPE": "Token",
        "JWT_DECODE_ISSUER": "the host",
        "JWT_ENCODE_ISSUER": "the host",
    }
    manager = JWTManager(host)
    revoked: set[str] = set()
    manager.token_in_blocklist_loader(lambda _, claims: claims["jti"] in revoked)
    ProgressAPI(host, engine=shared_engine)
    with host.app_context():
        hosts_own = create_access_token("ada")
    learner = learner_of(host, name="ada")
    revoked_id = _claims(host, hosts_own)["jti"]

    def status(text: str) -> int:
        return learner.send("GET", headers={"Authorization": f"Token {text}"}).status

    # then
    assert status(hosts_own) == 200
    assert status(token(None, uid="ada", iss="another", key=OTHER_SECRET)) == 401
    assert status(token(None, uid="ada", iss="the host", key=SECRET)) == 401
    # ... and by its blocklist.
    revoked.add(revoked_id)
    assert status(hosts_own) == 401


def _claims(host: Flask, text: str) -> Any:
    with host.app_context():
        return decode_token(text)


@pytest.mark.parametrize(("lifetime", "status"), [(False, 200), (timedelta(minutes=15), 401)])
def test_tokens_without_an_end_are_the_hosts_to_allow(
    host: Flask, shared_engine: Engine, lifetime: object, status: int
) -> None:
    # given
    host.config |= {"JWT_SECRET_KEY": SECRET, "JWT_ACCESS_TOKEN_EXPIRES": lifetime}
    JWTManager(host)
    ProgressAPI(host, engine=shared_engine)
    endless = token("ada", exp=None, type="access", jti="1", fresh=False)
    # then
    answer = learner_of(host).send("GET", headers={"Authorization": f"Bearer {endless}"})
    assert answer.status == status


def test_a_host_without_a_manager_gets_no_manager_and_tokens_are_still_verified(
    host: Flask, shared_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a host that has the same words in its config for something else
    monkeypatch.setenv("JWT_SECRET_KEY", SECRET)
    host.config["JWT_SECRET_KEY"] = "the host's own"
    before = dict(host.config)
    # when
    ProgressAPI(host, engine=shared_engine)
    # then
    learner = learner_of(host)
    assert learner.watch().status == 200
    assert learner.send("GET", headers={"Authorization": "Bearer x"}).status == 401
    expired = token(learner.name, exp=1)
    refused = learner.send("GET", headers={"Authorization": f"Bearer {expired}"})
    assert (refused.status, "expired" in refused.body["detail"]) == (401, True)
    assert dict(host.config) == before
    assert "flask-jwt-extended" not in host.extensions


def test_cookies_work_without_a_manager_of_the_host_too(host: Flask, shared_engine: Engine) -> None:
    # given
    host.config |= {"PROGRESS_JWT_SECRET_KEY": SECRET, "PROGRESS_JWT_TOKEN_LOCATION": ["cookies"]}
    ProgressAPI(host, engine=shared_engine)
    signed = token("ada", csrf="1")
    cookie = {"Cookie": f"access_token_cookie={signed}", "Authorization": ""}
    learner = learner_of(host, name="ada")
    # then
    assert learner.send("GET", headers=cookie).status == 200
    assert learner.send("DELETE", headers=cookie).status == 401
    assert learner.send("DELETE", headers=cookie | {"X-CSRF-TOKEN": "1"}).status == 200


@pytest.fixture
def sign_in(host: Flask, shared_engine: Engine) -> Callable[[object], Learner]:
    """A host that knows its learners by a session; returns one who has signed in."""
    host.secret_key = "signs the host's sessions"

    @host.get("/sign-in/<name>")
    def sign_in(name: str) -> str:
        session["name"] = name
        return "welcome"

    ProgressAPI(host, engine=shared_engine, learner=lambda: session.get("name"))

    def sign(name: object) -> Learner:
        answer = host.test_client().get(f"/sign-in/{name}")
        cookie = answer.headers["Set-Cookie"].partition(";")[0]
        return Learner(
            learner_of(host).transport, str(name), headers={"Cookie": cookie, "Authorization": ""}
        )

    return sign


def test_a_learner_who_is_signed_in_at_the_host_needs_no_token(
    sign_in: Callable[[object], Learner],
) -> None:
    ada, alan = sign_in(new_name()), sign_in(new_name())

    assert ada.watch(seconds=90).body["userId"] == ada.name
    assert recorded(alan.get()) == 0
    assert alan.get(f"?userId={ada.name}").status == 403
    assert recorded(ada.get(f"?userId={ada.name}")) == 90


def test_who_is_not_signed_in_is_refused_and_spends_the_allowance_of_the_address(
    sign_in: Callable[[object], Learner], host: Flask
) -> None:
    nobody = learner_of(host)  # with a token, which means nothing here

    answers = [nobody.reset() for _ in range(6)]

    assert [answer.status for answer in answers] == [401] * 5 + [429]
    assert "sign in" in answers[0].body["detail"]
    assert sign_in(new_name()).reset().status == 200


@pytest.mark.parametrize(
    ("known", "user_id"),
    [("ada", "ada"), (7, "7"), (uuid.UUID(int=7), str(uuid.UUID(int=7)))],
)
def test_an_id_may_be_a_text_a_number_or_a_uuid(
    host: Flask, shared_engine: Engine, known: object, user_id: str
) -> None:
    ProgressAPI(host, engine=shared_engine, learner=lambda: known)

    assert learner_of(host).get().body["userId"] == user_id


@pytest.mark.parametrize("known", [None, "", " ", "a\0b", "x" * 256, True, object(), ["ada"]])
def test_an_invalid_id_identifies_no_learner(
    host: Flask, shared_engine: Engine, known: object
) -> None:
    ProgressAPI(host, engine=shared_engine, learner=lambda: known)

    assert learner_of(host).get().status == 401


class Unpaid(HTTPException):
    """A host's own refusal, with a status that nobody has a name for."""

    code = 499
    description = "This course is to be paid first."


@pytest.mark.parametrize("refusal", [Forbidden, ServiceUnavailable, Unpaid])
def test_a_host_may_refuse_in_its_own_way(
    host: Flask, shared_engine: Engine, refusal: type[HTTPException]
) -> None:
    def refuse() -> None:
        raise refusal

    ProgressAPI(host, engine=shared_engine, learner=refuse)

    answer = learner_of(host).get()

    assert answer.status == refusal.code
    assert answer.body["error"]
    assert answer.body["detail"]


def test_a_host_that_aborts_with_401_refuses_as_for_a_token(
    host: Flask, shared_engine: Engine
) -> None:
    ProgressAPI(host, engine=shared_engine, learner=lambda: abort(401))
    learner = learner_of(host)

    answers = [learner.reset() for _ in range(6)]

    assert [answer.status for answer in answers] == [401] * 5 + [429]
    assert answers[0].headers["WWW-Authenticate"] == "Bearer"


def test_the_hosts_store_counts_our_limits(
    host: Flask, shared_engine: Engine, valkey: Valkey
) -> None:
    # given two processes' worth of one host
    name, answers = new_name(), []
    for app in (host, Flask("host")):
        Limiter(lambda: "all", app=app, storage_uri=valkey.url, default_limits=["1000/hour"])
        ProgressAPI(app, engine=shared_engine, learner=lambda: name)
        # when
        answers += [learner_of(app).reset().status for _ in range(3)]
    # then
    assert answers == [200] * 5 + [429]


def test_two_hosts_of_one_store_are_kept_apart_by_their_prefixes(
    shared_engine: Engine, valkey: Valkey
) -> None:
    name = new_name()
    for prefix in ("one", "two"):
        app = Flask("host")
        Limiter(lambda: "all", app=app, storage_uri=valkey.url, key_prefix=prefix)
        ProgressAPI(app, engine=shared_engine, learner=lambda: name)
        assert [learner_of(app).reset().status for _ in range(6)] == [200] * 5 + [429]


def test_the_hosts_registry_holds_what_is_measured(host: Flask, shared_engine: Engine) -> None:
    # given a host that has a metric of the guide's name
    registry = CollectorRegistry()
    exporter = PrometheusMetrics(host, registry=registry)
    exporter.info("api_requests", "The host's own")
    ProgressAPI(host, engine=shared_engine, learner=new_name, registry=registry)
    # when
    learner_of(host).watch()
    # then
    text = host.test_client().get("/metrics").text
    labels = f'endpoint="{PREFIX}/<tutorial_id>/chapter",status="200"'
    assert f"progress_api_requests_total{{{labels}}} 1.0" in text
    assert "progress_api_request_duration_seconds_count" in text


def test_our_settings_given_as_an_object_are_all_that_counts(
    host: Flask, shared_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROGRESS_MAX_CHAPTERS", "1")
    settings = Settings(
        database_url=shared_database, jwt_secret_key=SECRET, progress_max_chapters=2
    )

    ProgressAPI(host, settings=settings, url_prefix="/mine")

    learner = learner_of(host, "/mine")
    assert [learner.watch(f"{n}").status for n in range(3)] == [200, 200, 400]


def test_psycopg_3_is_as_good(host: Flask, shared_database: str) -> None:
    url = shared_database.replace("psycopg2", "psycopg")
    engine = create_engine(url)

    ProgressAPI(host, engine=engine, learner=lambda: "grace")

    assert learner_of(host).complete_chapters(2, of=2).body["completionPercentage"] == 100
    engine.dispose()
