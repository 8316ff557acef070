"""A client that speaks the domain, over HTTP: in one process, or to a real server."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote

import jwt
import requests
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.described import assert_described

SECRET = "a secret of the tests, of more than 32 bytes"
PREFIX = "/v1/tutorials/progress"
JSON = {"Content-Type": "application/json"}
_LAST = "/<tutorial_id>/complete"


@dataclass(frozen=True)
class Answer:
    """What the service said; `body` is parsed, for every answer is JSON."""

    status: int
    body: Any
    headers: Mapping[str, str]


class Transport(Protocol):
    """Carries one request."""

    def send(
        self, method: str, path: str, headers: Mapping[str, str], data: bytes | None
    ) -> Answer:
        """Send it, and fail where the answer is not JSON."""


class Held(FlaskClient):
    """A test client of Flask's, that holds each answer below the prefix to the description."""

    def open(self, *given: Any, **named: Any) -> TestResponse:
        """Send a request."""
        answer = super().open(*given, **named)
        app: Any = self.application
        rules = [rule.rule for rule in app.url_map.iter_rules()]
        prefix = next((r[: -len(_LAST)] for r in rules if r.endswith(_LAST)), PREFIX)
        path = answer.request.environ["REQUEST_URI"]
        if path.startswith(prefix):
            hosted = app.import_name != "progress_api"
            assert_described(prefix, answer.request.method, path, _to_answer(answer), hosted=hosted)
        return answer


def _to_answer(answer: TestResponse) -> Answer:
    headers: Any = answer.headers
    body: Any = answer.data.decode() or None
    if body and (answer.mimetype or "").endswith("json"):
        body = json.loads(body)
    return Answer(answer.status_code, body, headers)


class InProcess:
    """Straight into a WSGI app."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def send(
        self, method: str, path: str, headers: Mapping[str, str], data: bytes | None
    ) -> Answer:
        client = Held(self._app, self._app.response_class, use_cookies=False)
        answer = client.open(path, method=method, headers=dict(headers), data=data)
        return _answer(answer.status_code, answer.data, answer.headers)


class OverTheWire:
    """To a server that listens; each request on a connection of its own, so any worker answers."""

    def __init__(self, url: str) -> None:
        self.url = url

    def send(
        self, method: str, path: str, headers: Mapping[str, str], data: bytes | None
    ) -> Answer:
        answer = requests.request(
            method, self.url + path, headers=dict(headers), data=data, timeout=30
        )
        told = _answer(answer.status_code, answer.content, answer.headers)
        assert_described(PREFIX, method, path, told)
        return told


def _answer(status: int, data: bytes, headers: Any) -> Answer:
    assert headers["Content-Type"] == "application/json", (status, headers, data)
    return Answer(status, json.loads(data), headers)


def token(sub: object, *, key: str = SECRET, algorithm: str = "HS256", **claims: object) -> str:
    """A token of a learner, valid for an hour; a claim given as None is left out."""
    all_claims = {"sub": sub, "exp": int(time.time()) + 3600, **claims}
    given = {name: value for name, value in all_claims.items() if value is not None}
    return jwt.encode(given, key, algorithm)


@dataclass(frozen=True)
class Learner:
    """A learner with a browser: signed in, working on one tutorial.

    Each method returns the whole answer; `progress()` the body of a successful GET.
    """

    transport: Transport
    name: str
    tutorial: str = "intro"
    headers: Mapping[str, str] = field(default_factory=dict)
    prefix: str = PREFIX

    def get(self, query: str = "") -> Answer:
        return self.send("GET", query)

    def progress(self) -> Any:
        answer = self.get()
        assert answer.status == 200, answer
        return answer.body

    def watch(
        self, chapter: object = "chapter-1", seconds: object = 60, **fields: object
    ) -> Answer:
        return self.post("/chapter", {"chapterId": chapter, "watchTime": seconds, **fields})

    def complete_chapters(self, done: int, of: int) -> Answer:
        """Complete the first `done` of `of` chapters, and return the last answer."""
        answers = [
            self.watch(f"chapter-{n}", completed=True, totalChapters=of) for n in range(done)
        ]
        return answers[-1]

    def answer_quiz(
        self,
        quiz: object = "quiz-1",
        score: object = 8,
        of: object = 10,
        *,
        passed: object = True,
        headers: Mapping[str, str] | None = None,
        **fields: object,
    ) -> Answer:
        body = {"quizId": quiz, "score": score, "maxScore": of, "passed": passed, **fields}
        return self.post("/quiz", body, headers)

    def certificate(self, query: str = "") -> Answer:
        return self.send("GET", f"/certificate{query}")

    def complete(self, body: object = None) -> Answer:
        return self.post("/complete", body)

    def reset(self, query: str = "") -> Answer:
        return self.send("DELETE", query)

    def tutorials(self, query: str = "") -> Answer:
        """List the learner's tutorials."""
        return self._send("GET", f"{self.prefix}{query}", None, None)

    def post_events(self, *events: object, **fields: object) -> Answer:
        """Send events of any tutorials."""
        body = json.dumps({"events": events, **fields}).encode()
        return self._send("POST", self.prefix, body, None)

    def post(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        return self.send("POST", path, data, headers)

    def send(
        self,
        method: str,
        path: str = "",
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send bytes as they are to a path below the tutorial's."""
        address = f"{self.prefix}/{quote(self.tutorial, safe='')}{path}"
        return self._send(method, address, data, headers)

    def _send(
        self, method: str, address: str, data: bytes | None, headers: Mapping[str, str] | None
    ) -> Answer:
        authorization = {"Authorization": f"Bearer {token(self.name)}"}
        all_headers = JSON | authorization | dict(self.headers) | dict(headers or {})
        return self.transport.send(method, address, all_headers, data)
