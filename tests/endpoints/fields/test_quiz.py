"""Each field of a quiz post: what it may be, and what is refused with nothing changed."""

import pytest

from tests.client import Learner
from tests.endpoints.expectations import (
    MISSING,
    MOST,
    NOT_BOOLEAN,
    NOT_WHOLE,
    NULL,
    SCORE,
    ask,
    assert_field_refused,
    assert_not_json,
    assert_refused,
    nothing_changes,
)

NO_NUMBER = ("true", "false", '"8"', '""', "[]", "[8]", "{}")
TOO_FAR = ("-1", "2147483648", "-2147483649", "1" + "0" * 400)


@pytest.mark.parametrize(
    ("score", "max_score", "kept"),
    [
        ("0", "1", (0, 1)),
        ("1", "1", (1, 1)),
        ("8", "10", (8, 10)),
        ("8.0", "10.0", (8, 10)),
        ("-0.0", "10", (0, 10)),
        ("8e0", "1e1", (8, 10)),
        ("0", "2147483647", (0, MOST)),
        ("2147483647", "2147483647", (MOST, MOST)),
    ],
)
def test_score_and_max_score_are_whole_numbers(
    learner: Learner, score: str, max_score: str, kept: tuple[int, int]
) -> None:
    answer = ask(learner, "quiz", {"score": score, "maxScore": max_score})
    assert answer.status == 200
    quiz = answer.body["quizScores"][0]
    assert (quiz["score"], quiz["maxScore"]) == kept
    assert [type(quiz["score"]), type(quiz["maxScore"])] == [int, int]


@pytest.mark.parametrize("sent", [*NO_NUMBER, *TOO_FAR, "0", "0.0", "8.5", "1e999", "-1e999"])
def test_what_is_no_max_score_is_refused(busy: Learner, sent: str) -> None:
    with nothing_changes(busy):
        assert_field_refused(ask(busy, "quiz", {"maxScore": sent}), "maxScore", NOT_WHOLE)


@pytest.mark.parametrize("sent", [*NO_NUMBER, "8.5", "-0.5", "1e999", "-1e999"])
def test_a_score_that_is_no_whole_number_is_refused(busy: Learner, sent: str) -> None:
    with nothing_changes(busy):
        assert_field_refused(ask(busy, "quiz", {"score": sent}), "score", NOT_WHOLE)


@pytest.mark.parametrize(
    ("score", "max_score"),
    [("11", "10"), ("1.0e2", "10"), ("2", "1"), *((score, "10") for score in TOO_FAR)],
)
def test_a_score_is_from_0_to_max_score_in_the_guides_words(
    busy: Learner, score: str, max_score: str
) -> None:
    with nothing_changes(busy):
        answer = ask(busy, "quiz", {"score": score, "maxScore": max_score})
        assert_refused(answer, 400, SCORE, f"score: {SCORE}", {"score": [SCORE]})


@pytest.mark.parametrize("sent", ["NaN", "Infinity", "-Infinity", "1" + "0" * 5000])
@pytest.mark.parametrize("field", ["score", "maxScore"])
def test_a_score_that_json_does_not_have_is_refused(busy: Learner, field: str, sent: str) -> None:
    with nothing_changes(busy):
        assert_not_json(ask(busy, "quiz", {field: sent}))


@pytest.mark.parametrize("passed", ["true", "false"])
def test_passed_is_a_boolean(learner: Learner, passed: str) -> None:
    answer = ask(learner, "quiz", {"passed": passed})
    assert answer.body["quizScores"][0]["passed"] is (passed == "true")


@pytest.mark.parametrize("sent", ["0", "1", "1.0", '"true"', '"yes"', '""', "[]", "{}"])
def test_a_passed_that_is_no_boolean_is_refused(busy: Learner, sent: str) -> None:
    with nothing_changes(busy):
        assert_field_refused(ask(busy, "quiz", {"passed": sent}), "passed", NOT_BOOLEAN)


@pytest.mark.parametrize(("sent", "message"), [(None, MISSING), ("null", NULL)])
@pytest.mark.parametrize("field", ["quizId", "score", "maxScore", "passed"])
def test_a_quiz_post_needs_each_of_its_fields(
    busy: Learner, field: str, sent: str | None, message: str
) -> None:
    with nothing_changes(busy):
        assert_field_refused(ask(busy, "quiz", {field: sent}), field, message)


@pytest.mark.parametrize(
    "sent", ["null", '""', '"2026-01-01T10:00:00Z"', '"\\u0000"', '"\\ud800"', "1e999", "[]", "{}"]
)
def test_a_completed_at_of_any_kind_is_no_reason_to_refuse(learner: Learner, sent: str) -> None:
    answer = ask(learner, "quiz", {"completedAt": sent})
    assert answer.status == 200
    assert answer.body["quizScores"][0]["attempts"] == 1


@pytest.mark.parametrize("length", [1, 255])
def test_a_repeat_of_an_idempotency_key_answers_as_a_success_and_counts_once(
    learner: Learner, length: int
) -> None:
    headers = {"Idempotency-Key": "k" * length}
    first = learner.answer_quiz(headers=headers)
    repeat = learner.answer_quiz(headers=headers)
    assert (repeat.status, repeat.body) == (200, first.body)
    assert repeat.body["quizScores"][0]["attempts"] == 1


@pytest.mark.parametrize("length", [0, 256, 5000])
def test_an_idempotency_key_of_another_length_is_refused(busy: Learner, length: int) -> None:
    with nothing_changes(busy):
        answer = busy.answer_quiz(headers={"Idempotency-Key": "k" * length})
        message = "Length must be between 1 and 255."
        assert_field_refused(answer, "Idempotency-Key", message)


def test_an_idempotency_key_in_the_body_is_an_unknown_field(learner: Learner) -> None:
    for _ in range(2):
        answer = ask(learner, "quiz", {"Idempotency-Key": '"the same"'})
    assert answer.body["quizScores"][0]["attempts"] == 2
