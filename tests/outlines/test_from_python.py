"""Outlines without HTTP: from Python, in a host's transaction, and from the command line."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from progress_api import (
    InvalidFields,
    Outline,
    OutlineChapter,
    OutlineNotFound,
    OutlineQuiz,
    OutlineRepository,
    ProgressAPI,
)
from progress_api.cli import progress, service

ONE = Outline(
    title="Intro",
    chapters=(OutlineChapter(chapter_id="one", title="One", duration=60),),
    quizzes=(OutlineQuiz(quiz_id="final"),),
)


@pytest.mark.parametrize("one_trip", [True, False])
def test_an_engine_stores_an_outline_and_returns_it(engine: Engine, *, one_trip: bool) -> None:
    outlines = OutlineRepository(engine, one_trip=one_trip)

    stored = outlines.put("intro", ONE)

    assert (stored.tutorial_id, stored.outline) == ("intro", ONE)
    assert outlines.get("intro") == stored
    assert [outlines.delete("intro"), outlines.delete("intro")] == [True, False]
    with pytest.raises(OutlineNotFound):
        outlines.get("intro")


def test_a_hosts_session_commits_or_undoes_it(engine: Engine) -> None:
    with Session(engine) as session:
        OutlineRepository(session).put("intro", ONE)
        session.rollback()
        with pytest.raises(OutlineNotFound):
            OutlineRepository(session).get("intro")
        OutlineRepository(session).put("intro", ONE)
        session.commit()
    assert OutlineRepository(engine).get("intro").outline == ONE


def test_a_guest_has_the_outlines_of_its_mount(database: str) -> None:
    host, engine = Flask("host"), create_engine(database)
    api = ProgressAPI(host, engine=engine, learner=lambda: "ada")

    with host.app_context():
        api.outlines().put("intro", ONE)

    assert OutlineRepository(engine).get("intro").outline == ONE
    engine.dispose()


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: OutlineChapter(chapter_id=""), "chapter_id"),
        (lambda: OutlineChapter(chapter_id="one", title=" "), "title"),
        (lambda: OutlineChapter(chapter_id="one", duration=-1), "duration"),
        (lambda: OutlineChapter(chapter_id="one", duration=False), "duration"),
        (lambda: OutlineQuiz(quiz_id="a\0"), "quiz_id"),
        (lambda: Outline(chapters=()), "chapters"),
        (lambda: Outline(chapters=ONE.chapters * 2), "chapters"),
        (lambda: Outline(chapters=ONE.chapters, quizzes=ONE.quizzes * 2), "quizzes"),
        (
            lambda: Outline(chapters=ONE.chapters, certificate_percentage=0),
            "certificate_percentage",
        ),
    ],
)
def test_an_invalid_record_is_refused(make: object, field: str) -> None:
    assert callable(make)
    with pytest.raises(InvalidFields) as refused:
        make()
    assert list(refused.value.fields) == [field]


def run(database: str, *arguments: str, text: str | None = None) -> Result:
    environment = {"DATABASE_URL": database}
    return CliRunner().invoke(progress, ["outline", *arguments], env=environment, input=text)


def test_the_command_line_stores_prints_and_removes_an_outline(
    database: str, engine: Engine, tmp_path: Path
) -> None:
    file = tmp_path / "intro.json"
    file.write_text(json.dumps({"tutorialId": "intro", "chapters": [{"chapterId": "é"}]}))

    stored = run(database, "put", str(file))
    printed = run(database, "get", "intro")

    assert (stored.exit_code, printed.exit_code) == (0, 0), stored.output
    assert json.loads(printed.output) == json.loads(stored.output)
    assert OutlineRepository(engine).get("intro").outline.chapters[0].chapter_id == "é"
    # ... what it prints can be stored again, from standard input.
    assert run(database, "put", "-", text=printed.output).exit_code == 0
    assert run(database, "delete", "intro").output == "The outline is removed.\n"
    assert run(database, "delete", "intro").output == "The tutorial has no outline.\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a JSON object"),
        ("[" * 100_000, "is not JSON"),
        ('{"chapters": [{"chapterId": "one"}]}', "tutorialId"),
        ('{"tutorialId": "intro"}', "chapters"),
    ],
)
def test_the_command_line_says_what_is_wrong_with_a_file(
    database: str, text: str, says: str
) -> None:
    result = run(database, "put", "-", text=text)

    assert result.exit_code == 1
    assert says in result.output


def test_the_command_line_says_that_there_is_no_outline(database: str) -> None:
    result = run(database, "get", "intro")

    assert (result.exit_code, "has no outline; an author" in result.output) == (1, True)


def test_the_services_own_command_has_it_too() -> None:
    assert "outline" in service.commands
