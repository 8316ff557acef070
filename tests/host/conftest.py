"""Apps that are somebody else's."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine, NullPool, create_engine

from progress_api import ProgressAPI, Settings
from tests.client import PREFIX, SECRET, Answer, InProcess, Learner
from tests.conftest import new_name

# What an environment may hold that is not meant for a guest.
OTHERS = {
    "PORT": "tcp://10.0.0.1:80",
    "PROGRESS_PORT": "tcp://10.0.0.1:80",
    "HOST": "",
    "URL_PREFIX": "/somewhere/else",
    "LOG_LEVEL": "verbose",
    "WEB_CONCURRENCY": "auto",
    "METRICS_PORT": "none",
    "CORS_ORIGINS": "*",
}


@pytest.fixture(autouse=True)
def _nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the service's settings from the environment, and set variables of other programs."""
    for name in ("DATABASE_URL", "JWT_SECRET_KEY", "RATELIMIT_STORAGE_URI"):
        monkeypatch.delenv(name, raising=False)
    for name, value in OTHERS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def host() -> Flask:
    """An app with a page of its own."""
    app = Flask("host")
    app.add_url_rule("/page", view_func=lambda: "<p>a page of the host</p>")
    return app


@pytest.fixture
def guest_settings(shared_database: str) -> Settings:
    """All that a guest needs of a host that has nothing."""
    return Settings(database_url=shared_database, jwt_secret_key=SECRET)


@pytest.fixture
def guest(host: Flask, guest_settings: Settings) -> Learner:
    """A learner whose progress is served by a host."""
    ProgressAPI(host, settings=guest_settings)
    return learner_of(host)


@pytest.fixture
def shared_engine(shared_database: str) -> Iterator[Engine]:
    """A host's plain engine."""
    engine = create_engine(shared_database, poolclass=NullPool)
    yield engine
    engine.dispose()


def learner_of(app: Flask, prefix: str = PREFIX, name: str | None = None) -> Learner:
    """A learner that nobody has heard of, who talks to an app under a prefix."""
    return Learner(InProcess(app), name or new_name(), prefix=prefix)


def with_database(app: Flask, url: str) -> SQLAlchemy:
    """Give a host a Flask-SQLAlchemy."""
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    return SQLAlchemy(app)


def recorded(answer: Answer) -> int:
    """The watch time of an answer that has to be a progress object."""
    assert answer.status == 200, answer
    total: int = answer.body["totalWatchTime"]
    return total
