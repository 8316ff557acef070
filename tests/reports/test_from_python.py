"""Reports without HTTP: from Python, in a host's transaction, and from the command line."""

import json
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

from progress_api import (
    Chapter,
    ChapterReport,
    DatabaseUnavailable,
    InvalidFields,
    Outline,
    OutlineChapter,
    OutlineRepository,
    ProgressAPI,
    ProgressRepository,
    QuizAttempt,
    ReportRepository,
)
from progress_api.cli import progress, service


@pytest.fixture
def studied(engine: Engine) -> Engine:
    """A database in which ada and bob began a tutorial."""
    repository = ProgressRepository(engine)
    for name in ("ada", "bob"):
        chapter = Chapter(chapter_id="one", watch_time=10, completed=True, total_chapters=2)
        repository.record_chapter(name, "intro", chapter)
    repository.record_chapter("bob", "intro", Chapter(chapter_id="two", watch_time=5))
    attempt = QuizAttempt(quiz_id="q", score=1, max_score=2, passed=True)
    repository.record_quiz("ada", "intro", attempt)
    return engine


@pytest.mark.parametrize("one_trip", [True, False])
def test_an_engine_reports(studied: Engine, *, one_trip: bool) -> None:
    reports = ReportRepository(studied, one_trip=one_trip)

    found = reports.report("intro")

    assert (found.learners, found.total_watch_time, found.average_percentage) == (2, 25, 50)
    assert found.chapters[0] == ChapterReport("one", None, 2, 2, 10.0, 1)
    assert [one.user_id for one in reports.learners("intro").items] == ["ada", "bob"]
    assert [len(page.items) for page in reports.all_learners("intro")] == [2]


def test_a_hosts_session_reports_what_it_has_not_committed(studied: Engine) -> None:
    with Session(studied) as session:
        ProgressRepository(session).reset("ada", "intro")
        assert ReportRepository(session).report("intro").learners == 1
        session.rollback()
    assert ReportRepository(studied).report("intro").learners == 2


@pytest.mark.usefixtures("studied")
def test_a_guest_has_the_reports_of_its_mount(database: str) -> None:
    host, engine = Flask("host"), create_engine(database)
    api = ProgressAPI(host, engine=engine, learner=lambda: "ada")

    with host.app_context():
        assert api.reports().report("intro").learners == 2

    engine.dispose()


def test_a_report_that_takes_too_long_ends(studied: Engine) -> None:
    with studied.connect() as connection, connection.begin():
        connection.execute(text("LOCK TABLE tutorial_progress IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(DatabaseUnavailable):
            ReportRepository(studied, timeout=1).report("intro")


@pytest.mark.parametrize("arguments", [{"limit": 0}, {"limit": 1001}, {"status": "x"}])
def test_an_invalid_argument_is_refused(engine: Engine, arguments: Any) -> None:
    with pytest.raises(InvalidFields) as refused:
        ReportRepository(engine).learners("intro", **arguments)
    assert list(refused.value.fields) == list(arguments)


def run(database: str, *arguments: str) -> Any:
    return CliRunner().invoke(progress, ["report", *arguments], env={"DATABASE_URL": database})


def test_the_command_draws_a_bar_for_each_chapter(database: str, studied: Engine) -> None:
    chapters = (
        OutlineChapter(chapter_id="one", title="Variables"),
        OutlineChapter(chapter_id="two"),
        OutlineChapter(chapter_id="three"),
    )
    OutlineRepository(studied).put("intro", Outline(title="Intro", chapters=chapters))

    lines = run(database, "intro").output.splitlines()

    assert lines[0] == "Intro"
    assert lines[1].startswith("2 learners, 2 active in the last 7 days, 0 completed, 0 cert")
    assert [line.split() for line in lines[4:7]] == [
        ["Variables", "█" * 30, "2", "2", "1"],
        ["two", "█" * 15, "1", "0", "1"],
        ["three", "0", "0", "0"],
    ]
    assert "quiz q: 1 learners, 1 passed, 1.0 attempts, 50.0 percent on average" in lines


@pytest.mark.usefixtures("studied")
def test_the_command_prints_json(database: str) -> None:
    found = json.loads(run(database, "intro", "--json").output)

    assert (found["tutorialId"], found["learners"]) == ("intro", 2)


def test_the_command_reports_on_a_tutorial_that_nobody_has_begun(database: str) -> None:
    result = run(database, "nothing")

    assert (result.exit_code, "0 learners" in result.output) == (0, True)


def test_the_services_own_command_has_it_too() -> None:
    assert {"report", "export", "erase"} <= set(service.commands)
