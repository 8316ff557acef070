"""The hook of a host app is called once for each earned certificate, after the commit."""

import logging
import threading
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import Engine, NullPool, create_engine, text
from sqlalchemy.orm import Session, SessionTransaction

from progress_api import Chapter, Progress, ProgressAPI, ProgressRepository
from progress_api.schema.migrate import upgrade
from tests.conftest import new_name
from tests.host.conftest import learner_of, with_database

CHAPTER = Chapter(chapter_id="one", watch_time=60, completed=True, total_chapters=1)
WAYS = [
    ("postgresql+psycopg2", "true"),
    ("postgresql+psycopg2", "false"),
    ("postgresql+psycopg", "false"),
]


@pytest.fixture
def notified() -> list[Progress]:
    """The calls of the host's hook."""
    return []


@pytest.fixture
def session(shared_engine: Engine) -> Iterator[Session]:
    """A host's session."""
    with Session(shared_engine) as session:
        yield session


@pytest.fixture
def eligible(session: Session, notified: list[Progress]) -> tuple[ProgressRepository, str]:
    """A repository on the session, and a learner who has but to ask for the certificate."""
    ada = new_name()
    repository = ProgressRepository(session, on_certificate_earned=notified.append)
    repository.record_chapter(ada, "intro", CHAPTER)
    session.commit()
    return repository, ada


@pytest.mark.parametrize(("driver", "one_trip"), WAYS)
def test_the_hook_is_called_once_after_the_commit(
    host: Flask, shared_engine: Engine, driver: str, one_trip: str
) -> None:
    # given a hook that looks from outside
    ada, seen = new_name(), []
    engine = create_engine(shared_engine.url.set(drivername=driver), poolclass=NullPool)

    def look(progress: Progress) -> None:
        seen.append(ProgressRepository(shared_engine).get(ada, "intro") == progress)

    host.config["PROGRESS_DATABASE_ONE_TRIP"] = one_trip
    ProgressAPI(host, engine=engine, learner=lambda: ada, on_certificate_earned=look)
    learner = learner_of(host)
    # when
    refused = learner.complete().status
    learner.complete_chapters(1, of=1)
    answers = [learner.complete().status for _ in range(3)]
    # then
    assert (refused, answers) == (404, [200, 200, 200])
    assert seen == [True]
    # ... and again for another certificate, after a reset.
    learner.reset()
    learner.complete_chapters(1, of=1)
    learner.complete()
    assert seen == [True, True]


def test_of_many_requests_at_once_one_calls_the_hook(
    host: Flask, shared_engine: Engine, notified: list[Progress]
) -> None:
    # given
    ada, start = new_name(), threading.Barrier(8)
    host.config["PROGRESS_RATELIMIT_ENABLED"] = False
    ProgressAPI(
        host, engine=shared_engine, learner=lambda: ada, on_certificate_earned=notified.append
    )
    learner_of(host).complete_chapters(1, of=1)
    statuses: list[int] = []

    def ask() -> None:
        start.wait()
        statuses.append(learner_of(host).complete().status)

    # when
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # then
    assert statuses == [200] * 8
    assert [progress.user_id for progress in notified] == [ada]


def test_on_a_session_the_hook_is_called_after_the_hosts_commit(
    eligible: tuple[ProgressRepository, str], session: Session, notified: list[Progress]
) -> None:
    repository, ada = eligible
    earned = repository.complete(ada, "intro")
    repository.complete(ada, "intro")
    assert notified == []

    session.commit()
    assert notified == [earned]
    session.commit()
    assert notified == [earned]


@pytest.mark.parametrize("end", [Session.rollback, Session.close])
def test_on_a_session_that_is_rolled_back_the_hook_is_not_called(
    eligible: tuple[ProgressRepository, str],
    session: Session,
    notified: list[Progress],
    end: Callable[[Session], None],
) -> None:
    repository, ada = eligible
    repository.complete(ada, "intro")

    end(session)
    session.execute(text("SELECT 1"))
    session.commit()

    assert notified == []
    # ... and it is earned when it is asked for again.
    repository.complete(ada, "intro")
    session.commit()
    assert len(notified) == 1


def test_a_savepoint_that_is_undone_takes_the_news_with_it(
    eligible: tuple[ProgressRepository, str], session: Session, notified: list[Progress]
) -> None:
    repository, ada = eligible
    with session.begin_nested(), session.begin_nested() as inner:
        repository.complete(ada, "intro")
        inner.rollback()
    session.commit()
    assert notified == []


def test_a_savepoint_that_is_released_within_one_that_is_undone_takes_it_too(
    eligible: tuple[ProgressRepository, str], session: Session, notified: list[Progress]
) -> None:
    repository, ada = eligible
    with session.begin_nested() as outer:
        with session.begin_nested():
            repository.complete(ada, "intro")
        outer.rollback()
    session.commit()
    assert notified == []


def test_a_savepoint_that_is_open_when_an_outer_one_is_undone_takes_it_too(
    eligible: tuple[ProgressRepository, str], session: Session, notified: list[Progress]
) -> None:
    repository, ada = eligible
    outer = session.begin_nested()
    session.begin_nested()
    repository.complete(ada, "intro")
    outer.rollback()
    session.commit()
    assert notified == []


def test_a_savepoint_that_is_released_waits_for_the_commit(
    eligible: tuple[ProgressRepository, str], session: Session, notified: list[Progress]
) -> None:
    repository, ada = eligible
    with session.begin_nested():
        repository.complete(ada, "intro")
    assert notified == []

    session.commit()
    assert len(notified) == 1


def test_the_hook_may_use_the_hosts_session(host: Flask, empty_database: str) -> None:
    # given
    database = with_database(host, empty_database)

    def note(progress: Progress) -> None:
        insert = text("INSERT INTO notes VALUES (:name)")
        database.session.execute(insert, {"name": progress.user_id})
        database.session.commit()

    api = ProgressAPI(host, learner=lambda: "ada", on_certificate_earned=note)
    with host.app_context():
        upgrade(database.engine)
        database.session.execute(text("CREATE TABLE notes (name text)"))
        repository = api.repository(database.session)
        repository.record_chapter("ada", "intro", CHAPTER)
        # when
        repository.complete("ada", "intro")
        database.session.commit()
        # then
        assert list(database.session.scalars(text("TABLE notes"))) == ["ada"]
        database.session.remove()


@pytest.mark.parametrize("begin", [Session.begin, lambda session: session.begin_nested()])
def test_the_hook_may_use_the_session_of_a_block_too(
    shared_engine: Engine, begin: Callable[[Session], SessionTransaction]
) -> None:
    # given
    ada, seen = new_name(), []

    def look(progress: Progress) -> None:
        seen.append(hosts_own.scalar(text("SELECT 1")))
        hosts_own.commit()
        assert progress.user_id == ada

    with Session(shared_engine) as hosts_own:
        repository = ProgressRepository(hosts_own, on_certificate_earned=look)
        # when
        with begin(hosts_own):
            repository.record_chapter(ada, "intro", CHAPTER)
            repository.complete(ada, "intro")
        hosts_own.commit()
        # then
        assert seen == [1]
        with hosts_own.begin():
            assert repository.get(ada, "intro").certificate_earned


def test_a_hook_that_fails_takes_nothing_from_the_learner(
    host: Flask, shared_engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    # given
    def fail(_: Progress) -> None:
        raise LookupError("the mail server")

    ada = new_name()
    ProgressAPI(host, engine=shared_engine, learner=lambda: ada, on_certificate_earned=fail)
    learner = learner_of(host)
    learner.complete_chapters(1, of=1)
    # when
    with caplog.at_level(logging.ERROR, logger="progress_api.repository"):
        answer = learner.complete()
    # then
    assert (answer.status, answer.body["certificateEarned"]) == (200, True)
    assert "on_certificate_earned failed" in caplog.text
    assert "the mail server" in caplog.text
