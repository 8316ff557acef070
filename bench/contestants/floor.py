"""What PostgreSQL can do at most: a bare loop of the same prepared statements, no service."""

import random
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from typing import Any

import psycopg2

from bench.ground import Population
from progress_api.progress.statements import GET_PROGRESS, RECORD_CHAPTER

_PROCESSES = 8
_UNITS = {"get": GET_PROGRESS, "chapter": RECORD_CHAPTER}


def floor(database_url: str, kind: str, people: Population, seconds: float) -> float:
    """Return how many units a second as many processes as it takes can send, one after the other.

    Args:
        database_url: of a database with the population in it.
        kind: `get` or `chapter`.
        people: whose progress it is.
        seconds: how long.
    """
    with ProcessPoolExecutor(_PROCESSES, get_context("fork")) as pool:
        loops = [pool.submit(_loop, database_url, kind, people, seconds) for _ in range(_PROCESSES)]
        return sum(loop.result() for loop in loops)


def _loop(database_url: str, kind: str, people: Population, seconds: float) -> float:
    prepared, done = _UNITS[kind].prepared(None), 0
    with closing(psycopg2.connect(database_url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in prepared.statements.values():
                cursor.execute(statement)
            started = time.monotonic()
            for values in _asked(people):
                cursor.execute(prepared.execution, values)
                cursor.fetchone()
                done += 1
                if (elapsed := time.monotonic() - started) >= seconds:
                    return done / elapsed
    return 0


def _asked(people: Population) -> Iterator[dict[str, Any]]:
    chance = random.Random()  # noqa: S311 - whose turn it is
    while True:
        watched = chance.randrange(600)
        yield {
            "of_user": f"user-{chance.randrange(people.learners)}",
            "of_tutorial": f"tutorial-{chance.randrange(people.tutorials) + 1}",
            "of_chapter": f"chapter-{chance.randrange(people.chapters) + 1}",
            "watch_time": watched,
            "completed": chance.random() < 0.5,
            "last_position": watched,
            "total_chapters": people.chapters,
            "sticky": False,
            "most": 1000,
        }
