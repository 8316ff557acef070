"""A host's own code asks and records without HTTP, by the same rules."""

import threading
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from progress_api import (
    Chapter,
    InvalidFields,
    NotEligible,
    Policy,
    Progress,
    ProgressAPI,
    ProgressError,
    ProgressNotFound,
    ProgressRepository,
    QuizAttempt,
    TooManyChapters,
    TooManyQuizzes,
)
from progress_api.exceptions import DatabaseUnavailable
from progress_api.schema.migrate import upgrade
from tests.conftest import new_name
from tests.host.conftest import learner_of, with_database

CHAPTER = Chapter(chapter_id="one", watch_time=60, completed=True, total_chapters=1)
ATTEMPT = QuizAttempt(quiz_id="final", score=8, max_score=10, passed=True)
DRIVERS = ("postgresql+psycopg2", "postgresql+psycopg")


@pytest.fixture(params=DRIVERS)
def engine(request: pytest.FixtureRequest, shared_engine: Engine) -> Iterator[Engine]:
    """A host's engine, of either driver."""
    engine = create_engine(shared_engine.url.set(drivername=request.param))
    yield engine
    engine.dispose()


@pytest.fixture(params=["engine", "session", "scoped session"])
def repository(request: pytest.FixtureRequest, engine: Engine) -> Iterator[ProgressRepository]:
    """On each thing that a host may give."""
    if request.param == "engine":
        yield ProgressRepository(engine)
        return
    make = sessionmaker(engine)
    session = make() if request.param == "session" else scoped_session(make)
    yield ProgressRepository(session)
    session.rollback()
    session.close()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A host's session."""
    with Session(engine) as session:
        yield session


def test_the_rules_are_those_of_the_service(repository: ProgressRepository) -> None:
    # given
    ada = new_name()
    assert repository.get(ada, "intro") == Progress("intro", ada)
    # when
    repository.record_chapter(ada, "intro", CHAPTER)
    repository.record_chapter(ada, "intro", Chapter(chapter_id="one", watch_time=30))
    repository.record_quiz(ada, "intro", ATTEMPT)
    progress = repository.complete(ada, "intro")
    # then
    assert progress == repository.get(ada, "intro")
    assert (progress.completion_percentage, progress.total_watch_time) == (100, 60)
    assert progress.certificate_earned
    assert progress.quiz_scores[0].attempts == 1
    assert progress.last_watched_at
    assert progress.last_watched_at.utcoffset() == timedelta(0)
    # ... and it is forgotten.
    repository.reset(ada, "intro")
    assert asdict(repository.get(ada, "intro"))["chapter_progress"] == ()


def test_a_repeated_attempt_counts_once(repository: ProgressRepository) -> None:
    ada = new_name()
    attempt = QuizAttempt(
        quiz_id="final", score=8, max_score=10, passed=True, attempt_keys=["first"]
    )

    answers = [repository.record_quiz(ada, "intro", attempt) for _ in range(3)]

    assert [answer.quiz_scores[0].attempts for answer in answers] == [1, 1, 1]


def test_what_the_service_refuses_is_refused(repository: ProgressRepository) -> None:
    ada = new_name()
    with pytest.raises(ProgressNotFound):
        repository.complete(ada, "intro")
    repository.record_chapter(ada, "intro", Chapter(chapter_id="1", watch_time=1, total_chapters=2))
    with pytest.raises(NotEligible, match="0 percent"):
        repository.complete(ada, "intro")


def test_the_policy_is_the_hosts_to_choose(session: Session) -> None:
    ada = new_name()
    repository = ProgressRepository(session, policy=Policy(max_chapters=1, max_quizzes=1))
    repository.record_chapter(ada, "intro", CHAPTER)
    repository.record_quiz(ada, "intro", ATTEMPT)

    with pytest.raises(TooManyChapters):
        repository.record_chapter(ada, "intro", Chapter(chapter_id="two", watch_time=1))
    another = QuizAttempt(quiz_id="another", score=1, max_score=1, passed=True)
    with pytest.raises(TooManyQuizzes):
        repository.record_quiz(ada, "intro", another)
    # Nothing was changed, and the transaction goes on.
    assert len(repository.get(ada, "intro").chapter_progress) == 1


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: Chapter(chapter_id="", watch_time=1), "chapter_id"),
        (lambda: Chapter(chapter_id="a\0b", watch_time=1), "chapter_id"),
        (lambda: Chapter(chapter_id="1", watch_time=-1), "watch_time"),
        (lambda: Chapter(chapter_id="1", watch_time=1.5), "watch_time"),  # type: ignore[arg-type]
        (lambda: Chapter(chapter_id="1", watch_time=True), "watch_time"),
        (lambda: Chapter(chapter_id="1", watch_time=1, last_position=2**31), "last_position"),
        (lambda: Chapter(chapter_id="1", watch_time=None), "watch_time"),  # type: ignore[arg-type]
        (lambda: Chapter(chapter_id="1", watch_time=1, last_position=False), "last_position"),
        (lambda: Chapter(chapter_id="1", watch_time=1, last_position=""), "last_position"),  # type: ignore[arg-type]
        (lambda: Chapter(chapter_id="1", watch_time=1, total_chapters=-1), "total_chapters"),
        (lambda: Chapter(chapter_id="1", watch_time=1, total_chapters=""), "total_chapters"),  # type: ignore[arg-type]
        (lambda: Chapter(chapter_id="1", watch_time=1, completed=1), "completed"),  # type: ignore[arg-type]
        (lambda: QuizAttempt(quiz_id=" ", score=1, max_score=1, passed=True), "quiz_id"),
        (lambda: QuizAttempt(quiz_id="1", score=2, max_score=1, passed=True), "score"),
        (lambda: QuizAttempt(quiz_id="1", score=0, max_score=0, passed=True), "max_score"),
        (lambda: QuizAttempt(quiz_id="1", score=None, max_score=1, passed=True), "score"),  # type: ignore[arg-type]
        (lambda: QuizAttempt(quiz_id="1", score=0, max_score=None, passed=True), "max_score"),  # type: ignore[arg-type]
        (lambda: QuizAttempt(quiz_id="1", score=0, max_score=1, passed="yes"), "passed"),  # type: ignore[arg-type]
    ],
)
def test_what_is_out_of_bounds_is_refused_before_it_reaches_the_database(
    make: Any, field: str
) -> None:
    with pytest.raises(InvalidFields, match=field) as refused:
        make()
    assert isinstance(refused.value, ProgressError)


@pytest.mark.parametrize(("user_id", "tutorial_id"), [("", "intro"), ("ada", "x" * 256)])
def test_ids_out_of_bounds_are_refused_too(
    repository: ProgressRepository, user_id: str, tutorial_id: str
) -> None:
    for ask in (repository.get, repository.complete, repository.reset):
        with pytest.raises(InvalidFields):
            ask(user_id, tutorial_id)


def test_what_is_recorded_on_a_session_is_committed_with_it(
    session: Session, shared_engine: Engine
) -> None:
    # given
    ada, outside = new_name(), ProgressRepository(shared_engine)
    # when
    ProgressRepository(session).record_chapter(ada, "intro", CHAPTER)
    # then nobody else sees it before the host commits
    assert outside.get(ada, "intro").chapters_completed == 0
    session.commit()
    assert outside.get(ada, "intro").chapters_completed == 1


def test_what_is_recorded_on_a_session_is_rolled_back_with_it(
    session: Session, shared_engine: Engine
) -> None:
    # given
    ada, outside = new_name(), ProgressRepository(shared_engine)
    repository = ProgressRepository(session)
    # when
    repository.record_chapter(ada, "intro", CHAPTER)
    with session.begin_nested() as savepoint:
        repository.record_quiz(ada, "intro", ATTEMPT)
        savepoint.rollback()
    within = repository.get(ada, "intro")
    session.rollback()
    # then
    assert (within.chapters_completed, within.quiz_scores) == (1, ())
    assert outside.get(ada, "intro") == Progress("intro", ada)


def test_the_hosts_rows_and_ours_are_one_transaction(host: Flask, empty_database: str) -> None:
    # given
    database = with_database(host, empty_database)
    api = ProgressAPI(host, learner=lambda: "ada")
    with host.app_context():
        upgrade(database.engine)
        database.session.execute(text("CREATE TABLE enrolled (name text)"))
        database.session.commit()
        # when
        for end in (database.session.rollback, database.session.commit):
            database.session.execute(text("INSERT INTO enrolled VALUES ('ada')"))
            api.repository(database.session).record_chapter("ada", "intro", CHAPTER)
            end()
            # then
            enrolled = database.session.scalar(text("SELECT count(*) FROM enrolled"))
            assert enrolled == api.repository().get("ada", "intro").chapters_completed
        assert enrolled == 1
        database.session.remove()


def test_a_repository_of_a_mount_has_its_settings(host: Flask, shared_database: str) -> None:
    # given
    database = with_database(host, shared_database)
    host.config["PROGRESS_MAX_CHAPTERS"] = 1
    ada = new_name()
    api = ProgressAPI(host, learner=lambda: ada)
    learner_of(host).watch("one")
    # then
    with host.app_context():
        for repository in (api.repository(), api.repository(database.session)):
            with pytest.raises(TooManyChapters):
                repository.record_chapter(ada, "intro", Chapter(chapter_id="two", watch_time=1))
        database.session.remove()


def test_a_repository_is_on_an_engine_or_a_session_and_on_nothing_else(
    shared_engine: Engine,
) -> None:
    with shared_engine.connect() as connection:
        for bind in (connection, None):
            with pytest.raises(TypeError, match="an Engine or a Session"):
                ProgressRepository(bind)  # type: ignore[arg-type]


def test_a_repository_of_an_app_without_a_mount_raises_a_sentence(host: Flask) -> None:
    with host.app_context(), pytest.raises(RuntimeError, match="not mounted"):
        ProgressAPI().repository()


def test_writers_on_sessions_and_over_http_count_exactly(host: Flask, shared_database: str) -> None:
    # given
    database = with_database(host, shared_database)
    host.config["PROGRESS_RATELIMIT_ENABLED"] = False
    ada = new_name()
    api = ProgressAPI(host, learner=lambda: ada)
    start = threading.Barrier(8)

    def by_session(number: int) -> None:
        with host.app_context():
            for each in range(10):
                chapter = Chapter(chapter_id=f"{number}-{each}", watch_time=1, completed=True)
                api.repository(database.session).record_chapter(ada, "intro", chapter)
                database.session.commit()

    def by_http(number: int) -> None:
        for each in range(10):
            learner_of(host).watch(f"{number}-{each}", 1, completed=True)

    def write(number: int) -> None:
        start.wait()
        (by_session if number % 2 else by_http)(number)

    # when
    threads = [threading.Thread(target=write, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # then
    progress = learner_of(host).progress()
    assert (progress["chaptersCompleted"], progress["totalWatchTime"]) == (80, 80)


def test_a_database_that_does_not_answer_is_the_same_failure_as_over_http() -> None:
    engine = create_engine("postgresql+psycopg2://127.0.0.1:1/nowhere")

    for bind in (engine, Session(engine)):
        with pytest.raises(DatabaseUnavailable):
            ProgressRepository(bind).get("ada", "intro")
