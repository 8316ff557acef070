"""PostgreSQL fails while events are recorded, and nothing else waits for them (spec 12.4)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import Connection, Engine, NullPool, create_engine, text

from embedded.postgres import Postgres
from tests.client import Learner
from tests.conftest import MakeLearner, new_database
from tests.events import chapter, complete, quiz, recorded
from tests.rules.conftest import MakeService, quiz_of
from tests.serving.service import until

LOCK = text(
    "SELECT FROM tutorial_progress WHERE user_id = :user AND tutorial_id = :tutorial"
    " FOR UPDATE NOWAIT"
)
# The connection that records a chapter of this name ends.
FATAL = """
    CREATE FUNCTION end_connection() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END$$;
    CREATE TRIGGER fatal BEFORE INSERT ON chapter_progress FOR EACH ROW
    WHEN (NEW.chapter_id = 'fatal') EXECUTE FUNCTION end_connection()"""
NO_LONGER_FATAL = "DROP FUNCTION end_connection CASCADE"
CONNECTIONS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'progress-api'"""
WAITING = f"{CONNECTIONS} AND wait_event_type = 'Lock'"
DONE = {"completed": True, "totalChapters": 1}


@pytest.fixture(scope="module")
def own(postgres: Postgres) -> Iterator[Engine]:
    """A database that nobody else writes to."""
    engine = create_engine(new_database(postgres), poolclass=NullPool)
    yield engine
    engine.dispose()


@pytest.fixture
def make_own(
    own: Engine, make_learner: MakeLearner, make_service: MakeService
) -> Iterator[MakeLearner]:
    """Make a learner of a service on that database, whose connections are new."""
    services = []

    def make(**settings: object) -> Learner:
        url = own.url.render_as_string(hide_password=False)
        services.append(make_service(url, **settings))
        return make_learner(services[-1])

    yield make
    for service in services:
        with service.app_context():
            service.extensions["sqlalchemy"].engine.dispose()


def count(own: Engine, query: str) -> int:
    """The number that a query returns."""
    with own.connect() as connection:
        return int(connection.execute(text(query)).scalar_one())


def lock(connection: Connection, learner: Learner, tutorial: str) -> None:
    """Take the lock of a learner's tutorial, or fail at once."""
    connection.execute(LOCK, {"user": learner.name, "tutorial": tutorial})


@contextmanager
def fatal(own: Engine) -> Iterator[None]:
    """While a connection that records the fatal chapter ends."""
    with own.begin() as connection:
        connection.exec_driver_sql(FATAL)
    try:
        yield
    finally:
        with own.begin() as connection:
            connection.exec_driver_sql(NO_LONGER_FATAL)


def events_of(*tutorials: str) -> list[dict[str, object]]:
    """A chapter, an attempt and a wish of each tutorial."""
    return [
        event
        for one in tutorials
        for event in (chapter(1, of=one, **DONE), quiz(2, of=one), complete(3, of=one))
    ]


def assert_all_is_recorded_once(learner: Learner, *tutorials: str) -> None:
    for one in tutorials:
        progress = replace(learner, tutorial=one).progress()
        assert progress["certificateEarned"]
        assert quiz_of(progress)["attempts"] == 1


def test_a_lock_in_the_middle_is_503_and_sending_again_completes_it(
    own: Engine, make_own: MakeLearner
) -> None:
    # given
    learner, sent = make_own(database_timeout=1000), events_of("c", "a", "b")
    assert replace(learner, tutorial="b").watch().status == 200  # there is a row to lock
    # when
    with own.begin() as holder:
        lock(holder, learner, "b")
        answer = learner.post_events(*sent)
    # then what was committed stays
    assert answer.status == 503
    assert "Retry-After" in answer.headers
    assert_all_is_recorded_once(learner, "a")
    assert replace(learner, tutorial="b").progress()["quizScores"] == []
    # ... and sending all of it again counts nothing twice.
    assert len(recorded(learner.post_events(*sent))) == 3
    assert_all_is_recorded_once(learner, "a", "b", "c")


def test_a_connection_that_ends_in_the_middle_is_503_and_sending_again_completes_it(
    own: Engine, make_own: MakeLearner
) -> None:
    learner = make_own()
    sent = [*events_of("a"), quiz(1, of="b"), chapter(4, of="b", chapter="fatal", **DONE)]
    sent += [complete(5, of="b")]

    with fatal(own):
        answer = learner.post_events(*sent)

    assert answer.status == 503
    assert_all_is_recorded_once(learner, "a")
    # One tutorial's events are one transaction.
    assert [item["tutorialId"] for item in learner.tutorials().body["items"]] == ["a"]
    assert len(recorded(learner.post_events(*sent))) == 2
    assert_all_is_recorded_once(learner, "a", "b")


def test_a_batch_has_one_connection_and_no_lock_while_it_waits_for_another_tutorial(
    own: Engine, make_own: MakeLearner
) -> None:
    # given
    learner = make_own(web_threads=4)
    replace(learner, tutorial="b").watch()
    with ThreadPoolExecutor(1) as threads:
        with own.begin() as holder:
            lock(holder, learner, "b")
            before = count(own, CONNECTIONS)
            # when
            answer = threads.submit(learner.post_events, *events_of("a", "b", "c"))
            until(lambda: count(own, WAITING) > 0)
            # then
            assert count(own, CONNECTIONS) == before == 1
            with own.begin() as other:
                lock(other, learner, "a")
            assert replace(learner, tutorial="a").watch("another").status == 200
        assert len(recorded(answer.result())) == 3
