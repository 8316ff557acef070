"""What a request costs as work grows: rows, chapters, connections, writers, time."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import product
from typing import Any

import psutil
import psycopg2

from bench.contestants import Contestant, floor, service
from bench.ground import Ground, Population, prepared
from bench.load import Load, measure

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
    """10,000 chapter rows, and 10,000,000; who comes is uniform, or few come often."""
    for learners in (200, 200_000):
        with prepared(Population(learners=learners)) as ground, _alone(ground) as one:
            of = {"chapter rows": learners * 50}
            for kind in _KINDS:
                for spread in ("uniform", "zipf"):
                    load = Load(kind=kind, seconds=_SECONDS, learners=spread)
                    yield of | {"learners": spread} | _cost(ground, one, load)
            yield from ({**of, **size} for size in _sizes(ground))


def chapters() -> Rows:
    """Tutorials of 10 chapters, and of 1,000."""
    for number in (10, 1_000):
        people = Population(learners=200, tutorials=1, chapters=number)
        with prepared(people) as ground, _alone(ground) as one:
            for kind in _KINDS:
                load = Load(kind=kind, seconds=_SECONDS)
                yield {"chapters": number} | _cost(ground, one, load)


def shape() -> Rows:
    """Workers, threads of each, connections at once."""
    with prepared(Population()) as ground:
        for workers in (1, 2):
            for threads in (1, 2, 4, 8):
                with _alone(ground, workers=workers, WEB_THREADS=threads) as one:
                    for kind, connections in product(_KINDS, (16, 64, 256)):
                        load = Load(kind=kind, seconds=_SECONDS, connections=connections)
                        of = {"workers": workers, "threads": threads, "connections": connections}
                        yield of | _shared_cost(ground, one, load)


def writers() -> Rows:
    """16 writers at once, each on a learner of its own, and all on one learner's one tutorial."""
    for learners in (16, 1):
        with prepared(Population(learners=learners, tutorials=1)) as ground, _alone(ground) as one:
            load = Load(kind="chapter", seconds=_SECONDS)
            yield {"learners": learners} | _cost(ground, one, load)


def memory() -> Rows:
    """A worker's share of memory while it answers 100,000 requests."""
    with prepared(Population()) as ground, _alone(ground) as one:
        answered = 0
        while answered < _REQUESTS:
            for kind in _KINDS:
                load = Load(kind=kind, seconds=_SECONDS * 2)
                answered += measure(ground, one, load).requests
            yield {"requests": answered, "PSS MB": [_pss(worker) for worker in _workers(one)]}


def bloat(fillfactor: int = 100) -> Rows:
    """1,000,000 posts over the same rows, by the bare loop, with the tables so full."""
    people, posted = Population(learners=200), 0.0
    with prepared(people) as ground:
        for table in _TABLES:
            _ask(ground, f"ALTER TABLE {table} SET (fillfactor = {fillfactor})")
            _ask(ground, f"VACUUM FULL ANALYZE {table}")
        while posted < _POSTS:
            yield from ({"posts": round(posted), **size} for size in _sizes(ground))
            posted += 30 * floor(ground.postgres.url(), "chapter", people, 30)
        yield from ({"posts": round(posted), **size} for size in _sizes(ground))


PIECES: dict[str, Callable[[], Rows]] = {
    piece.__name__: piece for piece in (rows, chapters, shape, writers, memory, bloat)
}


@contextmanager
def _alone(ground: Ground, *, workers: int = 2, **settings: object) -> Iterator[Contestant]:
    settings |= {"DATABASE_URL": ground.postgres.url(), "WEB_CONCURRENCY": workers}
    with service(ground, 0, "service", **settings) as one:
        while len(_workers(one)) < workers:  # the first of them answers already
            time.sleep(0.1)
        yield one


def _cost(ground: Ground, one: Contestant, load: Load) -> dict[str, Any]:
    seen = measure(ground, one, load)
    cost = {"CPU µs": f"{seen.app_cpu:,.0f} + {seen.database_cpu:,.0f}"}
    latency = {"p50 ms": round(seen.p50, 1), "p99 ms": round(seen.p99, 1)}
    return {"kind": load.kind, **cost, "requests/s": round(seen.per_second), **latency}


def _shared_cost(ground: Ground, one: Contestant, load: Load) -> dict[str, Any]:
    """Also tell what each worker had of the work, in percent."""
    before = {worker: sum(worker.cpu_times()[:2]) for worker in _workers(one)}
    cost = _cost(ground, one, load)
    spent = [sum(worker.cpu_times()[:2]) - was for worker, was in before.items()]
    return {**cost, "shares": [round(100 * each / sum(spent)) for each in spent]}


def _workers(one: Contestant) -> list[psutil.Process]:
    return psutil.Process(one.process_id).children()


def _pss(process: psutil.Process) -> float:
    return float(round(process.memory_full_info().pss / 1e6, 1))


def _sizes(ground: Ground) -> Rows:
    for table in _TABLES:
        ((rows, heap, indexes, dead, updates, hot),) = _ask(ground, _SIZE, table)
        yield {
            "table": table,
            "rows": rows,
            "table bytes a row": round(heap / max(rows, 1)),
            "index bytes a row": round(indexes / max(rows, 1)),
            "MB": round((heap + indexes) / 1e6, 1),
            "dead rows": dead,
            "HOT updates": f"{100 * hot / updates:.0f} %" if updates else "",
        }


def _ask(ground: Ground, statement: str, *values: str) -> list[Any]:
    with closing(psycopg2.connect(ground.postgres.url())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []
