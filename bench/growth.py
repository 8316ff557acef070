"""Measure what a request costs as rows, chapters, connections, writers and time grow."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import product
from typing import Any

import psutil
import psycopg2

from bench.contestants import Contestant, floor, service
from bench.load import Load, measure
from bench.reports import reports
from bench.testbed import Population, Testbed, prepared_testbed

Rows = Iterator[dict[str, Any]]
_KINDS = ("chapter", "get")
_SECONDS = 4
_REQUESTS, _POSTS = 100_000, 1_000_000
_SIZE = """
    SELECT reltuples::bigint, pg_table_size(relid), pg_indexes_size(relid), n_dead_tup,
        n_tup_upd, n_tup_hot_upd
    FROM pg_stat_user_tables s JOIN pg_class ON oid = relid WHERE s.relname = %s"""
_TABLES = ("tutorial_progress", "chapter_progress")


def rows() -> Rows:
    """10,000 and 10,000,000 chapter rows; learners are uniform, or few send most requests."""
    for learners in (200, 200_000):
        with (
            prepared_testbed(Population(learners=learners)) as testbed,
            _serving(testbed) as contestant,
        ):
            labels = {"chapter rows": learners * 50}
            for kind in _KINDS:
                for spread in ("uniform", "zipf"):
                    load = Load(kind=kind, seconds=_SECONDS, learners=spread)
                    yield labels | {"learners": spread} | _cost(testbed, contestant, load)
            yield from ({**labels, **size} for size in _sizes(testbed))


def chapters() -> Rows:
    """Tutorials of 10 and of 1,000 chapters."""
    for number in (10, 1_000):
        population = Population(learners=200, tutorials=1, chapters=number)
        with prepared_testbed(population) as testbed, _serving(testbed) as contestant:
            for kind in _KINDS:
                load = Load(kind=kind, seconds=_SECONDS)
                yield {"chapters": number} | _cost(testbed, contestant, load)


def shape() -> Rows:
    """Workers, threads per worker, and open connections."""
    with prepared_testbed(Population()) as testbed:
        for workers in (1, 2):
            for threads in (1, 2, 4, 8):
                with _serving(testbed, workers=workers, WEB_THREADS=threads) as contestant:
                    for kind, connections in product(_KINDS, (16, 64, 256)):
                        load = Load(kind=kind, seconds=_SECONDS, connections=connections)
                        labels = {
                            "workers": workers,
                            "threads": threads,
                            "connections": connections,
                        }
                        yield labels | _shared_cost(testbed, contestant, load)


def writers() -> Rows:
    """16 concurrent writers: each for its own learner, and all for one tutorial of one learner."""
    for learners in (16, 1):
        with (
            prepared_testbed(Population(learners=learners, tutorials=1)) as testbed,
            _serving(testbed) as contestant,
        ):
            load = Load(kind="chapter", seconds=_SECONDS)
            yield {"learners": learners} | _cost(testbed, contestant, load)


def memory() -> Rows:
    """The memory of each worker over 100,000 requests."""
    with prepared_testbed(Population()) as testbed, _serving(testbed) as contestant:
        requests = 0
        while requests < _REQUESTS:
            for kind in _KINDS:
                load = Load(kind=kind, seconds=_SECONDS * 2)
                requests += measure(testbed, contestant, load).requests
            yield {
                "requests": requests,
                "PSS MB": [_pss(worker) for worker in _workers(contestant)],
            }


def bloat(fillfactor: int = 100) -> Rows:
    """1,000,000 posts to the same rows by the floor's loop, with a fillfactor for the tables."""
    population, posted = Population(learners=200), 0.0
    with prepared_testbed(population) as testbed:
        for table in _TABLES:
            _execute(testbed, f"ALTER TABLE {table} SET (fillfactor = {fillfactor})")
            _execute(testbed, f"VACUUM FULL ANALYZE {table}")
        while posted < _POSTS:
            yield from ({"posts": round(posted), **size} for size in _sizes(testbed))
            posted += 30 * floor(testbed.postgres.url(), "chapter", population, 30)
        yield from ({"posts": round(posted), **size} for size in _sizes(testbed))


PIECES: dict[str, Callable[[], Rows]] = {
    piece.__name__: piece for piece in (rows, chapters, shape, writers, memory, bloat, reports)
}


@contextmanager
def _serving(testbed: Testbed, *, workers: int = 2, **settings: object) -> Iterator[Contestant]:
    settings |= {"DATABASE_URL": testbed.postgres.url(), "WEB_CONCURRENCY": workers}
    with service(testbed, "service", **settings) as contestant:
        while len(_workers(contestant)) < workers:  # it is ready as soon as one worker is
            time.sleep(0.1)
        yield contestant


def _cost(testbed: Testbed, contestant: Contestant, load: Load) -> dict[str, Any]:
    sample = measure(testbed, contestant, load)
    cost = {"CPU µs": f"{sample.app_cpu:,.0f} + {sample.database_cpu:,.0f}"}
    latency = {"p50 ms": round(sample.p50, 1), "p99 ms": round(sample.p99, 1)}
    return {"kind": load.kind, **cost, "requests/s": round(sample.per_second), **latency}


def _shared_cost(testbed: Testbed, contestant: Contestant, load: Load) -> dict[str, Any]:
    """Return the cost, and the percentage of the work that each worker did."""
    before = {worker: sum(worker.cpu_times()[:2]) for worker in _workers(contestant)}
    cost = _cost(testbed, contestant, load)
    spent = [sum(worker.cpu_times()[:2]) - start for worker, start in before.items()]
    return {**cost, "shares": [round(100 * seconds / sum(spent)) for seconds in spent]}


def _workers(contestant: Contestant) -> list[psutil.Process]:
    return psutil.Process(contestant.process_id).children()


def _pss(process: psutil.Process) -> float:
    return float(round(process.memory_full_info().pss / 1e6, 1))


def _sizes(testbed: Testbed) -> Rows:
    for table in _TABLES:
        ((rows, heap, indexes, dead, updates, hot),) = _execute(testbed, _SIZE, table)
        yield {
            "table": table,
            "rows": rows,
            "table bytes a row": round(heap / max(rows, 1)),
            "index bytes a row": round(indexes / max(rows, 1)),
            "MB": round((heap + indexes) / 1e6, 1),
            "dead rows": dead,
            "HOT updates": f"{100 * hot / updates:.0f} %" if updates else "",
        }


def _execute(testbed: Testbed, statement: str, *values: str) -> list[Any]:
    with closing(psycopg2.connect(testbed.postgres.url())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []
