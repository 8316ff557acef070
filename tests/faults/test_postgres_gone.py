"""PostgreSQL goes away and comes back: 503, and then as before."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.client import Answer, Learner
from tests.faults.conftest import Site
from tests.serving.service import Wire

FIVE: list[Callable[[Learner], Answer]] = [
    Learner.get,
    Learner.watch,
    Learner.answer_quiz,
    Learner.complete,
    Learner.reset,
]


def test_while_postgres_is_gone_every_endpoint_says_that_it_will_be_back(site: Site) -> None:
    site.fill_pools()

    with _gone(site):
        for ask in FIVE * 2:
            began = time.monotonic()
            answer = ask(site.service.learner(headers={"Origin": "https://app.example"}))

            assert answer.status == 503
            assert time.monotonic() - began < 5
            assert int(answer.headers["Retry-After"]) >= 1
            assert list(answer.body) == ["error", "detail", "requestId"]
            assert "try again" in answer.body["detail"]
            assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"


def test_while_postgres_is_gone_the_process_is_healthy_and_not_ready(site: Site) -> None:
    with _gone(site):
        healthy = Wire(site.service).send("GET", "/healthz")
        ready = Wire(site.service).send("GET", "/readyz")

    assert healthy.status == 200
    assert ready.status == 503
    assert int(ready.headers["Retry-After"]) >= 1


def test_who_has_no_token_is_still_refused_while_postgres_is_gone(site: Site) -> None:
    stranger = site.service.learner(headers={"Authorization": "Bearer x"})

    with _gone(site):
        assert stranger.get().status == 401


def test_the_first_request_after_postgres_is_back_succeeds_on_every_connection(
    site: Site,
) -> None:
    site.fill_pools()

    with _gone(site):
        pass

    assert _many(site) == {200}


def test_an_answer_of_503_does_not_spoil_the_requests_after_it(site: Site) -> None:
    site.fill_pools()

    with _gone(site):
        assert _many(site) == {503}

    assert _many(site) == {200}


def test_what_was_answered_with_success_is_there_after_a_crash(site: Site) -> None:
    learner = site.service.learner()
    answer = learner.watch("chapter", 77, completed=True, totalChapters=1)

    with _gone(site):
        pass

    assert answer.status == 200
    assert learner.progress() == answer.body


def test_connections_that_were_ended_between_requests_are_never_noticed(site: Site) -> None:
    site.fill_pools()

    site.end_connections()

    assert _many(site) == {200}


def test_postgres_that_hangs_leaves_the_process_healthy(site: Site) -> None:
    site.postgres.pause()
    with ThreadPoolExecutor(1) as pool:
        try:
            waiting = pool.submit(site.service.learner().get)
            healthy = Wire(site.service).send("GET", "/healthz")
        finally:
            site.postgres.resume()

    assert healthy.status == 200
    assert waiting.result().status in {200, 503}


@pytest.mark.parametrize("ask", FIVE)
def test_tables_that_are_not_there_are_an_answer_in_json(
    site: Site, ask: Callable[[Learner], Answer]
) -> None:
    site.fill_pools()
    site.sql("ALTER SCHEMA public RENAME TO elsewhere")
    try:
        answers = [ask(site.service.learner()) for _ in range(4)]
        ready = Wire(site.service).send("GET", "/readyz")
    finally:
        site.sql("ALTER SCHEMA elsewhere RENAME TO public")

    assert {answer.status for answer in answers} == {503}
    assert "relation" not in str(answers[0].body)
    assert ready.status == 503
    assert _many(site) == {200}


@contextmanager
def _gone(site: Site) -> Iterator[None]:
    """Without PostgreSQL, which is killed as by a power cut and started again."""
    site.postgres.kill()
    try:
        yield
    finally:
        site.postgres.start()


def _many(site: Site) -> set[int]:
    """The statuses of requests that reach each connection of each worker."""
    learners = [site.service.learner() for _ in range(24)]
    with ThreadPoolExecutor(8) as pool:
        posted = list(pool.map(Learner.watch, learners))
        read = list(pool.map(Learner.get, learners))
    return {answer.status for answer in (*posted, *read)}
