"""Twice in one app, in two apps of one process, and from a factory called again and again."""

import gc
import logging
import weakref
from collections.abc import Iterator

import pytest
from flask import Flask
from flask_jwt_extended import JWTManager
from prometheus_client import REGISTRY, Metric
from sqlalchemy import Engine, NullPool, create_engine

from embedded.postgres import Postgres
from progress_api import ProgressAPI, Settings, blueprint
from tests.client import SECRET, token
from tests.conftest import new_database, new_name
from tests.host.conftest import learner_of, recorded, with_database


@pytest.fixture
def another_engine(postgres: Postgres) -> Iterator[Engine]:
    """Of a second database, at head."""
    engine = create_engine(new_database(postgres), poolclass=NullPool)
    yield engine
    engine.dispose()


def test_two_mounts_of_one_app_keep_two_databases_apart(
    host: Flask, shared_engine: Engine, another_engine: Engine
) -> None:
    # given
    ada = new_name()
    ProgressAPI(host, url_prefix="/one", engine=shared_engine, learner=lambda: ada)
    ProgressAPI(host, name="two", url_prefix="/two", engine=another_engine, learner=lambda: ada)
    one, two = learner_of(host, "/one"), learner_of(host, "/two")
    # when
    one.watch(seconds=10)
    two.watch(seconds=20)
    # then
    assert (recorded(one.get()), recorded(two.get())) == (10, 20)


def test_two_mounts_of_one_app_have_settings_and_learners_of_their_own(
    host: Flask, shared_database: str, shared_engine: Engine
) -> None:
    # given
    other_key = "the key of the second mount, of more than 32 bytes"
    first = Settings(database_url=shared_database, jwt_secret_key=SECRET)
    second = Settings(
        database_url=shared_database, jwt_secret_key=other_key, ratelimit_reset="1/minute"
    )
    ProgressAPI(host, url_prefix="/one", settings=first)
    ProgressAPI(host, url_prefix="/two", name="two", settings=second)
    ProgressAPI(host, url_prefix="/three", name="three", engine=shared_engine, learner=new_name)
    one, two, three = (learner_of(host, prefix) for prefix in ("/one", "/two", "/three"))
    of_two = {"Authorization": f"Bearer {token(two.name, key=other_key)}"}
    # then
    assert [one.get().status, two.get().status] == [200, 401]
    assert two.send("GET", headers=of_two).status == 200
    assert three.send("GET", headers={"Authorization": ""}).status == 200
    # ... and limits.
    assert [two.send("DELETE", headers=of_two).status for _ in range(2)] == [200, 429]
    assert [one.reset().status for _ in range(2)] == [200, 200]


def test_two_apps_of_one_process_keep_apart(shared_engine: Engine, another_engine: Engine) -> None:
    # given the one blueprint that the package holds, in both
    apps = [Flask("one"), Flask("two")]
    for app, engine in zip(apps, (shared_engine, another_engine), strict=True):
        with_database(app, engine.url.render_as_string(hide_password=False))
        app.config["JWT_SECRET_KEY"] = SECRET
        JWTManager(app)
        app.register_blueprint(blueprint)
    name = new_name()
    one, two = (learner_of(app, name=name) for app in apps)
    # when
    one.watch(seconds=10)
    two.watch(seconds=20)
    # then
    assert (recorded(one.get()), recorded(two.get())) == (10, 20)


def test_one_object_is_mounted_in_two_apps(shared_engine: Engine) -> None:
    api = ProgressAPI(engine=shared_engine, learner=lambda: "ada")
    apps = [Flask("one"), Flask("two")]

    for app in apps:
        api.init_app(app)

    for app in apps:
        assert learner_of(app).get().status == 200
        with app.app_context():
            assert api.repository().get("nobody", "nothing").total_chapters == 0


def test_a_factory_that_is_called_a_hundred_times_leaves_nothing_behind(
    guest_settings: Settings,
) -> None:
    # given
    def factory() -> Flask:
        app = Flask("host")
        ProgressAPI(app, settings=guest_settings)
        return app

    learner_of(factory()).get()
    before = _shared()
    # when
    apps = [weakref.ref(factory()) for _ in range(100)]
    # then
    assert _shared() == before
    gc.collect()
    assert [app for app in apps if app() is not None] == []


def _shared() -> dict[str, int]:
    """How much there is of what a process shares."""
    loggers = [logging.getLogger(), *map(logging.getLogger, logging.Logger.manager.loggerDict)]
    return {
        "loggers": len(loggers),
        "handlers": sum(len(logger.handlers) for logger in loggers),
        "metrics": len(list(REGISTRY.collect())),
        "samples": sum(len(metric.samples) for metric in _ours()),
    }


def _ours() -> list[Metric]:
    return [metric for metric in REGISTRY.collect() if metric.name.startswith("progress_")]
