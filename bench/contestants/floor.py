"""The floor: the service's prepared statements in a bare loop, as fast as PostgreSQL can be."""

import random
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from typing import Any

import psycopg2

from bench.testbed import Population
from progress_api import Chapter, Policy
from progress_api.progress.batches import of_chapter
from progress_api.progress.statements import GET_STORED, RECORD_CHAPTER

_PROCESSES = 8
_BATCHES = {"get": GET_STORED, "chapter": RECORD_CHAPTER}


def floor(database_url: str, kind: str, population: Population, seconds: float) -> float:
    """Return how many batches per second a few processes execute without pause.

    Args:
        database_url: of a database that holds the population.
        kind: `get` or `chapter`.
        population: what the database holds.
        seconds: how long.
    """
    with ProcessPoolExecutor(_PROCESSES, get_context("fork")) as pool:
        arguments = (database_url, kind, population, seconds)
        loops = [pool.submit(_loop, *arguments) for _ in range(_PROCESSES)]
        return sum(loop.result() for loop in loops)


def _loop(database_url: str, kind: str, population: Population, seconds: float) -> float:
    prepared = [statement.prepared(None) for statement in _BATCHES[kind].statements]
    execution, count = "; ".join(statement.execution for statement in prepared), 0
    with closing(psycopg2.connect(database_url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in prepared:
                cursor.execute(statement.preparation)
            started = time.monotonic()
            for values in _arguments(population):
                names = [name for statement in prepared for name in statement.parameters]
                cursor.execute(execution, [values[name] for name in names])
                cursor.fetchone()
                count += 1
                if (elapsed := time.monotonic() - started) >= seconds:
                    return count / elapsed
    return 0


def _arguments(population: Population) -> Iterator[dict[str, Any]]:
    chance = random.Random()  # noqa: S311 - not for secrets
    while True:
        watched = chance.randrange(600)
        yield {
            "of_user": f"user-{chance.randrange(population.learners)}",
            "of_tutorial": f"tutorial-{chance.randrange(population.tutorials) + 1}",
            **of_chapter(
                Chapter(
                    chapter_id=f"chapter-{chance.randrange(population.chapters) + 1}",
                    watch_time=watched,
                    completed=chance.random() < 0.5,
                    total_chapters=population.chapters,
                ),
                Policy(),
            ),
        }
