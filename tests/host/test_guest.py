"""Mounted in an app that is somebody else's."""

import pytest
from flask import Flask
from flask_jwt_extended import JWTManager
from flask_sqlalchemy import SQLAlchemy

from progress_api import ProgressAPI, Settings, blueprint
from progress_api.exceptions import SettingsError
from tests.client import SECRET, Answer, InProcess, Learner
from tests.conftest import new_name


@pytest.fixture
def host() -> Flask:
    """An app with a page of its own."""
    app = Flask("host")
    app.add_url_rule("/page", view_func=lambda: "<p>a page of the host</p>")
    return app


@pytest.fixture
def guest(host: Flask, shared_database: str) -> Learner:
    """A learner whose progress is served by a host."""
    settings = Settings(database_url=shared_database, jwt_secret_key=SECRET)
    ProgressAPI(host, settings=settings)
    return Learner(InProcess(host), new_name())


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


def test_what_the_host_has_is_not_asked_of_the_environment(
    host: Flask, shared_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("JWT_SECRET_KEY", raising=False)
    host.config["SQLALCHEMY_DATABASE_URI"] = shared_database
    host.config["JWT_SECRET_KEY"] = SECRET
    SQLAlchemy(host)
    JWTManager(host)

    ProgressAPI(host)

    assert Learner(InProcess(host), new_name()).watch().status == 200


def test_a_host_that_lacks_all_is_told_what_to_give(
    host: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("JWT_SECRET_KEY", raising=False)

    with pytest.raises(SettingsError, match=r"(?s)DATABASE_URL.*JWT_SECRET_KEY"):
        ProgressAPI(host)


def test_a_database_that_is_no_postgresql_is_refused_at_once(host: Flask) -> None:
    host.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    SQLAlchemy(host)

    with pytest.raises(SettingsError, match="PostgreSQL"):
        ProgressAPI(host, settings=Settings(database_url="", jwt_secret_key=SECRET))


def test_a_second_mount_is_refused_in_a_sentence(guest: Learner, host: Flask) -> None:
    assert guest.watch().status == 200
    with pytest.raises(SettingsError, match="already"):
        ProgressAPI(host)


def test_the_bare_blueprint_is_mounted_where_the_guide_has_it(
    host: Flask, shared_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", shared_database)
    monkeypatch.setenv("JWT_SECRET_KEY", SECRET)

    host.register_blueprint(blueprint)

    assert Learner(InProcess(host), new_name()).watch().status == 200
    assert host.test_client().get("/favicon.ico").status_code == 404


def test_settings_without_a_key_start_nothing(shared_database: str, host: Flask) -> None:
    with pytest.raises(SettingsError, match="JWT_SECRET_KEY"):
        ProgressAPI(host, settings=Settings(database_url=shared_database))
