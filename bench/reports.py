"""Measure what reports cost on large tutorials, and what they cost the learners meanwhile."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.request import Request, urlopen

import jwt
import psutil

from bench.contestants import Contestant, service
from bench.load import Load, measure
from bench.testbed import SECRET, Population, Testbed, prepared_testbed

_TUTORIAL = "/v1/tutorials/progress/tutorial-1"
_CHUNK = 1 << 16


def reports() -> Iterator[dict[str, Any]]:
    """One tutorial of 100,000 and of 1,000,000 learners, with 10 chapters each."""
    for learners in (100_000, 1_000_000):
        with prepared_testbed(Population(learners=learners, tutorials=1)) as testbed:
            settings = {"DATABASE_URL": testbed.postgres.url(), "WEB_CONCURRENCY": 2}
            settings |= {"RATELIMIT_REPORT": "1000000/minute", "REPORT_TIMEOUT": 600}
            with service(testbed, "service", **settings) as contestant:
                yield {"learners": learners, **_times(contestant), **_posts(testbed, contestant)}


def _times(contestant: Contestant) -> dict[str, Any]:
    deep = _read(contestant, "/learners?limit=1000")
    return {
        "report s": round(_read(contestant, "/report"), 2),
        "page ms": round(deep * 1000),
        "CSV s": round(_read(contestant, "/learners", accept="text/csv"), 1),
        "PSS MB": [
            round(worker.memory_full_info().pss / 1e6, 1)
            for worker in psutil.Process(contestant.process_id).children()
        ],
    }


def _posts(testbed: Testbed, contestant: Contestant) -> dict[str, Any]:
    load = Load(kind="chapter", seconds=10)
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
    claims = {"sub": "teacher", "exp": int(time.time()) + 3600, "scope": "progress:report"}
    headers = {"Authorization": f"Bearer {jwt.encode(claims, SECRET)}", "Accept": accept}
    request = Request(f"{contestant.url}{_TUTORIAL}{path}", headers=headers)  # noqa: S310 - http
    began = time.perf_counter()
    with urlopen(request, timeout=600) as response:  # noqa: S310 - http
        while response.read(_CHUNK):
            pass
    return time.perf_counter() - began
