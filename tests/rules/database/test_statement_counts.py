"""A write is at most four statements in one transaction, a GET one SELECT, whatever there is."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import Engine, NullPool, create_engine, make_url, text

from embedded.postgres import Postgres
from tests import events
from tests.client import Answer, Learner
from tests.conftest import MakeLearner, new_database
from tests.events import chapter
from tests.rules.conftest import MakeService, recorded

Act = Callable[[Learner], Answer]

TRANSACTION = ("BEGIN", "COMMIT", "ROLLBACK")
# The server may drop the counts of a PREPARE, but not those of an execution.
CALLS = text(
    "SELECT query, calls FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid"
    " WHERE d.datname = :name AND toplevel AND query NOT LIKE 'PREPARE %; %'"
)
FILL = text(
    "INSERT INTO chapter_progress (progress_id, chapter_id, watch_time, completed)"
    " SELECT id, 'many-' || n, 1, true FROM tutorial_progress, generate_series(1, :most) n"
    " WHERE user_id = :user"
)
FILL_QUIZZES = text(
    "INSERT INTO quiz_scores (progress_id, quiz_id, score, max_score, passed)"
    " SELECT id, 'many-' || n, 1, 1, true FROM tutorial_progress, generate_series(1, :most) n"
    " WHERE user_id = :user"
)

WRITES: dict[str, Act] = {
    "a new chapter": lambda learner: learner.watch("new", totalChapters=5),
    "a known chapter": lambda learner: learner.watch("known", 90, completed=True),
    "a new quiz": lambda learner: learner.answer_quiz("new"),
    "a known quiz": lambda learner: learner.answer_quiz("known"),
    "a quiz with keys": lambda learner: learner.answer_quiz(
        "known", completedAt="now", headers={"Idempotency-Key": "b"}
    ),
    "a repeat": lambda learner: learner.answer_quiz("known", headers={"Idempotency-Key": "a"}),
    "complete": lambda learner: learner.complete(),
    "reset": lambda learner: learner.reset(),
}


class Statements:
    """Counts what reaches one database, from another one."""

    def __init__(self, watch_from: Engine, name: str) -> None:
        self._engine, self._name = watch_from, name

    def forget(self) -> None:
        with self._engine.begin() as connection:
            connection.execute(text("SELECT pg_stat_statements_reset()"))

    def seen(self) -> list[str]:
        with self._engine.begin() as connection:
            rows = connection.execute(CALLS, {"name": self._name}).all()
        return [query for query, calls in rows for _ in range(calls)]


@pytest.fixture
def own_engine(own_database: str) -> Engine:
    """To write with SQL what would take a thousand requests, and look at what was written."""
    return create_engine(own_database, poolclass=NullPool)


@pytest.fixture(scope="session")
def statements(postgres: Postgres, own_database: str) -> Iterator[Statements]:
    """What reaches the database of these tests."""
    watch_from = create_engine(new_database(postgres, None))
    with watch_from.begin() as connection:
        connection.execute(text("CREATE EXTENSION pg_stat_statements"))
    yield Statements(watch_from, str(make_url(own_database).database))
    watch_from.dispose()


def filled(learner: Learner, engine: Engine, most: int) -> Learner:
    """Give a learner so many chapters and quizzes, with connections that have seen it all."""
    for act in (*WRITES.values(), Learner.get):
        act(learner)
    learner.watch("known")
    learner.answer_quiz("known", headers={"Idempotency-Key": "a"})
    with engine.begin() as connection:
        for fill in (FILL, FILL_QUIZZES):
            connection.execute(fill, {"user": learner.name, "most": most - 1})
    return learner


@pytest.fixture
def busy(
    make_learner: MakeLearner, make_service: MakeService, own_database: str, own_engine: Engine
) -> Learner:
    """A learner with a thousand chapters and quizzes but for a few."""
    return filled(make_learner(make_service(own_database, web_threads=1)), own_engine, 991)


@pytest.fixture
def full(
    make_learner: MakeLearner, make_service: MakeService, own_database: str, own_engine: Engine
) -> Learner:
    """A learner with a thousand chapters and quizzes."""
    return filled(make_learner(make_service(own_database, web_threads=1)), own_engine, 1000)


def test_a_write_is_at_most_four_statements_in_one_transaction(
    busy: Learner, statements: Statements
) -> None:
    assert len(busy.progress()["chapterProgress"]) == 991

    for name, act in WRITES.items():
        statements.forget()
        assert act(busy).status == 200, name
        seen = statements.seen()
        work = [query for query in seen if not query.startswith(TRANSACTION)]
        assert 1 <= len(work) <= 4, (name, seen)
        assert len(seen) - len(work) in {0, 2}, (name, seen)


def test_a_get_is_one_select_and_nothing_else(busy: Learner, statements: Statements) -> None:
    for there_is in (990, 0):
        statements.forget()
        assert len(busy.progress()["chapterProgress"]) >= there_is
        (only,) = statements.seen()
        assert "SELECT" in only
        assert not any(word in only for word in ("INSERT", "UPDATE", "DELETE")), only
        busy.reset()


def test_a_list_is_one_select_and_nothing_else(busy: Learner, statements: Statements) -> None:
    for query in ("", "?limit=1&status=completed"):
        statements.forget()
        assert busy.tutorials(query).status == 200
        (only,) = statements.seen()
        assert only.startswith(("SELECT", "PREPARE", "EXECUTE"))
        assert not any(word in only for word in ("INSERT", "UPDATE", "DELETE")), only


def test_the_events_of_a_tutorial_are_one_transaction_with_one_count(
    busy: Learner, statements: Statements
) -> None:
    sent = [chapter(n, of=of, chapter=f"{n}") for of in ("intro", "other") for n in range(4)]
    events.recorded(busy.post_events(*sent))

    statements.forget()
    events.recorded(busy.post_events(*sent))

    # The row is taken, four chapters are recorded, and all is counted, for each tutorial.
    work = [query for query in statements.seen() if not query.startswith(TRANSACTION)]
    assert len(work) == 2 * (1 + 4 + 1), work


def test_a_refused_request_is_at_most_four_statements_too(
    full: Learner, statements: Statements
) -> None:
    nobody = replace(full, name="nobody")
    not_eligible = replace(full, name="not eligible")
    not_eligible.watch()
    refused: dict[Callable[[], Answer], int] = {
        nobody.complete: 404,
        not_eligible.complete: 400,
        partial(full.watch, "one more"): 400,
        partial(full.answer_quiz, "one more"): 400,
    }

    for act, status in refused.items():
        statements.forget()
        assert act().status == status
        work = [query for query in statements.seen() if not query.startswith(TRANSACTION)]
        assert 1 <= len(work) <= 4, work


XMINS = text(
    "WITH ours AS (SELECT id FROM tutorial_progress WHERE user_id = :user),"
    " quiz AS (SELECT id, xmin FROM quiz_scores"
    " WHERE quiz_id = 'new' AND progress_id IN (TABLE ours))"
    " SELECT xmin::text FROM tutorial_progress WHERE id IN (TABLE ours)"
    " UNION ALL SELECT xmin::text FROM chapter_progress"
    " WHERE chapter_id = 'new' AND progress_id IN (TABLE ours)"
    " UNION ALL SELECT xmin::text FROM quiz"
    " UNION ALL SELECT xmin::text FROM quiz_attempt_keys"
    " WHERE quiz_score_id IN (SELECT id FROM quiz)"
)


def test_all_rows_of_a_write_are_of_one_transaction(
    learner: Learner, shared_engine: Engine
) -> None:
    def xmins() -> list[str]:
        with shared_engine.connect() as connection:
            return list(connection.execute(XMINS, {"user": learner.name}).scalars())

    for _ in range(2):
        recorded(learner.watch("new"))
        assert len(xmins()) == 2
        assert len(set(xmins())) == 1

    learner.reset()
    recorded(learner.answer_quiz("new"))
    recorded(learner.answer_quiz("new", headers={"Idempotency-Key": "a"}))
    assert len(xmins()) == 3
    assert len(set(xmins())) == 1
