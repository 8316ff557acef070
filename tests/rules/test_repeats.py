"""A retried quiz post counts once: by Idempotency-Key, or by the same completedAt."""

from dataclasses import replace
from typing import Any

import pytest

from tests.client import Answer, Learner
from tests.conftest import MakeLearner
from tests.rules.conftest import quiz_of, recorded

WHEN = "2026-03-01T10:00:00.000Z"


def keyed(learner: Learner, key: str, quiz: str = "quiz-1", score: int = 8, of: int = 10) -> Answer:
    return learner.answer_quiz(quiz, score, of, headers={"Idempotency-Key": key})


@pytest.mark.parametrize(
    ("headers", "fields"),
    [
        ({"Idempotency-Key": "key-1"}, {}),
        ({}, {"completedAt": WHEN}),
        ({"Idempotency-Key": "key-1"}, {"completedAt": WHEN}),
    ],
)
def test_a_repeat_answers_as_a_success_and_changes_nothing(
    learner: Learner, headers: dict[str, str], fields: dict[str, object]
) -> None:
    first = learner.answer_quiz(score=3, passed=False, headers=headers, **fields)

    repeat = learner.answer_quiz(score=3, passed=False, headers=headers, **fields)

    assert recorded(repeat) == recorded(first)
    assert learner.progress() == first.body


def test_a_repeat_changes_nothing_even_if_it_says_otherwise(learner: Learner) -> None:
    learner.complete_chapters(1, of=1)
    first = learner.answer_quiz(score=3, passed=False, headers={"Idempotency-Key": "a"})

    repeat = learner.answer_quiz(score=9, passed=True, headers={"Idempotency-Key": "a"})

    assert recorded(repeat) == recorded(first)
    assert repeat.body["certificateEligible"] is False


def test_a_repeat_after_other_writes_shows_them_and_changes_nothing(
    learner: Learner,
) -> None:
    keyed(learner, "a")
    later = learner.complete_chapters(1, of=1)

    repeat = keyed(learner, "a")

    assert recorded(repeat) == recorded(later)


def test_an_earlier_key_is_still_known_after_other_attempts(learner: Learner) -> None:
    keyed(learner, "a")
    keyed(learner, "b")
    learner.answer_quiz()
    latest = recorded(learner.answer_quiz(completedAt=WHEN))

    repeats = [keyed(learner, "a"), keyed(learner, "b"), keyed(learner, "a")]

    assert [recorded(repeat) for repeat in repeats] == [latest] * 3
    assert quiz_of(latest)["attempts"] == 4


def test_another_key_or_none_is_another_attempt(learner: Learner) -> None:
    answers = [keyed(learner, "a"), keyed(learner, "A"), learner.answer_quiz()]

    assert [quiz_of(recorded(a))["attempts"] for a in answers] == [1, 2, 3]


def test_the_same_key_for_another_quiz_counts(learner: Learner) -> None:
    learner.answer_quiz("quiz-2")
    keyed(learner, "a", "quiz-1")

    recorded(keyed(learner, "a", "quiz-2"))
    progress = recorded(keyed(learner, "a", "quiz-3"))

    attempts = [(quiz["quizId"], quiz["attempts"]) for quiz in progress["quizScores"]]
    assert attempts == [("quiz-2", 2), ("quiz-1", 1), ("quiz-3", 1)]


def test_the_same_key_of_another_learner_or_tutorial_counts(
    make_learner: MakeLearner,
) -> None:
    learner, other = make_learner(), make_learner()
    elsewhere = replace(learner, tutorial="another")
    for one in (learner, other, elsewhere):
        one.answer_quiz()
    key = f"of {learner.name}"
    keyed(learner, key)

    answers = [keyed(other, key), keyed(elsewhere, key), keyed(learner, key)]

    assert [quiz_of(recorded(a))["attempts"] for a in answers] == [2, 2, 2]


def test_a_key_and_a_completed_at_of_the_same_text_are_two_things(
    learner: Learner,
) -> None:
    keyed(learner, WHEN)
    keyed(learner, f'"{WHEN}"')

    progress = recorded(learner.answer_quiz(completedAt=WHEN))

    assert quiz_of(progress)["attempts"] == 3


def test_the_same_completed_at_is_a_repeat_also_under_a_new_key(
    learner: Learner,
) -> None:
    learner.answer_quiz(completedAt=WHEN, headers={"Idempotency-Key": "a"})

    by_time = learner.answer_quiz(completedAt=WHEN, headers={"Idempotency-Key": "b"})
    by_key = learner.answer_quiz(completedAt="later", headers={"Idempotency-Key": "a"})

    assert quiz_of(recorded(by_time))["attempts"] == 1
    assert quiz_of(recorded(by_key))["attempts"] == 1


@pytest.mark.parametrize("given", [{}, {"completedAt": None}, {"completedAt": ""}])
def test_without_a_completed_at_every_post_counts(learner: Learner, given: dict[str, Any]) -> None:
    learner.answer_quiz(**given)

    progress = recorded(learner.answer_quiz(**given))

    assert quiz_of(progress)["attempts"] == 2


def test_the_completed_at_of_the_answer_is_the_service_s_own(learner: Learner) -> None:
    progress = recorded(learner.answer_quiz(completedAt=WHEN))

    assert quiz_of(progress)["completedAt"] == progress["lastWatchedAt"] != WHEN


def test_a_key_of_255_characters_is_one(learner: Learner) -> None:
    first, second = "k" * 255, "k" * 254 + "l"
    keyed(learner, first)

    answers = [keyed(learner, first), keyed(learner, second)]

    assert [quiz_of(recorded(a))["attempts"] for a in answers] == [1, 2]


def test_a_key_of_256_characters_is_refused(learner: Learner) -> None:
    answer = keyed(learner, "k" * 256)

    assert answer.status == 400, answer
    assert list(answer.body["fields"]) == ["Idempotency-Key"]
    assert learner.progress()["quizScores"] == []


def test_an_empty_key_is_refused(learner: Learner) -> None:
    answer = keyed(learner, "")

    assert answer.status == 400, answer
    assert learner.progress()["quizScores"] == []


def test_a_field_of_the_body_is_no_key(learner: Learner) -> None:
    field: dict[str, Any] = {"Idempotency-Key": "a"}
    learner.answer_quiz(**field)

    progress = recorded(learner.answer_quiz(**field))

    assert quiz_of(progress)["attempts"] == 2


def test_a_refused_attempt_is_not_remembered(learner: Learner) -> None:
    assert keyed(learner, "a", score=11).status == 400

    progress = recorded(keyed(learner, "a", score=10))

    assert quiz_of(progress)["score"] == 10


def test_a_reset_forgets_the_keys(learner: Learner) -> None:
    learner.answer_quiz(completedAt=WHEN, headers={"Idempotency-Key": "a"})
    learner.reset()

    first = learner.answer_quiz(completedAt=WHEN)
    second = keyed(learner, "a")

    assert quiz_of(recorded(first))["attempts"] == 1
    assert quiz_of(recorded(second))["attempts"] == 2
