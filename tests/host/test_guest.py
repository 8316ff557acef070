"""Mounted in an app that is somebody else's."""

from dataclasses import replace
from io import RawIOBase
from typing import Any, NoReturn

import pytest
from flask import Blueprint, Flask
from gunicorn.http.errors import InvalidChunkSize
from sqlalchemy import NullPool, create_engine

from progress_api import ProgressAPI, Settings, SettingsError, blueprint
from tests.client import JSON, PREFIX, SECRET, Answer, Learner, token
from tests.host.conftest import learner_of, with_database

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE")


def test_a_guest_answers_as_the_service_does(guest: Learner, learner: Learner) -> None:
    for one in (guest, learner):
        assert one.complete_chapters(1, of=1).status == 200
        assert one.complete().body["certificateEarned"] is True
    assert list(guest.progress()) == list(learner.progress())


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer x"}, {}])
def test_what_a_guest_refuses_has_the_id_of_the_request(
    guest: Learner, headers: dict[str, str]
) -> None:
    answer = guest.post("/quiz", {}, headers | {"X-Request-ID": "mine"})

    assert answer.status in {400, 401}
    assert answer.body["requestId"] == answer.headers["X-Request-ID"] == "mine"


def test_a_guest_is_limited_in_json(guest: Learner) -> None:
    answers: list[Answer] = [guest.reset() for _ in range(6)]

    assert [answer.status for answer in answers] == [200] * 5 + [429]
    assert answers[-1].headers["Retry-After"]


def test_the_hosts_own_pages_stay_the_hosts(guest: Learner, host: Flask) -> None:
    assert guest.progress()["completionPercentage"] == 0
    client = host.test_client()
    assert client.get("/page").text == "<p>a page of the host</p>"
    missing = client.get("/nothing")
    assert missing.content_type.startswith("text/html")
    assert "X-Request-ID" not in missing.headers


@pytest.mark.parametrize("path", ["/chapter/more", "/nothing", "/"])
def test_an_unknown_address_below_the_prefix_is_404_in_json(guest: Learner, path: str) -> None:
    for method in ("GET", "POST", "PUT"):
        answer = guest.send(method, path)
        assert (answer.status, answer.body["error"]) == (404, "Not Found")


def test_a_slash_after_the_prefix_is_refused_in_json(guest: Learner) -> None:
    answer = guest.transport.send("GET", f"{PREFIX}/", {}, None)
    assert (answer.status, answer.body["error"]) == (404, "Not Found")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("", {"GET", "HEAD", "DELETE", "OPTIONS"}),
        ("/chapter", {"POST", "OPTIONS"}),
        ("/quiz", {"POST", "OPTIONS"}),
        ("/complete", {"POST", "OPTIONS"}),
    ],
)
def test_a_wrong_method_is_405_in_json_with_the_allowed_methods(
    guest: Learner, path: str, allowed: set[str]
) -> None:
    for method in sorted(set(METHODS) - allowed - {"HEAD"}):
        answer = guest.send(method, path)
        assert (answer.status, answer.body["error"]) == (405, "Method Not Allowed")
        assert set(answer.headers["Allow"].split(", ")) == allowed
    options = guest.send("OPTIONS", path, headers={"Authorization": ""})
    assert (options.status, options.body) == (200, {})
    assert set(options.headers["Allow"].split(", ")) == allowed


def test_options_of_the_document_are_answered_in_json(guest: Learner) -> None:
    answer = guest.transport.send("OPTIONS", f"{PREFIX}/openapi.json", {}, None)

    assert (answer.status, answer.body) == (200, {})
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "DELETE", "OPTIONS"}
    assert replace(guest, tutorial="openapi.json").reset().status == 400


def test_a_failure_of_the_host_is_answered_in_json_on_our_routes(
    guest: Learner, host: Flask
) -> None:
    # given a hook of the host's that breaks on every request
    def break_everything() -> None:
        raise LookupError

    host.before_request_funcs.setdefault(None, []).append(break_everything)
    # when
    answer = guest.get()
    # then
    assert (answer.status, answer.body["error"]) == (500, "Internal server error")


class BrokenChunks(RawIOBase):
    """A body with invalid chunks, for which the server raises its own error."""

    def readinto(self, _: object) -> NoReturn:
        raise InvalidChunkSize(b"zz")


def test_a_body_that_the_server_cannot_read_is_refused_in_json(guest: Learner, host: Flask) -> None:
    # given
    headers = JSON | {"Authorization": f"Bearer {token(guest.name)}"}
    chunked = {"wsgi.input": BrokenChunks(), "wsgi.input_terminated": True}
    chunked |= {"HTTP_TRANSFER_ENCODING": "chunked"}
    # when
    answer = host.test_client().post(
        f"{PREFIX}/intro/chapter", headers=headers, environ_overrides=chunked
    )
    # then
    assert (answer.status_code, answer.get_json()["error"]) == (400, "Invalid JSON")


def test_a_second_mount_under_the_same_name_is_refused_in_a_sentence(
    guest: Learner, host: Flask, guest_settings: Settings
) -> None:
    assert guest.watch().status == 200
    with pytest.raises(SettingsError, match="already"):
        ProgressAPI(host, settings=guest_settings)


def test_a_second_mount_at_the_same_address_is_refused_in_a_sentence(
    host: Flask, guest_settings: Settings
) -> None:
    ProgressAPI(host, settings=guest_settings)
    with pytest.raises(SettingsError, match=f"{PREFIX} already"):
        ProgressAPI(host, settings=guest_settings, name="another")


def test_the_bare_blueprint_is_mounted_where_the_guide_has_it(
    host: Flask, shared_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", shared_database)
    monkeypatch.setenv("JWT_SECRET_KEY", SECRET)

    host.register_blueprint(blueprint)

    assert learner_of(host).watch().status == 200
    assert host.test_client().get("/favicon.ico").status_code == 404


def test_a_blueprint_within_one_of_the_hosts_serves_below_that_one(
    host: Flask, guest_settings: Settings
) -> None:
    # given
    learning = Blueprint("learning", "host", url_prefix="/learn")
    learning.register_blueprint(ProgressAPI(settings=guest_settings).blueprint, url_prefix="/of")
    # when
    host.register_blueprint(learning)
    # then
    assert learner_of(host, "/learn/of").watch().status == 200
    assert learner_of(host, "/learn/of").send("PUT", "/quiz").status == 405


async def nobody() -> None:
    """A way to know the learner that no request waits for."""


@pytest.mark.parametrize("prefix", ["/learn/", "/<org>/learn", "/", "learn", "/a//b"])
def test_a_prefix_that_is_no_path_is_refused_when_mounted(
    host: Flask, guest_settings: Settings, prefix: str
) -> None:
    with pytest.raises(SettingsError, match="url_prefix= must be a path without a slash"):
        ProgressAPI(host, settings=guest_settings, url_prefix=prefix)
    assert host.blueprints == {}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"learner": "ada"}, "learner= must be a function"),
        ({"learner": nobody}, "learner= must be a function"),
        ({"on_certificate_earned": "mail"}, "on_certificate_earned= must be a function"),
        ({"engine": "postgresql://"}, "engine= must be an Engine"),
    ],
)
def test_what_would_fail_at_the_first_request_is_refused_when_mounted(
    host: Flask, guest_settings: Settings, given: dict[str, Any], told: str
) -> None:
    with pytest.raises(SettingsError, match=told):
        ProgressAPI(host, settings=guest_settings, **given)


def test_a_mount_that_was_refused_may_be_tried_again(host: Flask, guest_settings: Settings) -> None:
    # given a host whose database is not for us
    with_database(host, "sqlite://")
    with pytest.raises(SettingsError, match="engine="):
        ProgressAPI(host, settings=guest_settings)
    assert host.blueprints == {}
    # when
    engine = create_engine(guest_settings.database_url, poolclass=NullPool)
    ProgressAPI(host, settings=guest_settings, engine=engine)
    # then
    assert learner_of(host).watch().status == 200


def test_a_key_that_is_bytes_is_refused_and_not_made_another_one(
    host: Flask, shared_database: str
) -> None:
    with_database(host, shared_database)
    host.config["PROGRESS_JWT_SECRET_KEY"] = SECRET.encode()

    with pytest.raises(SettingsError, match="PROGRESS_JWT_SECRET_KEY is bytes"):
        ProgressAPI(host)


def test_a_host_that_lacks_all_gets_two_sentences_about_what_to_give(host: Flask) -> None:
    with pytest.raises(SettingsError) as refused:
        ProgressAPI(host)

    database, learner = refused.value.detail.splitlines()
    for way in ("Flask-SQLAlchemy", "engine=", "DATABASE_URL"):
        assert way in database
    for way in ("JWTManager", "learner=", "JWT_SECRET_KEY"):
        assert way in learner
    assert host.blueprints == {}


def test_a_host_that_lacks_one_thing_gets_one_sentence(host: Flask, shared_database: str) -> None:
    with pytest.raises(SettingsError, match=r"^Tutorial progress needs a database") as refused:
        ProgressAPI(host, learner=lambda: "ada")
    assert len(refused.value.detail.splitlines()) == 1

    with_database(host, shared_database)
    with pytest.raises(SettingsError, match=r"^Tutorial progress needs to know") as refused:
        ProgressAPI(host)
    assert len(refused.value.detail.splitlines()) == 1


def test_a_key_that_is_too_short_is_refused_when_mounted(
    host: Flask, shared_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JWT_SECRET_KEY", "short")
    with_database(host, shared_database)

    with pytest.raises(SettingsError, match="at least 32 bytes"):
        ProgressAPI(host)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PROGRESS_RATELIMIT_GET", "often", "PROGRESS_RATELIMIT_GET"),
        ("PROGRESS_MAX_CHAPTERS", 0, "PROGRESS_MAX_CHAPTERS"),
        ("PROGRESS_SCHEMA", "pg_toast", "PROGRESS_SCHEMA"),
    ],
)
def test_a_setting_that_may_not_be_is_named_as_the_host_wrote_it(
    host: Flask, name: str, value: object, told: str
) -> None:
    host.config[name] = value
    with pytest.raises(SettingsError, match=f"^{told} has a value"):
        ProgressAPI(host, learner=lambda: "ada")


def test_settings_are_read_from_the_hosts_config_and_then_from_the_environment(
    host: Flask, shared_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    with_database(host, shared_database)
    monkeypatch.setenv("PROGRESS_URL_PREFIX", "/of/the/environment")
    monkeypatch.setenv("PROGRESS_RATELIMIT_RESET", "1/minute")
    host.config["PROGRESS_URL_PREFIX"] = "/of/the/config"
    host.config["PROGRESS_STICKY_COMPLETION"] = True
    host.config["PROGRESS_MAX_CHAPTERS"] = 1
    # when
    ProgressAPI(host, learner=lambda: "the only one")
    learner = learner_of(host, "/of/the/config")
    # then
    assert [learner.reset().status for _ in range(2)] == [200, 429]
    learner.watch(completed=True)
    assert learner.watch(completed=False).body["chaptersCompleted"] == 1
    assert learner.watch("another").body["error"] == "Too many chapters"
