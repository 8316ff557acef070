"""A client that does what a learner's browser does, and remembers what it was told."""

import json
import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from typing import Any, NamedTuple

import jwt

from bench.ground import SECRET

PREFIX = "/v1/tutorials/progress"
OK, NO_ANSWER = "200", "no answer"
TOTAL_CHAPTERS = 60
_REPEATS = 3
_REPEAT_SECONDS = 0.2
_TIMEOUT_SECONDS = 30.0
_PAUSE_SECONDS = (0.05, 0.15)
_POSTS_OF_A_TUTORIAL = 24
_FIRST_COMPLETED_AT = datetime(2026, 1, 1, tzinfo=UTC)
_HOUR_SECONDS = 3600

Connect = Callable[[], HTTPConnection]


class Write(NamedTuple):
    """What one post asks to be kept; `value` is a watch time, in whole seconds, or a score."""

    learner: str
    tutorial: str
    kind: str
    name: str
    value: int
    completed: bool = False


class Sent(NamedTuple):
    """One request on the wire, a repeat too: when, how long it took, and what became of it."""

    at: float
    took: float
    kind: str


class _Request(NamedTuple):
    tutorial: str
    write: Write | None = None
    body: dict[str, object] | None = None
    key: str | None = None


class Client(threading.Thread):
    """A device: it posts chapters and quizzes of one tutorial after another, and reads them."""

    def __init__(self, number: int, seed: str, connect: Connect, enough: threading.Event) -> None:
        """Prepare; two devices in turn belong to one learner.

        Args:
            number: of the client, from 0.
            seed: what it asks, and in which order, follows from this and the number.
            connect: to the service; another one may be set, and is used from the next request on.
            enough: when to stop.
        """
        super().__init__(daemon=True)
        self.connect = connect
        self.sent: list[Sent] = []
        self.acknowledged: list[Write] = []
        self.unanswered: list[Write] = []
        self.false: list[str] = []
        self.ended = False
        self._chance = random.Random(f"{seed}-{number}")  # noqa: S311 - so that a run is repeated
        self._number, self._enough = number, enough
        self.learner = f"{seed}-{number // 2}"
        self._headers = signed_in(self.learner)
        self._posts = 0
        self._used: Connect | None = None
        self._connection: HTTPConnection | None = None
        self._latest: dict[str, tuple[str, list[str]]] = {}
        self._kept: list[_Request] = []

    def run(self) -> None:
        """Ask until it is enough, and then once more what failed, as at the next sign-in."""
        while not self._enough.is_set():
            request = self._next()
            if not self._ask(request) and request.write:
                self._kept.append(request)
            self._enough.wait(self._chance.uniform(*_PAUSE_SECONDS))
        for request in self._kept:
            if not self._ask(request) and request.write:
                self.unanswered.append(request.write)
        self._disconnect()
        self.ended = True

    @property
    def late(self) -> int:
        """How many writes failed to the last, and were sent once more in the end."""
        return len(self._kept)

    def _ask(self, request: _Request) -> bool:
        """Send a request, and the very same up to 3 times more while it fails."""
        for repeat in range(_REPEATS + 1):
            kind, body = self._send(request)
            if kind == OK:
                self._check(request, body)
                if request.write:
                    self.acknowledged.append(request.write)
                return True
            time.sleep(_REPEAT_SECONDS * 2**repeat)
        return False

    def _send(self, request: _Request) -> tuple[str, Any]:
        began, body = time.monotonic(), None
        try:
            response = self._response(request)
            body, kind = json.loads(response.read()), str(response.status)
            if kind == "503" and not response.headers["Retry-After"]:
                kind = "503 without Retry-After"
        except (OSError, HTTPException):
            self._disconnect()
            kind = NO_ANSWER
        except ValueError:
            kind = "not JSON"
        self.sent.append(Sent(began, time.monotonic() - began, kind))
        return kind, body

    def _response(self, request: _Request) -> Any:
        if self._connection is None or self._used is not self.connect:
            self._disconnect()
            self._used = self.connect
            self._connection = self._used()
            self._connection.timeout = _TIMEOUT_SECONDS
        path, method, data = f"{PREFIX}/{request.tutorial}", "GET", None
        if request.write:
            path, method = f"{path}/{request.write.kind}", "POST"
            data = json.dumps(request.body).encode()
        key = {"Idempotency-Key": request.key} if request.key else {}
        self._connection.request(method, path, data, self._headers | key)
        return self._connection.getresponse()

    def _disconnect(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None

    def _check(self, request: _Request, body: Any) -> None:
        """Note an answer that is not true of its own write, or not later than the one before."""
        write, told = request.write, [one["chapterId"] for one in body["chapterProgress"]]
        latest, known = self._latest.get(request.tutorial, ("", []))
        if told[: len(known)] != known:
            self.false.append(f"{self.learner}, {request.tutorial}: {known} became {told}")
        if (body["lastWatchedAt"] or "") < latest:
            self.false.append(f"{self.learner}, {request.tutorial}: {latest} came before {body}")
        self._latest[request.tutorial] = (body["lastWatchedAt"] or "", told)
        if write and write.kind == "chapter":
            watched = {one["chapterId"]: one["watchTime"] for one in body["chapterProgress"]}
            if watched.get(write.name, -1) < write.value:
                self.false.append(f"{write} was answered without it")

    def _next(self) -> _Request:
        tutorial = f"tutorial-{self._posts // _POSTS_OF_A_TUTORIAL}"
        dice = self._chance.random()
        if dice < 0.1:
            return _Request(tutorial)
        self._posts += 1
        return self._quiz(tutorial) if dice < 0.3 else self._chapter(tutorial)

    def _chapter(self, tutorial: str) -> _Request:
        # A new one, or one of the last once more, with more or less of it watched.
        again = self._chance.randrange(6) if self._chance.random() < 0.3 else 0
        name = f"chapter-{self._number % 2}-{self._posts - again}"
        seconds, completed = self._chance.randrange(1, 600), self._chance.random() < 0.5
        body = {"chapterId": name, "watchTime": seconds + 0.75, "totalChapters": TOTAL_CHAPTERS}
        # Left out, it changes nothing, so that the order of two devices' posts does not matter.
        body |= {"completed": True} if completed else {}
        write = Write(self.learner, tutorial, "chapter", name, seconds, completed)
        return _Request(tutorial, write, body)

    def _quiz(self, tutorial: str) -> _Request:
        """One that a repeat is known by: by the header, or by `completedAt` as the browser's is."""
        name, score = f"quiz-{self._chance.randrange(2)}", self._chance.randrange(11)
        number = self._posts * 1000 + self._number
        body = {"quizId": name, "score": score, "maxScore": 10, "passed": score > 5}
        write = Write(self.learner, tutorial, "quiz", name, score)
        if self._chance.random() < 0.5:
            return _Request(tutorial, write, body, f"attempt-{number}")
        at = (_FIRST_COMPLETED_AT + timedelta(milliseconds=number)).isoformat()
        return _Request(tutorial, write, body | {"completedAt": at})


def signed_in(learner: str) -> dict[str, str]:
    """Return the headers of a learner who signed in two hours ago."""
    now = int(time.time())
    claims = {"sub": learner, "iat": now - 2 * _HOUR_SECONDS, "exp": now + 6 * _HOUR_SECONDS}
    token = jwt.encode(claims, SECRET, algorithm="HS256")
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
