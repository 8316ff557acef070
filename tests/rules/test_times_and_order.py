"""Lists in the order first recorded; times in UTC that never go backwards."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine, NullPool, create_engine, text

from embedded.postgres import Postgres
from progress_api import ProgressAPI, Settings
from tests.client import SECRET, Learner
from tests.conftest import MakeLearner, new_database
from tests.rules.conftest import MakeService, Way, quiz_of, recorded

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
A_DAY_AHEAD = """
WITH ours AS (
    UPDATE tutorial_progress SET updated_at = updated_at + interval '1 day',
        last_watched_at = last_watched_at + interval '1 day'
    WHERE user_id = :user RETURNING id
), chapters AS (
    UPDATE chapter_progress SET updated_at = updated_at + interval '1 day',
        created_at = created_at + interval '1 day'
    WHERE progress_id IN (SELECT id FROM ours)
)
UPDATE quiz_scores SET updated_at = updated_at + interval '1 day',
    created_at = created_at + interval '1 day'
WHERE progress_id IN (SELECT id FROM ours)
"""
ON_THE_SECOND = """
WITH ours AS (
    UPDATE tutorial_progress SET last_watched_at = '2026-01-02 03:04:05'
    WHERE user_id = :user RETURNING id
)
UPDATE quiz_scores SET completed_at = '2026-01-02 03:04:05.100'
WHERE progress_id IN (SELECT id FROM ours)
"""
NOT_SORTED = ["m", "z", "a", "Z", "10", "9"]


def chapter_ids(progress: Any) -> list[str]:
    return [chapter["chapterId"] for chapter in progress["chapterProgress"]]


def quiz_ids(progress: Any) -> list[str]:
    return [quiz["quizId"] for quiz in progress["quizScores"]]


def moment(time: str) -> datetime:
    assert RFC_3339.fullmatch(time), time
    return datetime.fromisoformat(time)


def test_chapters_and_quizzes_come_in_the_order_first_recorded(
    learner: Learner,
) -> None:
    for name in NOT_SORTED:
        learner.watch(name)
        learner.answer_quiz(name)

    progress = learner.progress()

    assert chapter_ids(progress) == quiz_ids(progress) == NOT_SORTED


def test_an_update_moves_nothing(learner: Learner) -> None:
    for name in NOT_SORTED:
        learner.watch(name)
        learner.answer_quiz(name)

    for name in ("a", "m"):
        learner.watch(name, 100, completed=True)
        progress = recorded(learner.answer_quiz(name, 10))

    assert chapter_ids(progress) == quiz_ids(progress) == NOT_SORTED


def test_what_many_record_at_once_keeps_the_order_in_which_it_was_first_seen(
    make_learner: MakeLearner, make_service: MakeService
) -> None:
    # Those who wait are in a queue of all others, on a machine that may be busy.
    learner = make_learner(make_service(web_threads=9, database_timeout=60000))
    with ThreadPoolExecutor(8) as threads:
        posts = [threads.submit(learner.watch, f"chapter-{n % 8}-{n}") for n in range(60)]
        seen = []
        while not all(post.done() for post in posts):
            seen.append(chapter_ids(learner.progress()))
    answers = [chapter_ids(recorded(post.result())) for post in posts]

    order = chapter_ids(learner.progress())

    assert len(order) == 60
    for ids in seen + answers:
        assert ids == order[: len(ids)]
    assert sorted(len(ids) for ids in answers) == list(range(1, 61))


def test_times_are_rfc_3339_in_utc(learner: Learner) -> None:
    before = datetime.now(UTC)
    progress = recorded(learner.answer_quiz())
    after = datetime.now(UTC)

    assert before <= moment(progress["lastWatchedAt"]) <= after
    assert before <= moment(quiz_of(progress)["completedAt"]) <= after


def test_a_time_on_the_second_is_rfc_3339_too(learner: Learner, shared_engine: Engine) -> None:
    learner.answer_quiz()
    with shared_engine.begin() as connection:
        connection.execute(text(ON_THE_SECOND), {"user": learner.name})

    progress = learner.progress()

    on_the_second = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert moment(progress["lastWatchedAt"]) == on_the_second
    tenth = on_the_second + timedelta(milliseconds=100)
    assert moment(quiz_of(progress)["completedAt"]) == tenth


def test_every_write_is_later_than_the_one_before(learner: Learner) -> None:
    writes = [
        learner.watch("chapter-0", completed=True, totalChapters=1),
        learner.watch("chapter-0"),
        learner.answer_quiz(),
        learner.answer_quiz(),
        learner.watch("chapter-1"),
        learner.complete(),
        learner.watch("chapter-1"),
    ]

    times = [moment(recorded(write)["lastWatchedAt"]) for write in writes]

    assert times == sorted(set(times))


def test_times_do_not_go_back_when_the_server_s_clock_does(
    learner: Learner, shared_engine: Engine
) -> None:
    learner.complete_chapters(1, of=1)
    learner.answer_quiz("z")
    with shared_engine.begin() as connection:
        connection.execute(text(A_DAY_AHEAD), {"user": learner.name})
    ahead = learner.progress()

    answers = [learner.answer_quiz("a"), learner.watch("0"), learner.complete()]

    times = [ahead["lastWatchedAt"], *(recorded(a)["lastWatchedAt"] for a in answers)]
    assert times == sorted(set(times))
    assert quiz_ids(learner.progress()) == ["z", "a"]
    assert chapter_ids(learner.progress()) == ["chapter-0", "0"]


ELSEWHERE = ["DATABASE {}", "ROLE app IN DATABASE {}"]


@pytest.fixture(scope="session")
def databases_elsewhere(postgres: Postgres) -> dict[str, str]:
    """The addresses of databases whose sessions start in another zone and style."""
    made = {}
    for whose in ELSEWHERE:
        engine = create_engine(new_database(postgres), poolclass=NullPool)
        altered = whose.format(engine.url.database)
        with engine.begin() as connection:
            connection.execute(text(f"ALTER {altered} SET timezone = 'America/St_Johns'"))
            connection.execute(text(f"ALTER {altered} SET datestyle = 'SQL, DMY'"))
        made[whose] = str(engine.url)
    return made


@pytest.fixture(params=ELSEWHERE)
def elsewhere(
    request: pytest.FixtureRequest, way: Way, databases_elsewhere: dict[str, str]
) -> dict[str, Any]:
    """What a service is given to travel there."""
    return way.settings(databases_elsewhere[request.param])


@pytest.mark.parametrize("as_guest", [False, True])
def test_times_are_utc_in_a_database_of_another_zone(
    make_learner: MakeLearner,
    make_service: MakeService,
    elsewhere: dict[str, Any],
    *,
    as_guest: bool,
) -> None:
    learner = make_learner(host_app(elsewhere) if as_guest else make_service(**elsewhere))
    learner.complete_chapters(1, of=1)

    before = datetime.now(UTC)
    quiz = quiz_of(recorded(learner.answer_quiz()))
    earned = recorded(learner.complete())
    after = datetime.now(UTC)

    assert before <= moment(quiz["completedAt"]) < moment(earned["lastWatchedAt"]) <= after
    assert learner.progress() == earned


def host_app(settings: dict[str, Any]) -> Flask:
    """A larger app whose own engine leaves the session as the database has it."""
    app = Flask("host")
    app.config["SQLALCHEMY_DATABASE_URI"] = settings["database_url"]
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"poolclass": NullPool}
    SQLAlchemy(app)
    ProgressAPI(
        app,
        settings=Settings(jwt_secret_key=SECRET, ratelimit_enabled=False, **settings),
    )
    return app
