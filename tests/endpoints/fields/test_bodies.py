"""What may be sent as a body, whatever its fields are."""

import json
from collections.abc import Callable
from io import BytesIO

import pytest
from flask import Flask
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder, run_wsgi_app

from tests.client import JSON, PREFIX, Answer, Learner, token
from tests.conftest import MakeApp, MakeLearner
from tests.endpoints.expectations import (
    ENDPOINTS,
    WITH_A_BODY,
    ask,
    assert_field_refused,
    assert_not_json,
    assert_refused,
    nothing_changes,
)

LIMIT = 65536
NO_OBJECTS = {
    "text": b"chapterId=1",
    "blank": b" ",
    "an array": b"[]",
    "an array of objects": b'[{"chapterId":"a","watchTime":1}]',
    "a string": b'"chapter-1"',
    "a number": b"7",
    "true": b"true",
    "null": b"null",
    "cut off": b'{"chapterId":"a","watchTime":1',
    "cut off in a string": b'{"chapterId":"a',
    "two objects": b"{}{}",
    "single quotes": b"{'chapterId':'a'}",
    "a comma too many": b'{"chapterId":"a",}',
    "a raw line break in a string": b'{"chapterId":"a\nb","watchTime":1}',
    "a NUL byte": b'{"chapterId":"a"}\x00',
    "a half escape": b'{"chapterId":"\\ud8"}',
    "no UTF-8": b'{"chapterId":"\xff","watchTime":1}',
    "a surrogate in UTF-8": b'{"chapterId":"\xed\xa0\x80","watchTime":1}',
    "UTF-16": '{"chapterId":"a","watchTime":1}'.encode("utf-16"),
    "UTF-16 without a mark": '{"chapterId":"a","watchTime":1}'.encode("utf-16-le"),
    "closed before it is opened": b"]" * 200 + b"[" * 200,
}
LEVELS = 100
TOO_DEEP = {
    "arrays": b"[" * 30000 + b"]" * 30000,
    "objects": b'{"a":' * 10000 + b"1" + b"}" * 10000,
    "cut off": b"[" * LIMIT,
}
# The value of a field of the outermost object, which is a level too.
NESTED: dict[str, Callable[[int], bytes]] = {
    "arrays": lambda levels: b"[" * (levels - 1) + b"]" * (levels - 1),
    "objects": lambda levels: b'{"a":' * (levels - 1) + b"1" + b"}" * (levels - 1),
    "arrays in objects": lambda levels: b'{"a":[' * 40 + NESTED["arrays"](levels - 80) + b"]}" * 40,
    "after a short array": lambda levels: b"[[]," + NESTED["arrays"](levels - 1) + b"]",
    "after a backslash": lambda levels: b'["\\\\",' + NESTED["arrays"](levels - 1) + b',""]',
}
FLAT = {
    "side by side": b"[" + b"[]," * 500 + b"{}]",
    "in a string": b'"' + b"[{" * 500 + b'"',
    "after escaped quotes": b'"\\"' + b'[{\\"' * 500 + b'"',
    "after escaped backslashes": b'["\\\\\\"' + b"[" * 500 + b'","\\\\",[]]',
}
READERS = [ENDPOINTS[name] for name in WITH_A_BODY]


def padded(length: int) -> bytes:
    body = b'{"chapterId":"a","watchTime":1,"pad":"'
    return body + b"x" * (length - len(body) - 2) + b'"}'


def beside(value: bytes) -> bytes:
    """A chapter post that has a further field of this value."""
    return b'{"chapterId":"a","watchTime":1,"x":' + value + b"}"


def assert_too_deep(answer: Answer) -> None:
    """The answer is 400, and says how deep a body may be nested."""
    detail = "The JSON of the request body may be nested at most 100 levels deep."
    assert_refused(answer, 400, "Invalid JSON", detail)


@pytest.mark.parametrize("body", NO_OBJECTS.values(), ids=NO_OBJECTS.keys())
def test_a_body_that_is_no_json_object_is_refused(busy: Learner, body: bytes) -> None:
    with nothing_changes(busy):
        assert_not_json(busy.send("POST", "/chapter", body))


@pytest.mark.parametrize("endpoint", WITH_A_BODY)
def test_every_endpoint_that_reads_a_body_refuses_what_is_no_object(
    busy: Learner, endpoint: str
) -> None:
    method, path, _ = ENDPOINTS[endpoint]
    with nothing_changes(busy):
        for body in (b"[]", b"{", b"null"):
            assert_not_json(busy.send(method, path, body))
        assert_too_deep(busy.send(method, path, b"[" * LIMIT))


@pytest.mark.parametrize("body", TOO_DEEP.values(), ids=TOO_DEEP.keys())
def test_what_is_nested_too_deep_is_refused(busy: Learner, body: bytes) -> None:
    with nothing_changes(busy):
        assert_too_deep(busy.send("POST", "/chapter", body))


@pytest.mark.parametrize("nested", NESTED.values(), ids=NESTED.keys())
def test_a_body_has_at_most_100_levels(learner: Learner, nested: Callable[[int], bytes]) -> None:
    assert learner.send("POST", "/chapter", beside(nested(LEVELS))).status == 200
    with nothing_changes(learner):
        assert_too_deep(learner.send("POST", "/chapter", beside(nested(LEVELS + 1))))


@pytest.mark.parametrize("value", FLAT.values(), ids=FLAT.keys())
def test_only_what_is_nested_counts_as_a_level(learner: Learner, value: bytes) -> None:
    assert learner.send("POST", "/chapter", beside(value)).status == 200


@pytest.mark.parametrize("content_type", ["application/json", "", "text/plain"])
def test_no_body_is_as_good_as_an_empty_object(learner: Learner, content_type: str) -> None:
    learner.complete_chapters(1, of=1)
    headers = {"Content-Type": content_type}
    assert learner.send("GET", "", None, headers).status == 200
    earned = learner.send("POST", "/complete", None, headers)
    assert earned.body["certificateEarned"] is True
    assert learner.send("DELETE", "", None, headers).status == 200
    assert learner.progress()["chapterProgress"] == []


@pytest.mark.parametrize("endpoint", ["chapter", "quiz"])
def test_no_body_misses_what_is_required(busy: Learner, endpoint: str) -> None:
    method, path, usual = ENDPOINTS[endpoint]
    with nothing_changes(busy):
        answer = busy.send(method, path, None)
    assert (answer.status, answer.body["error"]) == (400, "Invalid request")
    assert list(answer.body["fields"]) == list(usual)


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON;charset=UTF-8"],
)
def test_json_is_recognized_by_its_content_type(learner: Learner, content_type: str) -> None:
    body = '{"chapterId":"é","watchTime":1}'.encode()
    answer = learner.send("POST", "/chapter", body, {"Content-Type": content_type})
    assert answer.body["chapterProgress"][0]["chapterId"] == "é"


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data"],
)
def test_a_body_of_another_content_type_is_refused(busy: Learner, content_type: str) -> None:
    detail = "Send the body as JSON, with the header Content-Type: application/json."
    with nothing_changes(busy):
        for method, path, _ in READERS:
            answer = busy.send(method, path, b"{}", {"Content-Type": content_type})
            assert_refused(answer, 415, "Unsupported media type", detail)


def test_a_body_of_exactly_64_kib_is_accepted(learner: Learner) -> None:
    assert learner.send("POST", "/chapter", padded(LIMIT)).status == 200


@pytest.mark.parametrize("length", [LIMIT + 1, LIMIT + 2, 200_000])
def test_a_body_over_64_kib_is_refused(busy: Learner, length: int) -> None:
    detail = "The request body may have at most 65536 bytes."
    with nothing_changes(busy):
        for method, path, _ in READERS:
            answer = busy.send(method, path, padded(length))
            assert_refused(answer, 413, "Request body too large", detail)


@pytest.mark.parametrize(("length", "status"), [(LIMIT, 200), (LIMIT + 1, 413), (200_000, 413)])
def test_a_body_in_chunks_may_be_no_longer(
    service: Flask, learner: Learner, length: int, status: int
) -> None:
    answer = service.test_client().post(
        f"{PREFIX}/intro/chapter",
        headers={**JSON, "Authorization": f"Bearer {token(learner.name)}"},
        input_stream=BytesIO(padded(length)),
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
    )
    assert (answer.status_code, answer.content_type) == (status, "application/json")
    assert len(learner.progress()["chapterProgress"]) == (status == 200)


def test_a_body_that_http_2_does_not_announce_is_read(service: Flask, learner: Learner) -> None:
    # given
    headers = Headers(JSON | {"Authorization": f"Bearer {token(learner.name)}"})
    path = f"{PREFIX}/intro/chapter"
    sent = EnvironBuilder(path, method="POST", headers=headers, data=padded(200)).get_environ()
    del sent["CONTENT_LENGTH"]
    # when
    above = {"wsgi.input_terminated": True, "SERVER_PROTOCOL": "HTTP/2"}
    _, status, _ = run_wsgi_app(service, sent | above)
    # then
    assert (status, len(learner.progress()["chapterProgress"])) == ("200 OK", 1)


@pytest.mark.parametrize(("length", "status"), [(1024, 200), (1025, 413)])
def test_how_much_is_too_much_is_a_setting(
    make_app: MakeApp, make_learner: MakeLearner, length: int, status: int
) -> None:
    learner = make_learner(make_app(progress_max_body_bytes=1024))
    assert learner.send("POST", "/chapter", padded(length)).status == status


def test_100_000_levels_are_refused_where_so_much_may_be_sent(
    make_app: MakeApp, make_learner: MakeLearner
) -> None:
    learner = make_learner(make_app(progress_max_body_bytes=2**20))
    assert_too_deep(learner.send("POST", "/chapter", b"[" * 100_000 + b"]" * 100_000))
    deep = b'{"chapterId":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001
    assert_too_deep(learner.send("POST", "/chapter", deep))


def test_of_a_key_that_is_given_twice_the_last_one_counts(learner: Learner) -> None:
    body = b'{"chapterId":"first","watchTime":"no","chapterId":"last","watchTime":7}'
    answer = learner.send("POST", "/chapter", body)
    assert [one["chapterId"] for one in answer.body["chapterProgress"]] == ["last"]
    assert answer.body["totalWatchTime"] == 7


@pytest.mark.parametrize("endpoint", WITH_A_BODY)
def test_fields_that_the_guide_does_not_list_are_ignored(learner: Learner, endpoint: str) -> None:
    learner.complete_chapters(1, of=1)
    unknown = {"attempts": "99", "x": '{"deep":[null,1e999]}', "tutorialId": "7", "user_id": "8"}
    assert ask(learner, endpoint, unknown).status == 200
    assert all(quiz["attempts"] == 1 for quiz in learner.progress()["quizScores"])


@pytest.mark.parametrize("user_id", [None, "null", '""'])
@pytest.mark.parametrize("endpoint", WITH_A_BODY)
def test_a_user_id_that_is_not_given_is_the_learners_own(
    learner: Learner, endpoint: str, user_id: str | None
) -> None:
    learner.complete_chapters(1, of=1)
    assert ask(learner, endpoint, {"userId": user_id}).status == 200
    assert ask(learner, endpoint, {"userId": json.dumps(learner.name)}).status == 200


def test_field_names_are_the_guides_in_every_letter(busy: Learner) -> None:
    with nothing_changes(busy):
        answer = ask(busy, "chapter", {"chapterId": None, "chapter_id": '"a"', "ChapterId": '"a"'})
        assert_field_refused(answer, "chapterId", "Missing data for required field.")
