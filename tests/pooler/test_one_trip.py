"""A service that is set up for connections of its own, behind a pooler that lends them."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg2
import pytest

from tests.client import Answer, Learner
from tests.conftest import with_scheme
from tests.pooler.conftest import StartPooler
from tests.serving.service import Service, until

NEEDED = "DATABASE_ONE_TRIP=false"


@pytest.fixture(scope="module")
def mixed_up(
    start_pooler: StartPooler, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service of two processes that sends writes in one trip."""
    address = with_scheme(start_pooler(2).url, "postgresql+psycopg2")
    settings = {"DATABASE_URL": address, "RATELIMIT_ENABLED": "false"}
    with Service(tmp_path_factory.mktemp("service"), **settings) as service:
        yield service


def test_it_answers_a_request_or_says_which_setting_is_needed(mixed_up: Service) -> None:
    learners = [mixed_up.learner() for _ in range(60)]

    with ThreadPoolExecutor(8) as pool:
        answers = [answer for sent in pool.map(_everything, learners) for answer in sent]

    counted = Counter(answer.status for answer in answers)
    assert counted.keys() <= {200, 400, 404, 503}, counted
    refused = [answer for answer in answers if answer.status == 503]
    assert refused
    assert {NEEDED in answer.body["detail"] for answer in refused} == {True}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)


def test_what_it_acknowledges_is_recorded_and_what_it_refuses_is_not(
    mixed_up: Service, pooled: str
) -> None:
    learners = [mixed_up.learner() for _ in range(40)]

    with ThreadPoolExecutor(8) as pool:
        statuses = [answer.status for answer in pool.map(Learner.watch, learners)]

    assert set(statuses) <= {200, 503}
    answered = zip(learners, statuses, strict=True)
    acknowledged = {learner.name for learner, status in answered if status == 200}
    with closing(psycopg2.connect(pooled)) as connection, connection.cursor() as cursor:
        names = [one.name for one in learners]
        cursor.execute("SELECT user_id FROM tutorial_progress WHERE user_id = ANY(%s)", [names])
        assert {name for (name,) in cursor} == acknowledged


def test_an_operator_finds_the_setting_in_the_log(mixed_up: Service) -> None:
    learner = mixed_up.learner()
    until(lambda: learner.watch().status == 503)

    errors = [line for line in mixed_up.lines() if line["level"] == "ERROR"]

    assert errors
    assert all(NEEDED in line["message"] for line in errors)


def _everything(learner: Learner) -> list[Answer]:
    return [
        learner.watch(),
        learner.answer_quiz(),
        learner.complete(),
        learner.get(),
        learner.reset(),
    ]
