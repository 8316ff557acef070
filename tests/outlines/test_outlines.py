"""Authors say what a tutorial consists of; every learner may read it."""

import json
import time
from typing import Any

import pytest

from tests.client import Learner
from tests.conftest import MakeApp, MakeLearner
from tests.outlines.conftest import outline, put, with_scope

WHOLE = {
    "title": "Python basics 🐍",
    "chapters": [
        {"chapterId": "variables", "title": "Variables", "duration": 300},
        {"chapterId": "functions", "title": None, "duration": None},
    ],
    "quizzes": [{"quizId": "final", "title": "Final quiz"}],
    "certificatePercentage": 90,
}


def test_an_outline_is_stored_and_every_learner_reads_it(author: Learner, student: Learner) -> None:
    written = put(author, WHOLE)

    assert written.status == 200, written
    assert {**WHOLE, "tutorialId": author.tutorial} == {
        name: value for name, value in written.body.items() if name != "updatedAt"
    }
    read = student.send("GET", "/outline")
    assert (read.status, read.body) == (200, written.body)


def test_what_is_left_out_has_its_default(author: Learner) -> None:
    body = put(author, {"chapters": [{"chapterId": "one"}]}).body

    assert body["title"] is None
    assert body["chapters"] == [{"chapterId": "one", "title": None, "duration": None}]
    assert body["quizzes"] == []
    assert body["certificatePercentage"] == 95


def test_null_is_as_if_it_was_left_out(author: Learner) -> None:
    nulls = {"title": None, "quizzes": None, "certificatePercentage": None, "userId": None}

    assert put(author, outline("one") | nulls).status == 200


def test_a_second_outline_replaces_the_first(author: Learner, student: Learner) -> None:
    put(author, WHOLE)
    put(author, outline("other"))

    body = student.send("GET", "/outline").body

    assert [one["chapterId"] for one in body["chapters"]] == ["other"]
    assert (body["title"], body["quizzes"], body["certificatePercentage"]) == (None, [], 95)


def test_a_tutorial_without_an_outline_has_none(student: Learner) -> None:
    answer = student.send("GET", "/outline")

    assert (answer.status, answer.body["error"]) == (404, "No outline found for this tutorial")


def test_an_outline_is_removed_and_removing_it_again_succeeds(
    author: Learner, student: Learner
) -> None:
    put(author, WHOLE)

    answers = [author.send("DELETE", "/outline") for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].body == {"success": True, "message": "Outline deleted successfully"}
    assert student.send("GET", "/outline").status == 404


@pytest.mark.parametrize(
    "scope",
    [
        None,
        "progress:report",
        "progress:authors",
        "Progress:author",
        "progress",
        "progress:author:",
    ],
)
def test_nobody_without_the_scope_to_the_letter_writes_an_outline(
    author: Learner, student: Learner, scope: object
) -> None:
    put(author, WHOLE)
    other = with_scope(student, scope)

    answers = [put(other, outline("mine")), other.send("DELETE", "/outline")]

    assert [(answer.status, answer.body["error"]) for answer in answers] == [(403, "Forbidden")] * 2
    assert "progress:author" in answers[0].body["detail"]
    assert student.send("GET", "/outline").body["title"] == WHOLE["title"]


@pytest.mark.parametrize(
    "scope", ["progress:admin", "email progress:author", ["progress:author", "email"]]
)
def test_an_admin_and_who_has_the_scope_among_others_write_outlines(
    student: Learner, scope: object
) -> None:
    assert put(with_scope(student, scope), WHOLE).status == 200


def test_an_author_is_not_an_admin(author: Learner) -> None:
    assert author.get("?userId=somebody-else").status == 403


def test_the_scope_is_a_setting(make_app: MakeApp, make_learner: MakeLearner) -> None:
    learner = make_learner(make_app(progress_author_scope="school:author"), tutorial="scoped")

    assert put(with_scope(learner, "school:author"), WHOLE).status == 200
    assert put(with_scope(learner, "progress:author"), WHOLE).status == 403


def test_an_outline_needs_a_token(author: Learner) -> None:
    nobody = Learner(author.transport, "nobody", author.tutorial, {"Authorization": ""})

    answers = [put(nobody, WHOLE), *(nobody.send(one, "/outline") for one in ("GET", "DELETE"))]

    assert [answer.status for answer in answers] == [401] * 3


LONG = "x" * 501
INVALID: list[tuple[dict[str, Any], str]] = [
    ({}, "chapters"),
    ({"chapters": []}, "chapters"),
    ({"chapters": None}, "chapters"),
    ({"chapters": "one"}, "chapters"),
    ({"chapters": ["one"]}, "chapters[0]"),
    ({"chapters": [{"title": "One"}]}, "chapters[0].chapterId"),
    ({"chapters": [{"chapterId": "one"}, {"chapterId": " "}]}, "chapters[1].chapterId"),
    ({"chapters": [{"chapterId": "one", "title": LONG}]}, "chapters[0].title"),
    ({"chapters": [{"chapterId": "one", "title": ""}]}, "chapters[0].title"),
    ({"chapters": [{"chapterId": "one", "title": "a\0"}]}, "chapters[0].title"),
    ({"chapters": [{"chapterId": "one", "duration": -1}]}, "chapters[0].duration"),
    (outline("one", "two", "one"), "chapters"),
    (outline(*map(str, range(1001))), "chapters"),
    (outline("one", quizzes=("q", "q")), "quizzes"),
    (outline("one", quizzes=tuple(map(str, range(1001)))), "quizzes"),
    (outline("one", quizzes=("",)), "quizzes[0].quizId"),
    (outline("one", title=LONG), "title"),
    (outline("one", title=1), "title"),
    (outline("one", title="\ud800"), "title"),
    (outline("one", certificatePercentage=0), "certificatePercentage"),
    (outline("one", certificatePercentage=101), "certificatePercentage"),
    (outline("one", certificatePercentage=94.5), "certificatePercentage"),
]


@pytest.mark.parametrize(("body", "field"), INVALID)
def test_an_invalid_outline_is_refused_and_the_field_is_named(
    author: Learner, student: Learner, body: dict[str, Any], field: str
) -> None:
    answer = put(author, body)

    assert (answer.status, list(answer.body["fields"])) == (400, [field]), answer
    assert all(isinstance(text, str) for text in answer.body["fields"][field])
    assert student.send("GET", "/outline").status == 404


@pytest.mark.parametrize("field", ["chapters", "quizzes"])
def test_of_too_many_parts_their_number_is_named_and_none_is_looked_at(
    author: Learner, field: str
) -> None:
    body = outline("one") | {field: [{}] * 100_000}

    started = time.process_time()
    answer = put(author, body)

    assert (answer.status, list(answer.body["fields"])) == (400, [field])
    assert "1000" in answer.body["detail"]
    assert time.process_time() - started < 2  # to look at each takes ten seconds


def test_an_outline_may_have_a_thousand_chapters_and_quizzes_with_long_titles(
    make_app: MakeApp, make_learner: MakeLearner, tutorial: str
) -> None:
    # 6 MB, which take a while on a busy machine
    student = make_learner(make_app(database_timeout=30000), tutorial=tutorial)
    author = with_scope(student, "progress:author")
    ids = [f"{number:04}" + "🚀" * 251 for number in range(1000)]
    body = {
        "title": "🚀" * 500,
        "chapters": [{"chapterId": one, "title": "🚀" * 500, "duration": 1} for one in ids],
        "quizzes": [{"quizId": one, "title": "é" * 500} for one in ids],
    }

    written = author.send("PUT", "/outline", _utf8(body))

    assert written.status == 200, written.body
    assert student.send("GET", "/outline").body["chapters"] == body["chapters"]


def test_a_longer_body_than_the_setting_allows_is_refused(
    make_app: MakeApp, make_learner: MakeLearner
) -> None:
    learner = make_learner(make_app(progress_max_outline_bytes=1024), tutorial="long")
    author = with_scope(learner, "progress:author")

    assert put(author, outline("one", title="x" * 300)).status == 200
    answer = put(author, outline("x" * 200, "y" * 200, "z" * 200, "u" * 200, "v" * 200))
    assert (answer.status, "1024" in answer.body["detail"]) == (413, True)


def test_the_limit_of_other_bodies_is_as_it_was(author: Learner) -> None:
    assert author.watch(title="x" * 70000).status == 413


def test_outlines_are_limited_by_a_setting(make_app: MakeApp, make_learner: MakeLearner) -> None:
    app = make_app(ratelimit_enabled=True, ratelimit_outline="2/hour")
    author = with_scope(make_learner(app, tutorial="limited"), "progress:author")

    statuses = [put(author, WHOLE).status for _ in range(3)]

    assert statuses == [200, 200, 429]


@pytest.mark.parametrize("tutorial", ["c/c++", "outline", "certificates", "jwks", "a b"])
def test_any_tutorial_may_have_an_outline(make_learner: MakeLearner, tutorial: str) -> None:
    author = with_scope(make_learner(tutorial=tutorial), "progress:author")

    assert put(author, WHOLE).body["tutorialId"] == tutorial
    assert author.send("GET", "/outline").body["tutorialId"] == tutorial


def _utf8(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()
