"""Everything held about one learner is erased (spec 16.3 to 16.5)."""

import json
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from progress_api import Chapter, ErasureStep, LearnerRepository, LearnerRows, ProgressRepository
from progress_api.cli import progress
from tests.client import InProcess, Learner
from tests.conftest import MakeApp, new_name
from tests.learners.conftest import TABLES, holds, rows_of, study

NOTHING = dict.fromkeys(TABLES, 0)


@pytest.fixture
def app(make_app: MakeApp, database: str) -> Flask:
    """A service on a database of its own."""
    return make_app(database_url=database, metrics_public=True)


@pytest.fixture
def ada(app: Flask) -> Learner:
    """A learner with a row in each table."""
    return study(Learner(InProcess(app), new_name()))


def watch_many(database: Engine, user_id: str, count: int) -> None:
    repository = ProgressRepository(database)
    for number in range(count):
        chapter = Chapter(chapter_id="one", watch_time=1)
        repository.record_chapter(user_id, f"tutorial-{number:04}", chapter)


@pytest.mark.parametrize("one_trip", [True, False])
def test_nothing_holds_the_id_after_an_erasure(
    engine: Engine, app: Flask, ada: Learner, caplog: pytest.LogCaptureFixture, *, one_trip: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    assert set(holds(engine, ada.name)) == set(TABLES)

    erased = LearnerRepository(engine, one_trip=one_trip).erase(ada.name)

    assert erased == LearnerRows(1, 2, 1, 1, 1)
    assert holds(engine, ada.name) == []
    assert ada.name not in caplog.text
    assert ada.name not in app.test_client().get("/metrics").text
    assert ada.progress()["chapterProgress"] == []


def test_an_erasure_takes_nothing_from_others(engine: Engine, app: Flask, ada: Learner) -> None:
    other = study(Learner(InProcess(app), new_name()))
    before = other.progress(), other.certificate().body, rows_of(engine, other.name)

    LearnerRepository(engine).erase(ada.name)

    assert (other.progress(), other.certificate().body, rows_of(engine, other.name)) == before


def test_a_certificate_that_outlived_its_progress_is_erased(engine: Engine, ada: Learner) -> None:
    ada.reset()

    assert LearnerRepository(engine).erase(ada.name) == LearnerRows(certificates=1)
    assert rows_of(engine, ada.name) == NOTHING


def test_a_count_says_what_an_erasure_then_removes(engine: Engine, app: Flask) -> None:
    name, learners = new_name(), LearnerRepository(engine)
    study(Learner(InProcess(app), name, "kept")).reset()
    for tutorial in ("one", "two"):
        study(Learner(InProcess(app), name, tutorial))

    counted = learners.count(name)

    assert counted == LearnerRows(2, 4, 2, 2, 3)
    assert learners.erase(name) == counted
    assert learners.count(name) == learners.erase(name) == LearnerRows()


def test_an_erasure_says_how_far_it_is(engine: Engine) -> None:
    name, steps = new_name(), list[ErasureStep]()
    watch_many(engine, name, 45)

    LearnerRepository(engine).erase(name, steps.append)

    assert steps == [(20, 45), (40, 45), (45, 45)]


def test_a_hosts_session_commits_or_undoes_it(
    engine: Engine, ada: Learner, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "progress_api.learners")
    before = rows_of(engine, ada.name)
    with Session(engine) as session:
        LearnerRepository(session).erase(ada.name)
        session.rollback()
        assert rows_of(engine, ada.name) == before
        assert caplog.messages == []
        LearnerRepository(session).erase(ada.name)
        session.commit()
    assert rows_of(engine, ada.name) == NOTHING
    assert caplog.messages == [
        "erased a learner: 1 tutorials, 2 chapters, 1 quizzes, 1 attempt keys, 1 certificates"
    ]


def test_what_a_learner_writes_meanwhile_is_gone_or_whole(engine: Engine, app: Flask) -> None:
    name, stop = new_name(), threading.Event()
    learners = [Learner(InProcess(app), name, f"tutorial-{number}") for number in range(3)]
    failures: list[Any] = []

    def work(learner: Learner) -> None:
        while not stop.is_set():
            posted = learner.watch(completed=True, totalChapters=1), learner.answer_quiz()
            failures.extend(one for one in posted if one.status != 200)
            completed = learner.complete()
            # Erased in between: nothing is there, or a quiz without its chapter.
            failures.extend([completed] if completed.status not in {200, 400, 404} else [])

    threads = [threading.Thread(target=work, args=(learner,)) for learner in learners]
    for thread in threads:
        thread.start()
    try:
        for _ in range(30):
            LearnerRepository(engine).erase(name)
            _assert_whole(engine)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    LearnerRepository(engine).erase(name)

    assert failures == []
    assert rows_of(engine, name) == NOTHING


def _assert_whole(engine: Engine) -> None:
    """An earned certificate is there, and a certificate was earned by what is there."""
    without_certificate = text(
        "SELECT count(*) FROM tutorial_progress p FULL JOIN tutorial_certificates c "
        "USING (user_id, tutorial_id) WHERE p.certificate_earned IS DISTINCT FROM true "
        "AND c.id IS NOT NULL OR p.certificate_earned AND c.id IS NULL"
    )
    with engine.connect() as connection:
        assert connection.scalar(without_certificate) == 0


def run(database: str, *arguments: str) -> Any:
    return CliRunner().invoke(progress, ["erase", *arguments], env={"DATABASE_URL": database})


def test_a_dry_run_removes_nothing(database: str, engine: Engine, ada: Learner) -> None:
    before = rows_of(engine, ada.name)

    result = run(database, ada.name, "--dry-run")

    assert result.stdout == (
        "Would remove 1 tutorials, 2 chapters, 1 quizzes, 1 attempt keys, 1 certificates.\n"
    )
    assert rows_of(engine, ada.name) == before


def test_the_command_removes_it_and_says_how_much(
    database: str, engine: Engine, ada: Learner, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    result = run(database, ada.name)

    assert (result.exit_code, "Removed 1 tutorials, 2 chapters" in result.stdout) == (0, True)
    assert "Erasing tutorials" in result.stderr
    assert rows_of(engine, ada.name) == NOTHING
    lines = [one.getMessage() for one in caplog.records if one.name == "progress_api.learners"]
    assert lines == [
        "erased a learner: 1 tutorials, 2 chapters, 1 quizzes, 1 attempt keys, 1 certificates"
    ]
    assert ada.name not in caplog.text + result.output


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_the_command_prints_json(database: str, ada: Learner, options: tuple[str, ...]) -> None:
    result = run(database, ada.name, "--json", *options)

    assert json.loads(result.stdout) == {
        "erased": not options,
        "tutorials": 1,
        "chapters": 2,
        "quizzes": 1,
        "attemptKeys": 1,
        "certificates": 1,
    }


def test_a_shell_sees_the_audit_line_beside_the_output(
    database: str, engine: Engine, ada: Learner
) -> None:
    program = Path(sys.executable).with_name("progress-api")

    ended = subprocess.run(
        [program, "erase", ada.name, "--json"],
        env=os.environ | {"DATABASE_URL": database},
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(ended.stdout)["erased"] is True
    line = json.loads(ended.stderr.splitlines()[-1])
    assert line["message"].startswith("erased a learner: 1 tutorials")
    assert ada.name not in ended.stdout + ended.stderr
    assert rows_of(engine, ada.name) == NOTHING
