"""A client that behaves like a learner's browser, and records the responses that it gets."""

import json
import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from typing import Any, NamedTuple

import jwt

from bench.testbed import SECRET

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
    """What a post records; `value` is a watch time in whole seconds, or a score."""

    learner: str
    tutorial: str
    kind: str
    name: str
    value: int
    completed: bool = False


class SentRequest(NamedTuple):
    """A request, or a repeat of one.

    Args:
        at: when it was sent, in seconds of the monotonic clock.
        took: seconds until the response, or until it failed.
        kind: the status of the response, or why there is no valid response.
    """

    at: float
    took: float
    kind: str


class _Request(NamedTuple):
    tutorial: str
    write: Write | None = None
    body: dict[str, object] | None = None
    key: str | None = None


class Client(threading.Thread):
    """A device that posts and reads chapters and quizzes, one tutorial after another."""

    def __init__(self, number: int, seed: str, connect: Connect, stopping: threading.Event) -> None:
        """Prepare; each learner has two devices.

        Args:
            number: the number of the client, from 0.
            seed: determines, with the number, what it sends and in which order.
            connect: returns a connection to the service; if replaced, the next request uses it.
            stopping: ends the client when set.
        """
        super().__init__(daemon=True)
        self.connect = connect
        self.requests: list[SentRequest] = []
        self.acknowledged: list[Write] = []
        self.unanswered: list[Write] = []
        self.contradictions: list[str] = []
        self.ended = False
        self._chance = random.Random(f"{seed}-{number}")  # noqa: S311 - repeatable
        self._number, self._stopping = number, stopping
        self.learner = f"{seed}-{number // 2}"
        self._headers = learner_headers(self.learner)
        self._posts = 0
        self._used: Connect | None = None
        self._connection: HTTPConnection | None = None
        self._latest: dict[str, tuple[str, list[str]]] = {}
        self._failed: list[_Request] = []

    def run(self) -> None:
        """Send requests until stopped; then repeat the failed writes, as at the next sign-in."""
        while not self._stopping.is_set():
            request = self._next()
            if not self._send_with_repeats(request) and request.write:
                self._failed.append(request)
            self._stopping.wait(self._chance.uniform(*_PAUSE_SECONDS))
        for request in self._failed:
            if not self._send_with_repeats(request) and request.write:
                self.unanswered.append(request.write)
        self._disconnect()
        self.ended = True

    @property
    def postponed(self) -> int:
        """The number of writes whose repeats all failed, and that were sent again at the end."""
        return len(self._failed)

    def _send_with_repeats(self, request: _Request) -> bool:
        """Send a request, with up to 3 repeats while it fails; return whether it succeeded."""
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
        self.requests.append(SentRequest(began, time.monotonic() - began, kind))
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
        """Note a response that lacks its own write, or is older than the response before."""
        place, write = f"{self.learner}, {request.tutorial}", request.write
        watched = {entry["chapterId"]: entry["watchTime"] for entry in body["chapterProgress"]}
        chapters = [entry["chapterId"] for entry in body["chapterProgress"]]
        watched_at = body["lastWatchedAt"] or ""
        earlier_at, earlier = self._latest.get(request.tutorial, ("", []))
        if chapters[: len(earlier)] != earlier:
            self.contradictions.append(f"{place}: chapters {earlier} became {chapters}")
        if watched_at < earlier_at:
            self.contradictions.append(f"{place}: lastWatchedAt {earlier_at} became {watched_at}")
        self._latest[request.tutorial] = (watched_at, chapters)
        if write and write.kind == "chapter" and watched.get(write.name, -1) < write.value:
            self.contradictions.append(f"{write} is missing in its response")

    def _next(self) -> _Request:
        tutorial = f"tutorial-{self._posts // _POSTS_OF_A_TUTORIAL}"
        dice = self._chance.random()
        if dice < 0.1:
            return _Request(tutorial)
        self._posts += 1
        return self._quiz(tutorial) if dice < 0.3 else self._chapter(tutorial)

    def _chapter(self, tutorial: str) -> _Request:
        # A new chapter, or a recent one again, with a longer or shorter watch time.
        back = self._chance.randrange(6) if self._chance.random() < 0.3 else 0
        name = f"chapter-{self._number % 2}-{self._posts - back}"
        seconds, completed = self._chance.randrange(1, 600), self._chance.random() < 0.5
        body = {"chapterId": name, "watchTime": seconds + 0.75, "totalChapters": TOTAL_CHAPTERS}
        # Never false: the order of the two devices' posts must not matter.
        body |= {"completed": True} if completed else {}
        write = Write(self.learner, tutorial, "chapter", name, seconds, completed)
        return _Request(tutorial, write, body)

    def _quiz(self, tutorial: str) -> _Request:
        """Return a post whose repeats are recognised, by the header or by `completedAt`."""
        name, score = f"quiz-{self._chance.randrange(2)}", self._chance.randrange(11)
        number = self._posts * 1000 + self._number
        body = {"quizId": name, "score": score, "maxScore": 10, "passed": score > 5}
        write = Write(self.learner, tutorial, "quiz", name, score)
        if self._chance.random() < 0.5:
            return _Request(tutorial, write, body, f"attempt-{number}")
        at = (_FIRST_COMPLETED_AT + timedelta(milliseconds=number)).isoformat()
        return _Request(tutorial, write, body | {"completedAt": at})


def learner_headers(learner: str) -> dict[str, str]:
    """Return the request headers of a learner who signed in two hours ago."""
    now = int(time.time())
    claims = {"sub": learner, "iat": now - 2 * _HOUR_SECONDS, "exp": now + 6 * _HOUR_SECONDS}
    token = jwt.encode(claims, SECRET, algorithm="HS256")
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
