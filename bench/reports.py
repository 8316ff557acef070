"""Measure what reports cost on large tutorials, and what they cost the learners meanwhile."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any
from urllib.request import Request, urlopen

import jwt
import psutil

from bench.contestants import Contestant, service
from bench.load import Load, measure
from bench.testbed import SECRET, Population, Testbed, prepared_testbed

_TUTORIAL = "/v1/tutorials/progress/tutorial-1"
_CHUNK = 1 << 16
_PAGES, _MEASURED = 200, 20
# As 600 learners who watch send. More would saturate the service, whose times then say nothing.
_POSTS_PER_SECOND, _SECONDS = 60, 30


def reports() -> Iterator[dict[str, Any]]:
    """One tutorial of 100,000 and of 1,000,000 learners, with 10 chapters each."""
    for learners in (100_000, 1_000_000):
        with prepared_testbed(Population(learners=learners, tutorials=1)) as testbed:
            settings = {"DATABASE_URL": testbed.postgres.url(), "WEB_CONCURRENCY": 2}
            settings |= {"RATELIMIT_REPORT": "1000000/minute", "REPORT_TIMEOUT": 600}
            with service(testbed, "service", **settings) as contestant:
                yield {"learners": learners, **_times(contestant), **_posts(testbed, contestant)}


def _times(contestant: Contestant) -> dict[str, Any]:
    _read(contestant, "/learners")  # opens the connection of reports, in one worker or both
    pages = list(_pages(contestant))
    before = _memory(contestant)
    return {
        "report s": round(_read(contestant, "/report"), 2),
        "page ms": round(median(pages[:_MEASURED]) * 1000, 1),
        "deep page ms": round(median(pages[-_MEASURED:]) * 1000, 1),
        "CSV s": round(_read(contestant, "/learners", accept="text/csv"), 1),
        "PSS MB": before,
        "PSS MB after CSV": _memory(contestant),
    }


def _pages(contestant: Contestant) -> Iterator[float]:
    """Yield the seconds of each of the first pages of 1,000 learners, each after the one before."""
    cursor = ""
    for _ in range(_PAGES):
        began = time.perf_counter()
        with _open(contestant, f"/learners?limit=1000{cursor}") as response:
            body = response.read()
        yield time.perf_counter() - began
        next_cursor = json.loads(body)["next"]
        if next_cursor is None:
            return
        cursor = f"&cursor={next_cursor}"


def _memory(contestant: Contestant) -> float:
    """Return the memory of the largest worker, in MB; pages that it shares count in part."""
    workers = psutil.Process(contestant.process_id).children()
    return max(round(worker.memory_full_info().pss / 1e6, 1) for worker in workers)


def _posts(testbed: Testbed, contestant: Contestant) -> dict[str, Any]:
    load = Load(kind="chapter", seconds=_SECONDS, rate=_POSTS_PER_SECOND)
    alone = measure(testbed, contestant, load)
    with _reporting(contestant):
        beside = measure(testbed, contestant, load)
    return {"p99 ms": round(alone.p99, 1), "p99 ms beside reports": round(beside.p99, 1)}


@contextmanager
def _reporting(contestant: Contestant) -> Iterator[None]:
    """Ask for one report after the other until the end of this block."""
    ended = threading.Event()

    def report() -> None:
        while not ended.is_set():
            _read(contestant, "/report")

    thread = threading.Thread(target=report)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _read(contestant: Contestant, path: str, accept: str = "application/json") -> float:
    """Return the seconds that a response takes to its end."""
    began = time.perf_counter()
    with _open(contestant, path, accept) as response:
        while response.read(_CHUNK):
            pass
    return time.perf_counter() - began


def _open(contestant: Contestant, path: str, accept: str = "application/json") -> Any:
    claims = {"sub": "teacher", "exp": int(time.time()) + 3600, "scope": "progress:report"}
    headers = {"Authorization": f"Bearer {jwt.encode(claims, SECRET)}", "Accept": accept}
    request = Request(f"{contestant.url}{_TUTORIAL}{path}", headers=headers)  # noqa: S310 - http
    return urlopen(request, timeout=600)  # noqa: S310 - http
