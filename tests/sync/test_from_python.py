"""A host's own code lists tutorials and records events, by the same rules (spec 10.7)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from progress_api import (
    Chapter,
    Completion,
    Event,
    EventResult,
    InvalidFields,
    LastChapter,
    NotEligible,
    Policy,
    Progress,
    ProgressNotFound,
    ProgressRepository,
    QuizAttempt,
    TooManyChapters,
    TooManyQuizzes,
    TutorialPage,
)
from tests.conftest import new_name, with_scheme
from tests.events import NOON

DONE = Chapter(chapter_id="one", watch_time=60, completed=True, total_chapters=1)
ATTEMPT = QuizAttempt(quiz_id="final", score=8, max_score=10, passed=True)


def event(record: Any, number: int = 0, **fields: Any) -> Event:
    """An event of this minute."""
    given = {"id": f"{number}", "tutorial_id": "intro", "at": NOON + timedelta(minutes=number)}
    return Event(**{**given, **fields}, record=record)


ALL = [event(Completion("Ada"), 3), event(DONE, 1), event(ATTEMPT, 2)]


@pytest.fixture(scope="module", params=["postgresql+psycopg2", "postgresql+psycopg"])
def engine(request: pytest.FixtureRequest, shared_database: str) -> Iterator[Engine]:
    """A host's engine, of either driver."""
    engine = create_engine(with_scheme(shared_database, request.param))
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A host's session."""
    with Session(engine) as session:
        yield session


@pytest.fixture(params=["engine", "session"])
def repository(request: pytest.FixtureRequest, engine: Engine, session: Session) -> Any:
    """On each thing that a host may give."""
    return ProgressRepository(engine if request.param == "engine" else session)


def test_events_are_recorded_and_listed(repository: ProgressRepository) -> None:
    ada = new_name()

    results, (progress,) = repository.record_events(ada, ALL)

    assert results == tuple(EventResult(one, None) for one in ALL)
    assert progress == repository.get(ada, "intro")
    assert (progress.certificate_earned, progress.last_watched_at) == (True, ALL[0].at)
    assert progress.certificate
    assert progress.certificate.holder_name == "Ada"
    (item,), following = repository.list(ada, status="completed")
    assert item.last_chapter == LastChapter("one", 60, completed=True)
    assert (item.last_watched_at, item.completion_percentage, following) == (ALL[0].at, 100, None)


def test_sent_again_they_change_nothing(repository: ProgressRepository) -> None:
    ada = new_name()

    assert repository.record_events(ada, ALL) == repository.record_events(ada, ALL)
    assert repository.get(ada, "intro").quiz_scores[0].attempts == 1


def test_no_events_record_nothing(repository: ProgressRepository) -> None:
    ada = new_name()

    assert repository.record_events(ada, []) == ((), ())
    assert repository.list(ada) == TutorialPage((), None)


def test_an_event_may_be_in_any_time_zone(repository: ProgressRepository) -> None:
    at = datetime(2026, 1, 5, 14, tzinfo=timezone(timedelta(hours=2)))

    _, (progress,) = repository.record_events(new_name(), [event(DONE, at=at)])

    assert progress.last_watched_at == NOON
    assert progress.last_watched_at.tzinfo is UTC


@pytest.mark.parametrize(("year", "hours"), [(1, 5), (9999, -24)])
def test_a_time_beyond_the_years_of_utc_counts_as_the_nearest(
    repository: ProgressRepository, year: int, hours: int
) -> None:
    zone = timezone(timedelta(hours=hours, minutes=1))
    at = datetime(year, 1, 1, tzinfo=zone) if year == 1 else datetime(year, 12, 31, 23, tzinfo=zone)
    again = Chapter(chapter_id="one", watch_time=60, last_position=30)

    events = [event(DONE, at=at), event(again, 1, at=at), event(Completion(), 2, at=at)]
    results, (progress,) = repository.record_events(new_name(), events)

    assert [error for _, error in results] == [None] * 3
    assert progress.chapter_progress[0].last_position == 30


def test_what_is_refused_has_its_error_and_stops_no_other(session: Session) -> None:
    ada = new_name()
    policy = Policy(max_chapters=1, max_quizzes=1)
    another = Chapter(chapter_id="two", watch_time=1, total_chapters=9)
    quiz = QuizAttempt(quiz_id="another", score=1, max_score=1, passed=False)
    sent = [DONE, another, ATTEMPT, quiz, Completion()]
    events = [event(record, number) for number, record in enumerate(sent)]
    events.append(event(Completion(), 9, tutorial_id="other"))

    results, (progress,) = ProgressRepository(session, policy=policy).record_events(ada, events)

    errors = [type(error) for _, error in results if error]
    assert errors == [TooManyChapters, TooManyQuizzes, ProgressNotFound]
    assert (progress.total_chapters, progress.certificate_earned) == (1, True)


def test_a_wish_that_is_too_early_says_how_far_the_learner_is(
    repository: ProgressRepository,
) -> None:
    half = Chapter(chapter_id="one", watch_time=1, completed=True, total_chapters=2)

    results, _ = repository.record_events(new_name(), [event(Completion()), event(half, 1)])

    assert isinstance(results[0].error, NotEligible)
    assert "50 percent" in str(results[0].error.detail)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"id": ""}, "id"),
        ({"id": "x" * 256}, "id"),
        ({"tutorial_id": "a\0"}, "tutorial_id"),
        ({"at": datetime(2026, 1, 5)}, "at"),  # noqa: DTZ001 - without a time zone
        ({"at": "2026-01-05T12:00:00Z"}, "at"),
        ({"at": None}, "at"),
    ],
)
def test_an_invalid_event_cannot_be_made(fields: Any, named: str) -> None:
    with pytest.raises(InvalidFields, match=named):
        event(DONE, **fields)


@pytest.mark.parametrize(
    "arguments", [{"status": "x"}, {"limit": 0}, {"limit": 101}, {"limit": True}, {"cursor": "x"}]
)
def test_invalid_arguments_of_the_list_are_named(
    repository: ProgressRepository, arguments: Any
) -> None:
    with pytest.raises(InvalidFields, match=next(iter(arguments))):
        repository.list("ada", **arguments)
    with pytest.raises(InvalidFields, match="user_id"):
        repository.list("")
    with pytest.raises(InvalidFields, match="user_id"):
        repository.record_events("", ALL)


def test_pages_follow_each_other(repository: ProgressRepository) -> None:
    ada = new_name()
    repository.record_events(ada, [event(DONE, n, tutorial_id=f"t{n}") for n in range(5)])

    found: list[str] = []
    cursor = None
    while not found or cursor:
        items, cursor = repository.list(ada, limit=2, cursor=cursor)
        found += [item.tutorial_id for item in items]

    assert found == ["t4", "t3", "t2", "t1", "t0"]


def test_on_a_session_events_are_committed_with_it(session: Session, engine: Engine) -> None:
    ada, outside = new_name(), ProgressRepository(engine)
    own = ProgressRepository(session)
    own.record_events(ada, ALL)

    assert own.list(ada).items
    assert outside.list(ada).items == ()
    session.commit()
    assert outside.list(ada) == own.list(ada)


def test_on_a_session_events_are_rolled_back_with_it(session: Session, engine: Engine) -> None:
    ada, own = new_name(), ProgressRepository(session)
    own.record_events(ada, [event(DONE)])
    with session.begin_nested() as savepoint:
        own.record_events(ada, [event(DONE, 1, tutorial_id="other")])
        savepoint.rollback()

    assert [item.tutorial_id for item in own.list(ada).items] == ["intro"]
    session.rollback()
    assert ProgressRepository(engine).list(ada).items == ()


def test_the_hook_is_called_once_after_the_commit_that_earns(
    session: Session, engine: Engine
) -> None:
    earned: list[Progress] = []
    ada, bob = new_name(), new_name()
    own = ProgressRepository(session, on_certificate_earned=earned.append)
    # when
    own.record_events(ada, ALL)
    session.rollback()
    assert earned == []
    own.record_events(ada, ALL)
    own.record_events(ada, ALL)
    assert earned == []
    session.commit()
    # then
    assert [one.user_id for one in earned] == [ada]
    # ... and on an engine it is called at once.
    ProgressRepository(engine, on_certificate_earned=earned.append).record_events(bob, ALL)
    assert [one.user_id for one in earned] == [ada, bob]
    assert earned[1].certificate
