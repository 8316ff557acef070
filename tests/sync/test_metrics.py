"""Events are counted by their type and result, and their tutorials by request."""

import re

import pytest
from flask import Flask

from tests.conftest import MakeLearner
from tests.events import chapter, complete, quiz
from tests.rules.conftest import WAYS, MakeService

pytestmark = pytest.mark.parametrize(
    "way", [WAYS["one-trip"]], ids=["one-trip"], indirect=True, scope="session"
)
EVENTS = re.compile(r'^progress_events_total{result="(\w+)",type="(\w+)"} (\d+)', re.MULTILINE)
TUTORIALS = re.compile(r"^progress_event_tutorials_(sum|count) (\d+)", re.MULTILINE)


def measured(app: Flask, pattern: re.Pattern[str]) -> set[tuple[str, ...]]:
    """What the metrics of a service say."""
    return set(pattern.findall(app.test_client().get("/metrics").text))


def test_events_are_counted_by_type_and_result(
    make_learner: MakeLearner, make_service: MakeService
) -> None:
    service = make_service(metrics_public=True)
    learner = make_learner(service)

    learner.post_events(chapter(1), quiz(2), quiz(3, of="other"), complete(4), {"type": "x" * 99})
    learner.post_events(chapter(1), quiz(2, 99))

    assert measured(service, EVENTS) == {
        ("recorded", "chapter", "2"),
        ("recorded", "quiz", "2"),
        ("refused", "quiz", "1"),
        ("refused", "complete", "1"),
        ("refused", "unknown", "1"),
    }
    assert measured(service, TUTORIALS) == {("sum", "3"), ("count", "2")}
