"""The service on the keys of distributed tables: every endpoint, and what operators run.

These tables are those of one PostgreSQL. That the statements run on Citus is held by
`tests/rules/database/test_learner_is_the_key.py`.
"""

import io
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from progress_api import LearnerRepository, LearnerRows
from progress_api.progress.recount import recount
from progress_api.schema.migrate import head
from tests.client import PREFIX, SECRET, InProcess, Learner, token
from tests.conftest import MakeApp, new_name
from tests.learners.conftest import rows_of, study
from tests.migrations.database import Database, succeeded

KEY = {"JWT_SECRET_KEY": SECRET}


@pytest.fixture(scope="module", params=[True, False], ids=["one trip", "one by one"])
def app(request: pytest.FixtureRequest, make_app: MakeApp, distributed: Database) -> Flask:
    """A service on distributed tables, for each way that a batch of statements can travel."""
    return make_app(database_url=distributed.url, database_one_trip=request.param)


@pytest.fixture
def ada(app: Flask) -> Learner:
    """A learner of a tutorial of her own."""
    return Learner(InProcess(app), new_name(), tutorial=new_name())


def ask(app: Flask, path: str, scope: str, method: str = "GET", body: object = None) -> object:
    headers = {"Authorization": f"Bearer {token('teacher', scope=scope)}"}
    answer = app.test_client().open(PREFIX + path, method=method, headers=headers, json=body)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def test_the_endpoints_of_the_guide_work(ada: Learner) -> None:
    assert ada.progress()["chapterProgress"] == []
    assert ada.complete_chapters(1, of=2).body["completionPercentage"] == 50
    assert ada.complete_chapters(2, of=2).body["completionPercentage"] == 100
    assert ada.answer_quiz(score=5, passed=False).body["certificateEligible"] is False
    assert ada.complete().status == 400
    assert ada.answer_quiz(score=9, passed=True).body["quizScores"][0]["attempts"] == 2
    assert ada.complete().body["certificateEarned"] is True
    assert ada.progress()["certificateEarned"] is True
    assert ada.reset().status == 200
    assert ada.progress()["chapterProgress"] == ada.progress()["quizScores"] == []


def test_a_repeated_attempt_counts_once(ada: Learner) -> None:
    for _ in range(3):
        answer = ada.answer_quiz(headers={"Idempotency-Key": "first"})

    assert answer.body["quizScores"][0]["attempts"] == 1


def test_the_list_of_tutorials_and_events_work(ada: Learner) -> None:
    event = {"tutorialId": ada.tutorial, "at": "2026-01-05T12:00:00Z"}
    chapter = {"id": "1", "type": "chapter", "chapterId": "one", "watchTime": 7, "completed": True}
    quiz = {"id": "2", "type": "quiz", "quizId": "q", "score": 1, "maxScore": 1, "passed": True}
    events = [event | chapter | {"totalChapters": 1}, event | quiz]
    for _ in range(2):
        answer = ada.post_events(*events, event | {"id": "3", "type": "complete"})
        assert [one["status"] for one in answer.body["results"]] == ["recorded"] * 3

    (item,) = ada.tutorials().body["items"]
    assert (item["tutorialId"], item["completionPercentage"]) == (ada.tutorial, 100)
    assert item["lastChapter"]["chapterId"] == "one"


def test_an_outline_decides(app: Flask, ada: Learner) -> None:
    ada.complete_chapters(1, of=1)
    chapters = [{"chapterId": f"chapter-{number}"} for number in (1, 2)]
    ask(app, f"/{ada.tutorial}/outline", "progress:author", "PUT", {"chapters": chapters})

    assert ada.progress()["totalChapters"] == 2
    assert ada.complete().status == 400
    ask(app, f"/{ada.tutorial}/outline", "progress:author")
    ask(app, f"/{ada.tutorial}/outline", "progress:author", "DELETE")


def test_a_certificate_is_one_for_ever_and_found_by_its_id_alone(app: Flask, ada: Learner) -> None:
    study(ada)
    first = ada.certificate().body
    ada.reset()
    study(ada)
    assert ada.certificate().body["certificateId"] == first["certificateId"]

    path = f"/certificates/{first['certificateId']}"
    assert app.test_client().get(PREFIX + path).get_json()["status"] == "valid"
    ask(app, f"{path}/revoke", "progress:admin", "POST", {"reason": "A mistake"})
    assert app.test_client().get(PREFIX + path).get_json()["status"] == "revoked"
    ask(app, f"{path}/reinstate", "progress:admin", "POST", {})
    assert app.test_client().get(PREFIX + path).get_json()["status"] == "valid"


def test_reports_count_every_learner(app: Flask, ada: Learner) -> None:
    names = sorted([ada.name, new_name()])
    for name in names:
        study(Learner(InProcess(app), name, tutorial=ada.tutorial))

    report = ask(app, f"/{ada.tutorial}/report", "progress:report")
    page = ask(app, f"/{ada.tutorial}/learners", "progress:report")

    assert isinstance(report, dict)
    assert isinstance(page, dict)
    assert (report["learners"], report["certificates"]) == (2, 2)
    assert [one["learners"] for one in report["chapters"] + report["quizzes"]] == [2, 2, 2]
    assert [(one["userId"], one["quizzesPassed"]) for one in page["items"]] == [
        (name, 1) for name in names
    ]


def test_everything_of_a_learner_is_exported_and_erased(
    distributed: Database, ada: Learner
) -> None:
    study(ada)
    learners, written = LearnerRepository(distributed.engine), io.BytesIO()

    assert learners.export(ada.name, written) == 1
    (tutorial,) = json.loads(written.getvalue())["tutorials"]
    assert len(tutorial["chapter_progress"]) == 2
    assert learners.erase(ada.name) == LearnerRows(1, 2, 1, 1, 1)
    assert set(rows_of(distributed.engine, ada.name).values()) == {0}


def test_a_recount_stores_the_counts_of_today(distributed: Database, ada: Learner) -> None:
    ada.complete_chapters(2, of=2)
    wrong = "UPDATE tutorial_progress SET chapters_completed = 0 WHERE user_id = '{}'"
    distributed.run(wrong.format(ada.name))

    assert recount(distributed.engine, ada.tutorial) == (1, 0)

    assert ada.progress()["chaptersCompleted"] == 2


def test_writers_of_one_learner_lose_nothing(app: Flask, ada: Learner) -> None:
    def record(number: int) -> int:
        learner = Learner(InProcess(app), ada.name, tutorial=ada.tutorial)
        chapter = f"chapter-{number}"
        return learner.watch(chapterId=chapter, completed=True, totalChapters=24).status

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(record, range(24))) == {200}

    assert ada.progress()["chaptersCompleted"] == 24


def test_the_database_is_ready_migrated_and_as_it_should_be(
    app: Flask, distributed: Database
) -> None:
    before = distributed.catalog()

    assert app.test_client().get("/readyz").status_code == 200
    assert succeeded(distributed.command("check", **KEY)) == ""
    assert succeeded(distributed.command("migrate")) == f"The database is at {head()}."

    assert distributed.catalog() == before


def test_a_service_that_runs_meanwhile_goes_on_over_the_connections_that_it_has(
    make_app: MakeApp, coordinator: Database
) -> None:
    ada = Learner(InProcess(make_app(database_url=coordinator.url)), new_name())
    study(ada)

    succeeded(coordinator.command("distribute"))

    assert ada.progress()["chaptersCompleted"] == 2
    study(ada)
    ada.reset()
    study(ada)
