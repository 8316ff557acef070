"""One JSON line a request, with nothing secret in it."""

import json
import logging
import re
from typing import Any

import pytest

from progress_api.monitoring.logs import JsonLines
from tests.client import token
from tests.serving.raw import exchange
from tests.serving.service import TEMPLATE, Service, Wire, new_address


def test_a_request_is_exactly_one_line_that_says_what_it_was(served: Service) -> None:
    learner = served.learner()

    answer = learner.send(
        "POST",
        "/chapter",
        b'{"chapterId": "c", "watchTime": 1}',
        {"X-Request-ID": f"id-{learner.name}"},
    )

    (line,) = _lines_of(served, f"id-{learner.name}")
    assert answer.headers["X-Request-ID"] == f"id-{learner.name}"
    assert line["level"] == "INFO"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.*", line["time"])
    assert (line["method"], line["route"]) == ("POST", f"{TEMPLATE}/chapter")
    assert line["status"] == 200
    assert 0 < line["durationMs"] < 30_000
    assert re.fullmatch("[0-9a-f]{32}", line["learner"])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("PUT", "/healthz", 405), ("GET", "/healthz", 200)],
)
def test_what_has_no_learner_is_one_line_too(
    served: Service, method: str, path: str, status: int
) -> None:
    answer = Wire(served).send(method, path)

    (line,) = _lines_of(served, answer.headers["X-Request-ID"])
    assert (line["method"], line["status"], line["learner"]) == (method, status, None)
    assert line["route"] == (path if status == 200 else "unmatched")


def test_a_learner_is_the_same_in_each_line_and_another_is_not(served: Service) -> None:
    one, other = served.learner(), served.learner()

    shown = [
        _lines_of(served, answer.headers["X-Request-ID"])[0]["learner"]
        for answer in (one.watch(), one.get(), other.get())
    ]

    assert shown[0] == shown[1] != shown[2]


@pytest.mark.parametrize("bad", ["two words", "x" * 129, '"}', "é", "<b>", ""])
def test_a_request_id_that_is_not_safe_to_log_is_replaced(served: Service, bad: str) -> None:
    answer = Wire(served).send("GET", "/healthz", {"X-Request-ID": bad})

    given = answer.headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{32}", given)
    assert len(_lines_of(served, given)) == 1


def test_an_error_carries_the_id_that_its_line_has(served: Service) -> None:
    answer = served.learner().complete()

    assert answer.status == 404
    assert answer.body["requestId"] == answer.headers["X-Request-ID"]
    assert len(_lines_of(served, answer.body["requestId"])) == 1


def test_no_line_holds_a_token_a_learner_or_a_body(served: Service) -> None:
    learner = served.learner(tutorial="tutorial-of-mine")
    forged = token(learner.name, key="another secret, of more than 32 bytes")
    stranger = Wire(served, new_address())
    path = "/v1/tutorials/progress/tutorial-of-mine"

    learner.watch("chapter-of-mine")
    learner.watch("chapter-of-mine", seconds="a value of mine")
    learner.watch("chapter-of-mine", userId="another of mine")
    learner.send("POST", "/chapter", b"this body of mine is no JSON")
    learner.send("POST", "/chapter", b"of mine" * 10_000)
    learner.get(f"?userId={learner.name}")
    learner.answer_quiz("quiz-of-mine", headers={"Idempotency-Key": "key-of-mine"})
    stranger.send("GET", path, {"Authorization": f"Bearer {forged}"})
    stranger.send("GET", path, {"Authorization": f"Basic {forged}"})

    text = served.log.read_text()
    assert learner.name not in text
    assert "of-mine" not in text
    assert "of mine" not in text
    assert "eyJ" not in text


def test_what_gunicorn_refuses_leaves_no_token_and_no_learner_in_the_log(
    served: Service,
) -> None:
    learner = served.learner()
    head = f"GET /v1/tutorials/progress/x?userId={learner.name}".encode()
    bearer = f"Authorization: Bearer {token(learner.name)}".encode()

    for request in (
        head + b" HTTP/9.9\r\nHost: x\r\n\r\n",
        head + b"\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        head + b"\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + bearer + b"\x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + bearer.replace(b":", b" ") + b"\r\n\r\n",
    ):
        assert exchange(served, request).status == 400

    text = served.log.read_text()
    assert learner.name not in text
    assert "eyJ" not in text


@pytest.mark.parametrize("value", ["\ud800", 2**64, {"in": "\udcff"}, b"\xff", object()])
def test_no_value_keeps_a_line_from_being_written(value: object) -> None:
    attributes = {"name": "host", "levelno": logging.WARNING, "levelname": "WARNING", "msg": "seen"}
    record = logging.makeLogRecord(attributes | {"value": value})

    line = JsonLines().format(record)

    assert "\n" not in line
    assert line.encode()
    assert json.loads(line)["message"] == "seen"
    assert "value" in json.loads(line)


def _lines_of(service: Service, request_id: str) -> list[Any]:
    return [line for line in service.lines() if line.get("requestId") == request_id]
