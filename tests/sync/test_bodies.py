"""What a request with events may hold, and whose events they are (spec 12.1, 12.8)."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests import events
from tests.client import JSON, PREFIX, SECRET, Answer, Learner, token
from tests.conftest import MakeLearner
from tests.events import chapter, quiz, recorded
from tests.rules.conftest import WAYS, MakeService

# What is refused never travels.
pytestmark = pytest.mark.parametrize(
    "way", [WAYS["one-trip"]], ids=["one-trip"], indirect=True, scope="session"
)


def post(learner: Learner, body: object) -> Answer:
    """Send a body as it is, or as JSON."""
    headers = {**JSON, "Authorization": f"Bearer {token(learner.name)}"}
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return learner.transport.send("POST", learner.prefix, headers, data)


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        [chapter()],
        "events",
        {},
        {"events": None},
        {"events": {}},
        {"events": "x"},
        {"events": []},
        {"events": [chapter()] * 501},
        {"event": [chapter()]},
        b"",
        b"{",
        b'{"events": [' + b"[" * 200 + b"]" * 200 + b"]}",
        b'{"events": [{"watchTime": NaN}]}',
        b'{"events": ["\xff"]}',
        events.body_of(100) + b"x",
    ],
    ids=range(17),
)
def test_a_body_that_is_no_list_of_events_is_400_and_records_nothing(
    learner: Learner, body: Any
) -> None:
    answer = post(learner, body)

    assert answer.status == 400, answer
    assert learner.tutorials().body["items"] == []


def test_each_answer_for_500_events_is_a_result_of_each(learner: Learner) -> None:
    many = [chapter(n, of=f"t{n % 7}", chapter=f"{n}", id=f"{n}") for n in range(500)]

    answer = learner.post_events(*many)

    assert len(recorded(answer)) == 7
    assert [one["id"] for one in answer.body["results"]] == [f"{n}" for n in range(500)]


def test_the_highest_number_of_events_is_a_setting(
    make_learner: MakeLearner, make_service: MakeService
) -> None:
    learner = make_learner(make_service(progress_max_events=2))

    assert learner.post_events(chapter(1), chapter(2)).status == 200
    answer = learner.post_events(chapter(1), chapter(2), chapter(3))
    assert (answer.status, list(answer.body["fields"])) == (400, ["events"])
    assert "2" in answer.body["fields"]["events"][0]


def test_a_body_may_have_256_kib_here_and_64_kib_elsewhere(learner: Learner) -> None:
    assert post(learner, events.body_of(256 * 1024)).status == 200
    assert post(learner, events.body_of(256 * 1024 + 1)).status == 413

    fitting, larger = (json.dumps({"x": "x" * (size - 9)}).encode() for size in (65536, 65537))
    assert learner.send("POST", "/complete", fitting).status == 400
    for path in ("/chapter", "/quiz", "/complete"):
        assert learner.send("POST", path, larger).status == 413


def test_the_size_of_a_body_is_a_setting(
    make_learner: MakeLearner, make_service: MakeService
) -> None:
    learner = make_learner(make_service(progress_max_events_bytes=1024))

    assert post(learner, events.body_of(1024)).status == 200
    assert post(learner, events.body_of(1025)).status == 413


def test_the_learner_is_the_tokens_and_an_admin_may_name_another(
    make_learner: MakeLearner,
) -> None:
    ada, bob = make_learner(), make_learner()
    scoped = f"Bearer {token(bob.name, scope='progress:admin')}"
    admin = replace(bob, headers={"Authorization": scoped})

    assert bob.post_events(chapter(), userId=ada.name).status == 403
    assert bob.post_events(chapter(), userId=5).status == 400
    for own in (None, "", bob.name):
        assert recorded(bob.post_events(chapter(), userId=own))[0]["userId"] == bob.name
    assert recorded(admin.post_events(chapter(), userId=ada.name))[0]["userId"] == ada.name


def test_events_have_a_limit_of_their_own_and_use_no_other(
    make_learner: MakeLearner, make_service: MakeService
) -> None:
    limits = {f"ratelimit_{name}": "2/minute" for name in ("events", "chapter", "quiz")}
    learner = make_learner(make_service(ratelimit_enabled=True, **limits))
    many = [chapter(1), chapter(2), chapter(3), quiz(4), quiz(5), quiz(6)]

    assert [learner.post_events(*many).status for _ in range(3)] == [200, 200, 429]
    assert [learner.watch().status for _ in range(3)] == [200, 200, 429]
    assert [learner.answer_quiz().status for _ in range(3)] == [200, 200, 429]


def test_events_need_a_token_and_no_other_method_is_allowed(learner: Learner) -> None:
    stranger = {**JSON, "Authorization": f"Bearer {token(learner.name, key=SECRET[::-1])}"}
    own = {**JSON, "Authorization": f"Bearer {token(learner.name)}"}

    answer = learner.transport.send("POST", PREFIX, stranger, b'{"events": []}')
    assert answer.status == 401
    answer = learner.transport.send("PUT", PREFIX, own, b"{}")
    assert answer.status == 405
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))
