"""The rules hold over every way that a unit of statements may travel."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, NullPool, create_engine

from embedded.postgres import Postgres
from tests.client import Answer
from tests.conftest import MakeApp, new_database, with_scheme

MakeService = Callable[..., Flask]


@dataclass(frozen=True)
class Way:
    """How the service's statements travel to PostgreSQL."""

    scheme: str
    one_trip: bool

    def settings(self, url: str) -> dict[str, Any]:
        """What a service is given to travel this way to the database at this address."""
        address = with_scheme(url, self.scheme)
        return {"database_url": address, "database_one_trip": self.one_trip}


WAYS = {
    "one-trip": Way("postgresql+psycopg2", one_trip=True),
    "one-by-one": Way("postgresql+psycopg2", one_trip=False),
    "psycopg-3": Way("postgresql+psycopg", one_trip=True),
}


@pytest.fixture(scope="session", params=list(WAYS.values()), ids=list(WAYS))
def way(request: pytest.FixtureRequest) -> Way:
    """Each way in turn."""
    chosen: Way = request.param
    return chosen


@pytest.fixture(scope="session")
def make_service(make_app: MakeApp, way: Way, shared_database: str) -> MakeService:
    """Make a service that travels this way; settings as in `Settings`, once for each."""
    made: dict[str, Flask] = {}

    def make(database_url: str = shared_database, **settings: Any) -> Flask:
        given = way.settings(database_url) | settings
        if str(given) not in made:
            made[str(given)] = make_app(**given)
        return made[str(given)]

    return make


@pytest.fixture(scope="session")
def service(make_service: MakeService) -> Flask:
    """The contract's settings, travelling this way."""
    return make_service()


@pytest.fixture(scope="session")
def own_database(postgres: Postgres) -> str:
    """The address of a database that nobody writes to but the tests that ask for it."""
    return new_database(postgres)


@pytest.fixture
def shared_engine(shared_database: str) -> Engine:
    """To write with SQL what no request does."""
    return create_engine(shared_database, poolclass=NullPool)


def recorded(answer: Answer) -> Any:
    """The progress object of an answer that has to be one."""
    assert answer.status == 200, answer
    return answer.body


def refused(answer: Answer, status: int, error: str) -> str:
    """The detail of an answer that has to be this refusal."""
    assert (answer.status, answer.body["error"]) == (status, error), answer
    detail: str = answer.body["detail"]
    return detail


def chapter_of(progress: Any, chapter: str) -> Any:
    """One chapter of a progress object, which has to be there once."""
    (found,) = [c for c in progress["chapterProgress"] if c["chapterId"] == chapter]
    return found


def quiz_of(progress: Any, quiz: str = "quiz-1") -> Any:
    """One quiz of a progress object, which has to be there once."""
    (found,) = [q for q in progress["quizScores"] if q["quizId"] == quiz]
    return found
