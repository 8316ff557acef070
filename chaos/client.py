"""A client that behaves like a learner's browser, and records the responses that it gets."""

import json
import random
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
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
_POSTS_OF_A_TUTORIAL = 24
_FIRST_COMPLETED_AT = datetime(2026, 1, 1, tzinfo=UTC)
_HOUR_SECONDS = 3600
_TOGETHER_SECONDS = 2.0

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


class Request(NamedTuple):
    """A request of a client; `path` is below the prefix, and one without writes is a GET."""

    path: str
    writes: tuple[Write, ...] = ()
    body: dict[str, object] | None = None
    key: str | None = None


class Client(threading.Thread):
    """A device that posts and reads chapters and quizzes, one tutorial after another.

    Attributes:
        pause: the shortest and the longest pause between two requests, in seconds.
    """

    pause = (0.05, 0.15)

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
        self.is_deaf = False  # goes away as soon as a request is sent
        self.together: threading.Barrier | None = None  # waited for before a request is sent
        self.requests: list[SentRequest] = []
        self.acknowledged: list[Write] = []
        self.unanswered: list[Write] = []
        self.contradictions: list[str] = []
        self.ended = False
        self.chance = random.Random(f"{seed}-{number}")  # noqa: S311 - repeatable
        self.number, self._stopping = number, stopping
        self.learner = f"{seed}-{number // 2}"
        self._headers = learner_headers(self.learner)
        self.posts = 0
        self._used: Connect | None = None
        self._connection: HTTPConnection | None = None
        self._latest: dict[str, tuple[str, list[str]]] = {}
        self._failed: list[Request] = []

    def run(self) -> None:
        """Send requests until stopped; then repeat the failed writes, as at the next sign-in."""
        while not self._stopping.is_set():
            request = self.next_request()
            if self.together:
                with suppress(threading.BrokenBarrierError):
                    self.together.wait(_TOGETHER_SECONDS)
            if not self._send_with_repeats(request) and request.writes:
                self._failed.append(request)
            self._stopping.wait(self.chance.uniform(*self.pause))
        for request in self._failed:
            if not self._send_with_repeats(request):
                self.unanswered += request.writes
        self._disconnect()
        self.ended = True

    @property
    def postponed(self) -> int:
        """The number of writes whose repeats all failed, and that were sent again at the end."""
        return sum(len(request.writes) for request in self._failed)

    def _send_with_repeats(self, request: Request) -> bool:
        """Send a request, with up to 3 repeats while it fails; return whether it succeeded."""
        for repeat in range(_REPEATS + 1):
            kind, body = self._send(request)
            if kind == OK:
                self.check(request, body)
                self.acknowledged += request.writes
                return True
            time.sleep(_REPEAT_SECONDS * 2**repeat)
        return False

    def _send(self, request: Request) -> tuple[str, Any]:
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

    def _response(self, request: Request) -> Any:
        if self._connection is None or self._used is not self.connect:
            self._disconnect()
            self._used = self.connect
            self._connection = self._used()
            self._connection.timeout = _TIMEOUT_SECONDS
        method = "POST" if request.writes else "GET"
        data = json.dumps(request.body).encode() if request.writes else None
        key = {"Idempotency-Key": request.key} if request.key else {}
        self._connection.request(method, f"{PREFIX}{request.path}", data, self._headers | key)
        if self.is_deaf:
            raise ConnectionAbortedError
        return self._connection.getresponse()

    def _disconnect(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None

    def check(self, request: Request, body: Any) -> None:
        """Note a response that lacks its own write, or is older than the response before."""
        self.check_progress(body, request.writes)

    def check_progress(self, body: Any, writes: Iterable[Write]) -> None:
        """Note a progress object that lacks a write, or is older than the one before.

        Args:
            body: the object.
            writes: what the request has written to its tutorial.
        """
        tutorial = body["tutorialId"]
        place = f"{self.learner}, {tutorial}"
        watched = {entry["chapterId"]: entry["watchTime"] for entry in body["chapterProgress"]}
        chapters = [entry["chapterId"] for entry in body["chapterProgress"]]
        watched_at = body["lastWatchedAt"] or ""
        earlier_at, earlier = self._latest.get(tutorial, ("", []))
        if chapters[: len(earlier)] != earlier:
            self.contradictions.append(f"{place}: chapters {earlier} became {chapters}")
        if watched_at < earlier_at:
            self.contradictions.append(f"{place}: lastWatchedAt {earlier_at} became {watched_at}")
        self._latest[tutorial] = (watched_at, chapters)
        self.contradictions += [
            f"{write} is missing in its response"
            for write in writes
            if write.kind == "chapter" and watched.get(write.name, -1) < write.value
        ]

    def next_request(self) -> Request:
        """Return what is sent next."""
        tutorial = f"tutorial-{self.posts // _POSTS_OF_A_TUTORIAL}"
        dice = self.chance.random()
        if dice < 0.1:
            return Request(f"/{tutorial}")
        self.posts += 1
        return self._quiz(tutorial) if dice < 0.3 else self._chapter(tutorial)

    def _chapter(self, tutorial: str) -> Request:
        write, body = self.a_chapter(tutorial)
        return Request(f"/{tutorial}/chapter", (write,), body)

    def a_chapter(self, tutorial: str) -> tuple[Write, dict[str, object]]:
        """Return a new chapter, or a recent one again, with a longer or shorter watch time."""
        back = self.chance.randrange(6) if self.chance.random() < 0.3 else 0
        name = f"chapter-{self.number % 2}-{self.posts - back}"
        seconds, completed = self.chance.randrange(1, 600), self.chance.random() < 0.5
        body = {"chapterId": name, "watchTime": seconds + 0.75, "totalChapters": TOTAL_CHAPTERS}
        # Never false: the order of the two devices' posts must not matter.
        body |= {"completed": True} if completed else {}
        return Write(self.learner, tutorial, "chapter", name, seconds, completed), body

    def a_quiz(self, tutorial: str) -> tuple[Write, dict[str, object]]:
        """Return an attempt at a quiz."""
        name, score = f"quiz-{self.chance.randrange(2)}", self.chance.randrange(11)
        body = {"quizId": name, "score": score, "maxScore": 10, "passed": score > 5}
        return Write(self.learner, tutorial, "quiz", name, score), body

    def _quiz(self, tutorial: str) -> Request:
        """Return a post whose repeats are recognised, by the header or by `completedAt`."""
        write, body = self.a_quiz(tutorial)
        path, number = f"/{tutorial}/quiz", self.posts * 1000 + self.number
        if self.chance.random() < 0.5:
            return Request(path, (write,), body, f"attempt-{number}")
        at = (_FIRST_COMPLETED_AT + timedelta(milliseconds=number)).isoformat()
        return Request(path, (write,), body | {"completedAt": at})


def learner_headers(learner: str) -> dict[str, str]:
    """Return the request headers of a learner who signed in two hours ago."""
    now = int(time.time())
    claims = {"sub": learner, "iat": now - 2 * _HOUR_SECONDS, "exp": now + 6 * _HOUR_SECONDS}
    token = jwt.encode(claims, SECRET, algorithm="HS256")
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
