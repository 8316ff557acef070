"""What may name a tutorial, a chapter, a quiz and a learner."""

from dataclasses import replace
from urllib.parse import unquote_to_bytes

import pytest
from flask import Flask

from tests.client import PREFIX, Answer, Learner, token
from tests.conftest import MakeLearner, new_name
from tests.endpoints.expectations import (
    NOT_AN_ID,
    NOT_TEXT,
    WITH_A_BODY,
    ask,
    ask_path,
    assert_field_refused,
    nothing_changes,
)

IDS = {
    "one character": "a",
    "255 characters": "x" * 255,
    "255 emoji": "😀" * 255,
    "a composed accent": "caf\u00e9",
    "a combining accent": "cafe\u0301",
    "blanks around": "  padded  ",
    "slashes": "a/b//c",
    "percents": "100%25",
    "SQL": "'; DROP TABLE tutorial_progress; --",
    "a driver's placeholder": "%(of_user)s %s :of_user $1",
    "a line break": "a\nb",
    "an array of PostgreSQL": '{"a",\\b}',
    "right to left": "\u202eabc",
}
NO_IDS = {
    "blank": '" "',
    "tabs and line breaks": '"\\t\\r\\n"',
    "a wide blank": '"\\u3000"',
    "256 characters": f'"{"x" * 256}"',
    "256 emoji": f'"{"😀" * 256}"',
    "NUL": '"\\u0000"',
    "NUL inside": '"a\\u0000b"',
    "a lone surrogate": '"\\ud800"',
    "surrogates in the wrong order": '"\\ude00\\ud83d"',
}
NO_TEXT = ("7", "1.5", "true", "[]", '["a"]', "{}")
FIELDS = [("chapter", "chapterId", "chapterProgress"), ("quiz", "quizId", "quizScores")]

each_id = pytest.mark.parametrize("name", IDS.values(), ids=IDS.keys())
each_bad_id = pytest.mark.parametrize("sent", NO_IDS.values(), ids=NO_IDS.keys())


def post(learner: Learner, endpoint: str, name: str) -> Answer:
    return learner.watch(name) if endpoint == "chapter" else learner.answer_quiz(name)


@each_id
@pytest.mark.parametrize(("endpoint", "field", "listed"), FIELDS)
def test_an_id_in_a_body_is_stored_and_returned_exactly(
    learner: Learner, endpoint: str, field: str, listed: str, name: str
) -> None:
    assert post(learner, endpoint, name).status == 200
    assert [item[field] for item in learner.progress()[listed]] == [name]


@each_bad_id
@pytest.mark.parametrize(("endpoint", "field", "listed"), FIELDS)
def test_a_text_that_is_no_id_is_refused(
    busy: Learner, endpoint: str, field: str, listed: str, sent: str
) -> None:
    with nothing_changes(busy):
        assert_field_refused(ask(busy, endpoint, {field: sent}), field, NOT_AN_ID)
    assert len(busy.progress()[listed]) == 1


@pytest.mark.parametrize(("endpoint", "field", "listed"), FIELDS)
def test_the_empty_text_is_no_id(busy: Learner, endpoint: str, field: str, listed: str) -> None:
    with nothing_changes(busy):
        assert_field_refused(ask(busy, endpoint, {field: '""'}), field, NOT_AN_ID)
    assert len(busy.progress()[listed]) == 1


@pytest.mark.parametrize("sent", NO_TEXT)
def test_an_id_that_is_no_text_is_refused(busy: Learner, sent: str) -> None:
    users = [(endpoint, "userId") for endpoint in WITH_A_BODY]
    with nothing_changes(busy):
        for endpoint, field in [("chapter", "chapterId"), ("quiz", "quizId"), *users]:
            assert_field_refused(ask(busy, endpoint, {field: sent}), field, NOT_TEXT)


def test_an_escaped_surrogate_pair_is_an_emoji(learner: Learner) -> None:
    answer = ask(learner, "chapter", {"chapterId": '"\\ud83d\\ude00"'})
    assert answer.body["chapterProgress"][0]["chapterId"] == "😀"


@pytest.mark.parametrize(("endpoint", "field", "listed"), FIELDS)
def test_composed_and_decomposed_accents_are_two_ids(
    learner: Learner, endpoint: str, field: str, listed: str
) -> None:
    for name in ("\u00e9", "e\u0301"):
        answer = post(learner, endpoint, name)
    assert [item[field] for item in answer.body[listed]] == ["\u00e9", "e\u0301"]


@each_id
def test_a_tutorial_in_the_path_is_stored_and_returned_exactly(learner: Learner, name: str) -> None:
    student = replace(learner, tutorial=name)
    assert student.watch().body["tutorialId"] == name
    assert student.answer_quiz().body["tutorialId"] == name
    assert student.progress()["tutorialId"] == name
    assert learner.progress()["chapterProgress"] == []


@each_id
def test_a_learner_may_be_called_so(make_learner: MakeLearner, name: str) -> None:
    learner = make_learner(name=name, tutorial=new_name())
    assert learner.watch(userId=name).status == 200
    assert learner.progress()["userId"] == name


@each_bad_id
def test_a_user_id_that_is_no_id_is_refused(busy: Learner, sent: str) -> None:
    with nothing_changes(busy):
        for endpoint in WITH_A_BODY:
            assert_field_refused(ask(busy, endpoint, {"userId": sent}), "userId", NOT_AN_ID)


@pytest.mark.parametrize("path", ["%20", "%09", "%E3%80%80", "%00", "a%00b", "%2F%00", "x" * 256])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_tutorial_in_the_path_that_is_no_id_is_refused(
    learner: Learner, path: str, method: str
) -> None:
    assert_field_refused(ask_path(learner, f"/{path}", method), "tutorialId", NOT_AN_ID)


@pytest.mark.parametrize("path", ["%FF", "%C3", "%ED%A0%80", "%C0%AF", "%FF%2F", "a%2F%FFb"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_tutorial_in_the_path_that_is_no_utf_8_is_refused(
    service: Flask, learner: Learner, path: str, method: str
) -> None:
    # As a server passes it on (PEP 3333): Werkzeug's own client would repair it on the way.
    sent = {"PATH_INFO": unquote_to_bytes(f"{PREFIX}/{path}").decode("latin-1")}
    answer = service.test_client().open(
        f"{PREFIX}/{path}",
        method=method,
        headers={"Authorization": f"Bearer {token(learner.name)}"},
        environ_overrides=sent,
    )
    assert (answer.status_code, answer.content_type) == (400, "application/json")
    assert answer.json is not None
    assert answer.json["fields"] == {"tutorialId": [NOT_AN_ID]}


@pytest.mark.parametrize(
    ("path", "tutorial"),
    [
        ("%2F", "/"),
        ("%2f", "/"),
        ("a%2Fchapter", "a/chapter"),
        ("a%2Fb%2Fc", "a/b/c"),
        ("%25", "%"),
        ("%252F", "%2F"),
        ("a%2Fb%252F%25", "a/b%2F%"),
        ("a%20b", "a b"),
        ("a+b", "a+b"),
        ("%C3%A9", "\u00e9"),
        ("e%CC%81", "e\u0301"),
        ("%F0%9F%98%80", "😀"),
        ("a%3Fb%23c", "a?b#c"),
        ("%2E%2E", ".."),
    ],
)
def test_a_tutorial_in_the_path_is_decoded_once(learner: Learner, path: str, tutorial: str) -> None:
    assert ask_path(learner, f"/{path}").body["tutorialId"] == tutorial
    posted = ask_path(learner, f"/{path}/chapter", "POST", b'{"chapterId":"c","watchTime":1}')
    assert (posted.status, posted.body["tutorialId"]) == (200, tutorial)


def test_an_encoded_slash_never_leads_to_another_endpoint(learner: Learner) -> None:
    learner.watch()
    assert ask_path(learner, "/intro%2Fchapter").body["chapterProgress"] == []
    assert ask_path(learner, "/intro%2Fchapter", "POST", b"{}").status == 405
    outside = PREFIX.replace("/tutorials/", "%2Ftutorials/")
    answer = learner.transport.send("GET", f"{outside}/intro", {}, None)
    assert answer.status == 404
