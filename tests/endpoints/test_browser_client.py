"""The real browser client of the contract's beginning, from signing in to the certificate."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.client import Answer, InProcess, token
from tests.conftest import MakeApp, new_name

ORIGIN = "https://learn.example"
PREFIX = "/api/v1/tutorials/progress"
TRIES = 3


class Browser:
    """A page of another origin that keeps a learner's progress.

    It sends a JSON content type always, reads JSON always, asks before each kind of request,
    and sends the very same body again when an answer is lost or an error.
    """

    def __init__(self, transport: InProcess, name: str, tutorial: str) -> None:
        self._transport = transport
        self._tutorial = tutorial
        self._token = token(name)
        self._allowed: set[tuple[str, str]] = set()
        self.losing_answers = False
        self.sent = 0
        self.shown: list[str] = []

    def load(self) -> Any:
        return self._request("GET", "")

    def watch(self, chapter: str, seconds: float, *, completed: bool | None = None) -> Any:
        body = {
            "userId": None,
            "chapterId": chapter,
            "watchTime": seconds,
            "completed": completed,
            "lastPosition": seconds,
            "totalChapters": 2,
        }
        return self._request("POST", "/chapter", body)

    def answer_quiz(self, score: int, attempts: int, completed_at: str) -> Any:
        body = {
            "userId": None,
            "quizId": "final",
            "score": score,
            "maxScore": 10,
            "passed": score >= 7,
            "attempts": attempts,
            "completedAt": completed_at,
        }
        return self._request("POST", "/quiz", body)

    def complete(self) -> Any:
        return self._request("POST", "/complete", {"userId": None})

    def reset(self) -> Any:
        return self._request("DELETE", "")

    def _request(self, method: str, path: str, body: object = None) -> Any:
        self._ask_before(method, path)
        data = None if body is None else json.dumps(body).encode()
        for attempt in range(TRIES):
            answer = self._send(method, path, data)
            lost = self.losing_answers and attempt < TRIES - 1
            if answer.status == 200 and not lost:
                return answer.body
        self.shown.append(answer.body.get("message") or answer.body["detail"])
        return None

    def _ask_before(self, method: str, path: str) -> None:
        if (method, path) in self._allowed:
            return
        headers = {
            "Origin": ORIGIN,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "authorization,content-type",
        }
        answer = self._transport.send("OPTIONS", self._address(path), headers, None)
        told = answer.headers
        assert answer.status == 200
        assert told["Access-Control-Allow-Origin"] == ORIGIN
        assert method in told["Access-Control-Allow-Methods"]
        allowed = told["Access-Control-Allow-Headers"].lower()
        assert "authorization" in allowed
        assert "content-type" in allowed
        self._allowed.add((method, path))

    def _send(self, method: str, path: str, data: bytes | None) -> Answer:
        headers = {
            "Origin": ORIGIN,
            "Content-Type": "application/json",
            "Authorization": f"Bearer {self._token}",
        }
        self.sent += 1
        answer = self._transport.send(method, self._address(path), headers, data)
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        return answer

    def _address(self, path: str) -> str:
        return f"{PREFIX}/{self._tutorial}{path}"


@pytest.fixture
def transport(make_app: MakeApp) -> InProcess:
    """A service behind a gateway's prefix, for pages of one origin."""
    return InProcess(make_app(url_prefix=PREFIX, cors_origins=(ORIGIN,)))


@pytest.fixture
def browser(transport: InProcess) -> Iterator[Browser]:
    """A browser in which nothing unexpected was shown when the test is over."""
    browser = Browser(transport, new_name(), "intro")
    yield browser
    assert browser.shown == []


def test_a_learner_comes_from_the_first_page_to_the_certificate(browser: Browser) -> None:
    assert browser.load()["completionPercentage"] == 0
    for seconds in (10.02, 20.5, 30.75, 120.75):
        watched = browser.watch("one", seconds)
    assert watched["chapterProgress"] == [
        {"chapterId": "one", "watchTime": 120, "completed": False, "lastPosition": 120}
    ]
    browser.watch("one", 121.0, completed=True)
    assert browser.watch("two", 60.9, completed=True)["completionPercentage"] == 100
    failed = browser.answer_quiz(5, 1, "2026-01-01T10:00:00.000Z")
    assert failed["certificateEligible"] is False
    passed = browser.answer_quiz(9, 2, "2026-01-01T10:05:00.000Z")
    assert (passed["quizScores"][0]["score"], passed["quizScores"][0]["attempts"]) == (9, 2)
    assert passed["certificateEligible"] is True
    assert browser.complete()["certificateEarned"] is True
    earned = browser.load()
    assert (earned["certificateEarned"], earned["totalWatchTime"]) == (True, 181)
    assert browser.reset() == {"success": True, "message": "Progress reset successfully"}
    assert browser.load()["lastWatchedAt"] is None


def test_answers_that_are_lost_count_nothing_twice(browser: Browser) -> None:
    browser.losing_answers = True
    browser.watch("one", 60.5, completed=True)
    browser.watch("two", 70.5, completed=True)
    browser.answer_quiz(6, 1, "2026-01-01T10:00:00.000Z")
    answered = browser.answer_quiz(8, 2, "2026-01-01T10:05:00.000Z")
    earned = browser.complete()
    assert browser.sent == 5 * TRIES
    assert answered["quizScores"][0]["attempts"] == 2
    assert (earned["totalWatchTime"], earned["chaptersCompleted"]) == (130, 2)
    assert earned["certificateEarned"] is True


def test_what_was_kept_offline_is_uploaded_on_signing_in(browser: Browser) -> None:
    browser.watch("one", 300.0, completed=True)
    browser.watch("two", 250.5, completed=True)
    browser.answer_quiz(7, 3, "2026-01-01T10:00:00.000Z")
    earned = browser.complete()
    assert earned["certificateEarned"] is True
    assert (earned["totalWatchTime"], earned["quizScores"][0]["attempts"]) == (550, 1)


def test_a_phone_and_a_laptop_of_one_learner_add_up(transport: InProcess) -> None:
    name = new_name()
    phone, laptop = (Browser(transport, name, "intro") for _ in range(2))
    phone.watch("one", 50.0, completed=True)
    laptop.watch("one", 20.0)
    laptop.watch("two", 30.0, completed=True)
    progress = phone.load()
    assert progress == laptop.load()
    assert (progress["chaptersCompleted"], progress["totalWatchTime"]) == (2, 80)
    assert progress["chapterProgress"][0]["lastPosition"] == 20


def test_a_failure_is_shown_in_a_sentence(transport: InProcess) -> None:
    browser = Browser(transport, new_name(), "intro")
    assert browser.complete() is None
    browser.watch("one", 10.0, completed=True)
    assert browser.complete() is None
    assert browser.watch("", 10.0) is None
    needed = "The certificate needs 95 percent and every attempted quiz passed"
    assert browser.shown == [
        "Nothing has been recorded for this tutorial yet; post a chapter first.",
        f"{needed}: 50 percent is completed, and 0 of 0 quizzes are passed.",
        "chapterId: Must be 1 to 255 characters of text, not blank.",
    ]


def test_pages_of_other_origins_are_not_let_in(transport: InProcess) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    answer = transport.send("OPTIONS", f"{PREFIX}/intro", headers, None)
    assert "Access-Control-Allow-Origin" not in answer.headers
