"""Threads of two processes that write for one learner at once; each process has its own app."""

import logging
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Barrier
from typing import Any

from flask import Flask

from progress_api import Settings, create_app
from tests.client import SECRET, Answer, InProcess, Learner
from tests.processes import process_context

PROCESSES, THREADS = 2, 8
PATIENCE = 60


@dataclass(frozen=True)
class Send:
    """One request below the tutorial's address."""

    method: str
    path: str = ""
    body: Any = None
    key: str | None = None

    def by(self, learner: Learner) -> Answer:
        headers = {"Idempotency-Key": self.key} if self.key else {}
        if self.method == "POST":
            answer = learner.post(self.path, self.body, headers)
        else:
            answer = learner.send(self.method, self.path)
        return replace(answer, headers=dict(answer.headers))


# What one thread sends, one after the other, and what it was answered.
Script = Sequence[Send]
Responses = list[tuple[Send, Answer]]


class Racers:
    """Two processes that stay ready."""

    def __init__(self) -> None:
        context = process_context()
        self._pool = ProcessPoolExecutor(
            PROCESSES, context, initializer=_start, initargs=(context.Barrier(PROCESSES),)
        )

    def race(self, name: str, settings: dict[str, Any], scripts: Sequence[Script]) -> Responses:
        """Run a script in each of 16 threads, for the learner of this name; return all answers."""
        assert len(scripts) == PROCESSES * THREADS
        shares = [scripts[n::PROCESSES] for n in range(PROCESSES)]
        runs = [self._pool.submit(_run, name, settings, share) for share in shares]
        return [response for run in runs for response in run.result(PATIENCE)]

    def stop(self) -> None:
        self._pool.shutdown(cancel_futures=True)


_apps: dict[str, Flask] = {}
_together: list[Any] = []


def _start(barrier: Any) -> None:
    _together.append(barrier)


def _run(name: str, settings: dict[str, Any], scripts: Sequence[Script]) -> Responses:
    learner = Learner(InProcess(_app(settings)), name)
    start = Barrier(len(scripts), action=lambda: _together[0].wait(PATIENCE))

    def follow(script: Script) -> Responses:
        start.wait(PATIENCE)
        return [(send, send.by(learner)) for send in script]

    with ThreadPoolExecutor(len(scripts)) as threads:
        return [response for followed in threads.map(follow, scripts) for response in followed]


def _app(settings: dict[str, Any]) -> Flask:
    if str(settings) not in _apps:
        _apps[str(settings)] = create_app(
            Settings(
                jwt_secret_key=SECRET,
                ratelimit_enabled=False,
                web_threads=THREADS,
                # What waits is in a queue of all others, on a machine that may be busy.
                database_timeout=PATIENCE * 1000,
                **settings,
            )
        )
        logging.disable()
    return _apps[str(settings)]
