"""A host's engines, on a database that has the tables in several schemas."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, make_url, text

from embedded.postgres import Postgres
from progress_api import Chapter, ProgressAPI
from progress_api.schema.migrate import upgrade
from tests.client import PREFIX, Answer, Learner
from tests.conftest import new_database
from tests.host.conftest import learner_of

DRIVERS = ("postgresql+psycopg2", "postgresql+psycopg")
TENANTS = ("north", "south")
CHAPTER = Chapter(chapter_id="one", watch_time=60, completed=True, total_chapters=1)
Connect = Callable[..., Engine]


@pytest.fixture(scope="package")
def database(postgres: Postgres) -> str:
    """The address of a database with the tables in `public`, and in a schema of each tenant."""
    address = new_database(postgres)
    engine = create_engine(address)
    for tenant in TENANTS:
        upgrade(engine, tenant)
    engine.dispose()
    return address


@pytest.fixture(params=DRIVERS)
def connect(request: pytest.FixtureRequest, database: str) -> Iterator[Connect]:
    """Make a host's engine of either driver; options as `create_engine` takes them."""
    made: list[Engine] = []

    def make(address: str = database, **options: Any) -> Engine:
        url = make_url(address).set(drivername=request.param)
        made.append(create_engine(url, **options))
        return made[-1]

    yield make
    for engine in made:
        engine.dispose()


def mounted(host: Flask, engine: Engine, user: str, **given: Any) -> Learner:
    """A learner of a host that has this engine."""
    ProgressAPI(host, engine=engine, learner=lambda: user, **given)
    return learner_of(host, given.get("url_prefix", PREFIX))


def ask_all(learner: Learner) -> list[Answer]:
    """Ask each endpoint; the learner has watched one chapter and earned the certificate then."""
    return [
        learner.watch("one", completed=True, totalChapters=1),
        learner.answer_quiz(),
        learner.complete(),
        learner.get(),
    ]


def rows_of(engine: Engine, name: str) -> dict[str, int]:
    """How many rows each schema has of a learner, as the database's owner sees it."""
    schemas = ("public", *TENANTS)
    count = "SELECT count(*) FROM {}.tutorial_progress WHERE user_id = :name"
    with engine.connect() as connection:
        counts = [
            connection.scalar(text(count.format(schema)), {"name": name}) for schema in schemas
        ]
    return {schema: rows for schema, rows in zip(schemas, counts, strict=True) if rows}
