"""Events as a client sends them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.client import Answer

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
Event = dict[str, Any]


def minute(number: float) -> str:
    """An instant of the past, so many minutes after noon."""
    return (NOON + timedelta(minutes=number)).isoformat()


def shown(number: float) -> str:
    """The same instant, as responses show it."""
    return (NOON + timedelta(minutes=number)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def chapter(
    number: float = 0,
    seconds: object = 60,
    *,
    of: object = "intro",
    chapter: object = "chapter-1",
    **fields: object,
) -> Event:
    """A chapter that was watched in this minute; `of` is the tutorial."""
    event = {"id": f"c{number}", "type": "chapter", "tutorialId": of, "at": minute(number)}
    return {**event, "chapterId": chapter, "watchTime": seconds, **fields}


def quiz(
    number: float = 0,
    score: object = 8,
    *,
    of: object = "intro",
    quiz: object = "quiz-1",
    **fields: object,
) -> Event:
    """An attempt at a quiz in this minute; `of` is the tutorial."""
    event = {"id": f"q{number}", "type": "quiz", "tutorialId": of, "at": minute(number)}
    return {**event, "quizId": quiz, "score": score, "maxScore": 10, "passed": True, **fields}


def complete(number: float = 0, *, of: object = "intro", **fields: object) -> Event:
    """The wish to earn the certificate, in this minute; `of` is the tutorial."""
    event = {"id": f"d{number}", "type": "complete", "tutorialId": of, "at": minute(number)}
    return {**event, **fields}


def recorded(answer: Answer) -> list[Any]:
    """The progress objects of an answer that says that every event is recorded."""
    assert answer.status == 200, answer
    assert {result["status"] for result in answer.body["results"]} == {"recorded"}, answer.body
    found: list[Any] = answer.body["progress"]
    return found


def refused(answer: Answer) -> list[Any]:
    """The results of the events that were refused, in the order sent."""
    assert answer.status == 200, answer
    return [one for one in answer.body["results"] if one["status"] == "refused"]


def body_of(size: int) -> bytes:
    """A body of exactly so many bytes, with one valid event."""
    padding = size - len(json.dumps({"events": [chapter(padding="")]}))
    return json.dumps({"events": [chapter(padding="x" * padding)]}).encode()
