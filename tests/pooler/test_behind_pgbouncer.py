"""Behind PgBouncer in transaction mode each transaction may be on another connection."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest

from tests.client import Answer, InProcess, Learner
from tests.conftest import new_name
from tests.pooler.conftest import WAYS, MakeService, StartPooler
from tests.pooler.pgbouncer import PgBouncer
from tests.serving.service import until

Rows = list[tuple[Any, ...]]


def test_every_endpoint_answers_as_without_a_pooler(make_service: MakeService) -> None:
    app = make_service()
    learner = Learner(InProcess(app), new_name())

    learner.complete_chapters(2, of=2)
    learner.watch("chapter-0", 90)
    for _ in range(2):
        learner.answer_quiz(headers={"Idempotency-Key": "1"})
    earned = learner.complete().body

    assert learner.progress() == earned
    assert (earned["completionPercentage"], earned["certificateEarned"]) == (100, True)
    assert (earned["totalWatchTime"], earned["quizScores"][0]["attempts"]) == (150, 1)
    age = datetime.now(UTC) - datetime.fromisoformat(earned["lastWatchedAt"])
    assert abs(age) < timedelta(minutes=1)
    assert learner.reset().status == 200
    assert learner.complete().status == 404
    assert learner.progress()["chapterProgress"] == []
    assert app.name == "host" or app.test_client().get("/readyz").status_code == 200


def test_no_process_executes_what_another_one_prepared(
    make_service: MakeService, pooler: PgBouncer
) -> None:
    # given two processes, as far as the pooler can tell, and something recorded
    one, other = (InProcess(make_service()) for _ in range(2))
    ada = Learner(one, new_name())
    ada.watch(seconds=60)
    # when one reads on a connection, the other deletes on another, and they meet there
    for _ in range(8):
        ada.get()
    with _lent(pooler):
        for _ in range(8):
            assert Learner(other, new_name()).reset().status == 200
        read = [ada.progress()["totalWatchTime"] for _ in range(8)]
    # then
    assert read == [60] * 8
    assert Learner(other, ada.name).progress()["totalWatchTime"] == 60


def test_sixteen_writers_at_once_lose_nothing(make_service: MakeService) -> None:
    apps = [InProcess(make_service()) for _ in range(2)]
    name = new_name()

    def write(number: int) -> list[Answer]:
        learner = Learner(apps[number % 2], name)
        return [
            answer
            for turn in range(3)
            for answer in (
                learner.watch(f"chapter-{number}-{turn}", 10, completed=True, totalChapters=48),
                learner.answer_quiz(f"quiz-{number % 4}"),
            )
        ]

    with ThreadPoolExecutor(16) as pool:
        answers = [answer for written in pool.map(write, range(16)) for answer in written]

    assert {answer.status for answer in answers} == {200}
    progress = Learner(apps[0], name).complete().body
    assert (progress["chaptersCompleted"], progress["totalWatchTime"]) == (48, 480)
    assert [quiz["attempts"] for quiz in progress["quizScores"]] == [12] * 4
    assert progress["certificateEarned"] is True


def test_nothing_is_left_on_a_connection_of_the_pooler(
    make_service: MakeService, start_pooler: StartPooler
) -> None:
    pooler = start_pooler(1)
    learner = Learner(InProcess(make_service(pooler)), new_name())

    for _ in range(8):
        learner.complete_chapters(1, of=1)
        learner.answer_quiz()
        learner.complete()
        learner.get()
        learner.reset()

    assert _session_settings(pooler) == []
    assert _ask(pooler, "SELECT name FROM pg_prepared_statements") == []
    assert _ask(pooler, "SELECT pid FROM pg_locks WHERE locktype = 'advisory'") == []


@pytest.mark.parametrize("way", [way for way in WAYS.values() if not way.hosted], indirect=True)
def test_no_connection_goes_on_waiting_for_a_lock_after_its_request_was_refused(
    make_service: MakeService, pooler: PgBouncer, pooled: str
) -> None:
    ada, bob, carol = (Learner(InProcess(make_service()), new_name()) for _ in range(3))
    requests = (ada.get, bob.watch, carol.reset)

    with (
        closing(psycopg2.connect(pooled)) as holder,
        holder.cursor() as cursor,
        ThreadPoolExecutor(len(requests)) as pool,
    ):
        cursor.execute("LOCK TABLE tutorial_progress IN ACCESS EXCLUSIVE MODE")
        refused = [one.result() for one in [pool.submit(request) for request in requests]]
        until(lambda: not _waiting(pooler), 5)

    assert {answer.status for answer in refused} == {503}
    assert ada.get().status == 200


@contextmanager
def _lent(pooler: PgBouncer) -> Iterator[None]:
    """While the connection that the pooler would lend next is lent to somebody else."""
    with closing(psycopg2.connect(pooler.url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        yield


def _ask(pooler: PgBouncer, query: str) -> Rows:
    with closing(psycopg2.connect(pooler.url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True  # PgBouncer closes what is left in a transaction
        cursor.execute(query)
        return cursor.fetchall()


def _session_settings(pooler: PgBouncer) -> Rows:
    """What is set on a connection, but for what PgBouncer itself sets for each client."""
    found = _ask(pooler, "SELECT name, setting FROM pg_settings WHERE source = 'session'")
    return [row for row in found if row[0] not in {"application_name", "client_encoding"}]


def _waiting(pooler: PgBouncer) -> Rows:
    return _ask(pooler, "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
