"""Everything held about one learner is exported (spec 16.1, 16.2)."""

import io
import json
import logging
from datetime import datetime
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from progress_api import InvalidFields, LearnerRepository, ProgressAPI
from progress_api.cli import progress, service
from tests.client import InProcess, Learner
from tests.conftest import MakeApp, MakeLearner, new_name
from tests.learners.conftest import TABLES, rows_of, study


@pytest.fixture
def app(make_app: MakeApp, database: str) -> Flask:
    """A service on a database of its own."""
    return make_app(database_url=database)


@pytest.fixture
def ada(app: Flask) -> Learner:
    """A learner with a row in each table."""
    return study(Learner(InProcess(app), new_name()))


def exported(engine: Engine, user_id: str, **options: Any) -> Any:
    stream = io.BytesIO()
    LearnerRepository(engine, **options).export(user_id, stream)
    return json.loads(stream.getvalue())


@pytest.mark.parametrize("one_trip", [True, False])
def test_an_export_has_each_row_of_each_table_that_has_a_user_id(
    engine: Engine, ada: Learner, *, one_trip: bool
) -> None:
    held = rows_of(engine, ada.name)

    found = exported(engine, ada.name, one_trip=one_trip)

    assert held == dict.fromkeys(TABLES, 1) | {"chapter_progress": 2}
    (tutorial,) = found["tutorials"]
    assert {name: len(tutorial[name]) for name in TABLES} == held
    for name, table in TABLES.items():
        assert set(tutorial[name][0]) == set(table.c.keys())
        assert {row["user_id"] for row in tutorial[name]} == {ada.name}
    assert (found["userId"], tutorial["tutorialId"]) == (ada.name, "intro")
    assert datetime.fromisoformat(found["exportedAt"]).tzinfo
    assert tutorial["tutorial_certificates"][0]["holder_name"] == "Ada"


def test_an_export_has_each_of_many_tutorials_and_those_with_only_a_certificate(
    engine: Engine, app: Flask
) -> None:
    name = new_name()
    ids = sorted(f"t{number:03}" for number in range(45))
    for tutorial in ids:
        Learner(InProcess(app), name, tutorial).watch()
    study(Learner(InProcess(app), name, "kept")).reset()

    found = exported(engine, name)

    assert [one["tutorialId"] for one in found["tutorials"]] == ["kept", *ids]
    kept = found["tutorials"][0]
    assert (kept["tutorial_progress"], len(kept["tutorial_certificates"])) == ([], 1)


def test_an_export_holds_nobody_else(engine: Engine, app: Flask, ada: Learner) -> None:
    other = study(Learner(InProcess(app), new_name()))

    assert other.name not in json.dumps(exported(engine, ada.name))


def test_an_export_of_nobody_is_empty(engine: Engine) -> None:
    assert exported(engine, "nobody")["tutorials"] == []


def test_an_invalid_id_is_refused(engine: Engine) -> None:
    with pytest.raises(InvalidFields):
        exported(engine, " ")


def test_an_export_sees_what_a_hosts_session_has_not_committed(
    engine: Engine, ada: Learner
) -> None:
    stream = io.BytesIO()
    with Session(engine) as session:
        LearnerRepository(session).erase(ada.name)
        assert LearnerRepository(session).export(ada.name, stream) == 0
        session.rollback()
    assert len(exported(engine, ada.name)["tutorials"]) == 1


def test_a_guest_exports_from_its_mount(database: str, ada: Learner) -> None:
    host, engine, stream = Flask("host"), create_engine(database), io.BytesIO()
    api = ProgressAPI(host, engine=engine, learner=lambda: "ada")

    with host.app_context():
        api.learners().export(ada.name, stream)

    assert ada.name.encode() in stream.getvalue()
    engine.dispose()


@pytest.mark.parametrize("commands", [progress, service])
def test_the_command_writes_it_and_logs_that_without_the_id(
    database: str, ada: Learner, commands: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    result = CliRunner().invoke(commands, ["export", ada.name], env={"DATABASE_URL": database})

    assert (result.exit_code, json.loads(result.stdout)["userId"]) == (0, ada.name), result.output
    lines = [one.getMessage() for one in caplog.records if one.name == "progress_api.learners"]
    assert lines == ["exported a learner: 1 tutorials"]
    assert ada.name not in caplog.text


def test_the_command_writes_to_a_file(database: str, ada: Learner, tmp_path: Any) -> None:
    file = tmp_path / "ada.json"
    environment = {"DATABASE_URL": database}

    result = CliRunner().invoke(
        progress, ["export", ada.name, "--output", str(file)], env=environment
    )

    assert (result.exit_code, result.stdout) == (0, "")
    assert len(json.loads(file.read_text())["tutorials"]) == 1


def test_the_command_refuses_an_invalid_id(database: str) -> None:
    result = CliRunner().invoke(progress, ["export", ""], env={"DATABASE_URL": database})

    assert result.exit_code == 1
    assert "user_id" in result.output


def test_the_shared_service_is_not_needed(make_learner: MakeLearner, engine: Engine) -> None:
    assert exported(engine, make_learner().name)["tutorials"] == []
