"""PostgreSQL is there, and a request cannot be served or its plans are out of date."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import psycopg2

from tests.client import Answer, Learner
from tests.faults.conftest import TIMEOUT_SECONDS, Site
from tests.serving.service import until


def test_a_lock_that_another_holds_is_503_in_time_and_spoils_nothing(site: Site) -> None:
    learner, other = site.service.learner(), site.service.learner()
    learner.watch("first", 10)

    with closing(psycopg2.connect(site.operator)) as holder, holder.cursor() as cursor:
        cursor.execute(
            "SELECT FROM tutorial_progress WHERE user_id = %s FOR UPDATE", [learner.name]
        )
        began = time.monotonic()
        refused = learner.watch("second", 20)
        took = time.monotonic() - began
        read, others = learner.get(), other.watch()

    assert _says_try_again(refused)
    assert took < TIMEOUT_SECONDS + 5
    assert (read.status, others.status) == (200, 200)
    assert learner.watch("third", 30).body["totalWatchTime"] == 40


def test_many_that_wait_for_one_lock_are_all_answered_and_the_rest_is_served(
    site: Site,
) -> None:
    learner = site.service.learner()
    learner.watch()

    with closing(psycopg2.connect(site.operator)) as holder, holder.cursor() as cursor:
        cursor.execute(
            "SELECT FROM tutorial_progress WHERE user_id = %s FOR UPDATE", [learner.name]
        )
        with ThreadPoolExecutor(20) as pool:
            waiting = [pool.submit(learner.watch) for _ in range(20)]
            until(lambda: _connections_in_use(site) > 0)
            answers = [one.result() for one in waiting]

    assert all(_says_try_again(answer) for answer in answers)
    assert learner.watch().status == 200
    until(lambda: _connections_in_use(site) == 0)


def test_a_statement_that_takes_too_long_is_503_in_time_and_writes_nothing(
    site: Site,
) -> None:
    learner = site.service.learner()
    site.sql(
        "CREATE FUNCTION public.slowly() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN PERFORM pg_sleep(20) WHERE NEW.chapter_id = 'slow'; RETURN NEW; END$$"
    )
    site.sql(
        "CREATE TRIGGER slowly BEFORE INSERT ON public.chapter_progress "
        "FOR EACH ROW EXECUTE FUNCTION public.slowly()"
    )
    try:
        began = time.monotonic()
        refused = learner.watch("slow")
        took = time.monotonic() - began
    finally:
        site.sql("DROP FUNCTION public.slowly CASCADE")

    assert _says_try_again(refused)
    assert took < TIMEOUT_SECONDS + 5
    assert learner.progress()["chapterProgress"] == []
    assert learner.watch("slow").status == 200


def test_a_database_that_only_reads_is_503_for_writes_and_serves_again_by_itself(
    site: Site,
) -> None:
    site.fill_pools()
    with _setting(site, "default_transaction_read_only", "on"):
        refused = [site.service.learner().watch() for _ in range(10)]
        read = site.service.learner().get()

    assert all(_says_try_again(answer) for answer in refused)
    assert read.status == 200
    assert _served(site) == {200}


def test_connections_that_only_read_are_given_up_when_the_database_writes_again(
    site: Site,
) -> None:
    site.sql("ALTER DATABASE site SET default_transaction_read_only = on")
    try:
        site.end_connections()
        learners = [site.service.learner() for _ in range(24)]
        with ThreadPoolExecutor(8) as pool:
            read = [answer.status for answer in pool.map(Learner.get, learners)]
        refused = learners[0].watch()
    finally:
        site.sql("ALTER DATABASE site RESET default_transaction_read_only")

    assert set(read) == {200}
    assert _says_try_again(refused)
    assert _served(site) == {200}


def test_a_limit_of_connections_that_is_reached_is_503_until_there_is_room(
    site: Site,
) -> None:
    site.fill_pools()
    site.sql("ALTER ROLE service CONNECTION LIMIT 0")
    try:
        site.end_connections()
        refused = [site.service.learner().watch() for _ in range(10)]
    finally:
        site.sql("ALTER ROLE service CONNECTION LIMIT -1")

    assert all(_says_try_again(answer) for answer in refused)
    assert _served(site) == {200}


def test_plans_that_a_new_column_type_outdates_are_never_noticed(site: Site) -> None:
    site.fill_pools()
    try:
        site.sql("ALTER TABLE tutorial_progress ALTER COLUMN total_watch_time TYPE bigint")
        after_change = _served(site)
        site.fill_pools()
    finally:
        site.sql("ALTER TABLE tutorial_progress ALTER COLUMN total_watch_time TYPE integer")

    assert after_change == {200}
    assert _served(site) == {200}


def test_a_column_that_is_added_is_never_noticed(site: Site) -> None:
    site.fill_pools()
    try:
        site.sql("ALTER TABLE tutorial_progress ADD COLUMN note text")
        after_change = _served(site)
    finally:
        site.sql("ALTER TABLE tutorial_progress DROP COLUMN note")

    assert after_change == {200}
    assert _served(site) == {200}


def test_a_statement_that_the_server_does_not_support_is_500_and_its_reason_is_logged(
    site: Site,
) -> None:
    """spec 7.5."""
    site.sql(
        "CREATE FUNCTION public.unsupported() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE 'cannot push this down' USING ERRCODE = '0A000'; END$$"
    )
    site.sql(
        "CREATE TRIGGER unsupported BEFORE INSERT ON public.chapter_progress "
        "FOR EACH ROW EXECUTE FUNCTION public.unsupported()"
    )
    try:
        refused = site.service.learner().watch()
    finally:
        site.sql("DROP FUNCTION public.unsupported CASCADE")

    assert refused.status == 500
    assert "Retry-After" not in refused.headers
    (line,) = [
        line for line in site.service.lines() if "cannot push this down" in str(line.get("message"))
    ]
    assert line["requestId"] == refused.body["requestId"]
    assert site.service.learner().watch().status == 200


def test_no_failure_of_postgres_leaves_a_learner_or_sql_in_the_log(site: Site) -> None:
    learner = site.service.learner(tutorial="tutorial-of-mine")
    learner.watch()

    with closing(psycopg2.connect(site.operator)) as holder, holder.cursor() as cursor:
        cursor.execute(
            "SELECT FROM tutorial_progress WHERE user_id = %s FOR UPDATE", [learner.name]
        )
        assert learner.watch().status == 503

    text = site.service.log.read_text()
    assert learner.name not in text
    assert "tutorial-of-mine" not in text
    assert "EXECUTE" not in text
    assert all(isinstance(line, dict) for line in site.service.lines())


def _says_try_again(answer: Answer) -> bool:
    return answer.status == 503 and int(answer.headers["Retry-After"]) >= 1


def _served(site: Site) -> set[int]:
    """The statuses of requests that reach each connection of each worker."""
    learners = [site.service.learner() for _ in range(24)]
    with ThreadPoolExecutor(8) as pool:
        posted = list(pool.map(Learner.watch, learners))
        read = list(pool.map(Learner.get, learners))
    return {answer.status for answer in (*posted, *read)}


@contextmanager
def _setting(site: Site, name: str, value: str) -> Iterator[None]:
    before = site.postgres.url("site")
    site.sql(f"ALTER SYSTEM SET {name} = '{value}'")
    try:
        _reload(site, before, name, value)
        yield
    finally:
        site.sql(f"ALTER SYSTEM RESET {name}")
        _reload(site, before, name, "off")


def _reload(site: Site, address: str, name: str, value: str) -> None:
    site.sql("SELECT pg_reload_conf()")

    def is_set() -> bool:
        with closing(psycopg2.connect(address)) as connection, connection.cursor() as cursor:
            cursor.execute(f"SHOW {name}")
            return cursor.fetchone() == (value,)

    until(is_set)


def _connections_in_use(site: Site) -> float:
    return site.service.measured()["progress_database_connections_in_use"]
