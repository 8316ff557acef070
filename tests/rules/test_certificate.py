"""Eligible, earned, reset."""

from dataclasses import replace
from datetime import datetime

from tests.client import Learner
from tests.conftest import MakeLearner
from tests.rules.conftest import chapter_of, quiz_of, recorded, refused

RESET = {"success": True, "message": "Progress reset successfully"}
NOT_ELIGIBLE = "Not eligible for certificate"


def test_without_a_quiz_the_chapters_are_enough(learner: Learner) -> None:
    learner.complete_chapters(1, of=1)

    progress = recorded(learner.complete())

    assert progress["certificateEligible"] is progress["certificateEarned"] is True
    assert progress["completionPercentage"] == 100


def test_95_percent_are_enough_and_become_100(learner: Learner) -> None:
    before = recorded(learner.complete_chapters(19, of=20))

    after = recorded(learner.complete())

    assert before["completionPercentage"] == 95
    assert after["completionPercentage"] == 100
    assert after["chaptersCompleted"] == 19
    assert after["totalChapters"] == 20
    assert after["lastWatchedAt"] > before["lastWatchedAt"]
    kept = ["chapterProgress", "quizScores", "totalWatchTime", "certificateEligible"]
    assert [after[name] for name in kept] == [before[name] for name in kept]
    assert learner.progress() == after


def test_a_failed_quiz_blocks_the_certificate(learner: Learner) -> None:
    learner.answer_quiz("quiz-1", passed=True)
    learner.answer_quiz("quiz-2", 2, passed=False)
    before = recorded(learner.complete_chapters(2, of=2))

    detail = refused(learner.complete(), 400, NOT_ELIGIBLE)

    assert before["certificateEligible"] is False
    assert "100 percent" in detail
    assert "1 of 2 quizzes" in detail
    assert learner.progress() == before


def test_a_failed_quiz_that_is_passed_later_opens_the_certificate(
    learner: Learner,
) -> None:
    learner.complete_chapters(1, of=1)
    failed = recorded(learner.answer_quiz("quiz-1", 2, passed=False))

    passed = recorded(learner.answer_quiz("quiz-1", 9, passed=True))

    assert failed["certificateEligible"] is False
    assert passed["certificateEligible"] is True
    assert recorded(learner.complete())["certificateEarned"] is True


def test_below_95_percent_the_refusal_says_how_far(learner: Learner) -> None:
    learner.answer_quiz()
    before = recorded(learner.complete_chapters(2, of=3))

    detail = refused(learner.complete(), 400, NOT_ELIGIBLE)

    assert "66 percent" in detail
    assert "1 of 1 quizzes" in detail
    assert learner.progress() == before


def test_a_refused_complete_is_granted_once_the_rest_is_done(learner: Learner) -> None:
    learner.complete_chapters(1, of=2)
    refused(learner.complete(), 400, NOT_ELIGIBLE)
    learner.complete_chapters(2, of=2)

    assert recorded(learner.complete())["certificateEarned"] is True


def test_only_quizzes_and_no_chapter_are_not_enough(learner: Learner) -> None:
    progress = recorded(learner.answer_quiz(passed=True))

    assert progress["certificateEligible"] is False
    assert "0 percent" in refused(learner.complete(), 400, NOT_ELIGIBLE)


def test_where_nothing_was_recorded_there_is_nothing_to_complete(
    learner: Learner,
) -> None:
    refused(learner.complete(), 404, "No progress found for this tutorial")

    assert learner.progress()["lastWatchedAt"] is None


def test_a_larger_total_takes_eligibility_before_it_is_earned(learner: Learner) -> None:
    learner.complete_chapters(2, of=2)

    progress = recorded(learner.watch("chapter-0", totalChapters=3))

    assert progress["completionPercentage"] == 66
    assert progress["certificateEligible"] is False
    refused(learner.complete(), 400, NOT_ELIGIBLE)


def test_asked_again_after_it_was_earned_nothing_changes(learner: Learner) -> None:
    learner.complete_chapters(1, of=1)
    earned = recorded(learner.complete())

    again = recorded(learner.complete())

    assert again == earned == learner.progress()


def test_earned_stays_earned_and_100_percent_whatever_is_posted_later(
    learner: Learner,
) -> None:
    learner.complete_chapters(2, of=2)
    learner.complete()

    taken_back = recorded(learner.watch("chapter-0", completed=False))
    grown = recorded(learner.watch("chapter-9", totalChapters=50))
    failed = recorded(learner.answer_quiz("quiz-9", 0, passed=False))

    for progress in (taken_back, grown, failed):
        assert progress["certificateEarned"] is True
        assert progress["completionPercentage"] == 100
    assert grown["totalChapters"] == 50
    assert grown["chaptersCompleted"] == 1
    assert not chapter_of(grown, "chapter-0")["completed"]
    assert learner.progress() == failed


def test_after_it_was_earned_eligible_still_follows_the_rule(learner: Learner) -> None:
    learner.complete_chapters(1, of=1)
    learner.complete()

    taken_back = recorded(learner.watch("chapter-0", completed=False))
    failed = recorded(learner.answer_quiz(passed=False))
    again = learner.complete()
    passed = recorded(learner.answer_quiz(passed=True))

    assert taken_back["certificateEligible"] is True, "the percentage stays 100"
    assert failed["certificateEligible"] is False
    assert recorded(again) == failed
    assert passed["certificateEligible"] is True


def test_reset_forgets_everything(learner: Learner) -> None:
    unknown = learner.progress()
    learner.complete_chapters(2, of=2)
    learner.answer_quiz()
    learner.complete()

    answer = learner.reset()

    assert (answer.status, answer.body) == (200, RESET)
    assert learner.progress() == unknown
    refused(learner.complete(), 404, "No progress found for this tutorial")


def test_after_a_reset_the_learner_starts_again(learner: Learner) -> None:
    learner.complete_chapters(2, of=9)
    before = recorded(learner.answer_quiz("quiz-1", 9))
    learner.reset()

    learner.watch("chapter-1", 5)
    after = recorded(learner.answer_quiz("quiz-1", 1, passed=False))

    assert after["totalChapters"] == after["completionPercentage"] == 0
    assert [c["watchTime"] for c in after["chapterProgress"]] == [5]
    quiz = quiz_of(after)
    assert (quiz["score"], quiz["passed"], quiz["attempts"]) == (1, False, 1)
    times = [progress["lastWatchedAt"] for progress in (before, after)]
    assert datetime.fromisoformat(times[1]) > datetime.fromisoformat(times[0])


def test_reset_succeeds_where_there_is_nothing(learner: Learner) -> None:
    first, second = learner.reset(), learner.reset()

    assert (first.status, first.body) == (second.status, second.body) == (200, RESET)


def test_reset_touches_no_other_learner_and_no_other_tutorial(
    make_learner: MakeLearner,
) -> None:
    learner, other = make_learner(), make_learner()
    elsewhere = replace(learner, tutorial="another")
    for one in (learner, other, elsewhere):
        one.complete_chapters(1, of=2)
        one.answer_quiz(headers={"Idempotency-Key": "a"})
    before = [other.progress(), elsewhere.progress()]

    learner.reset()
    repeat = other.answer_quiz(headers={"Idempotency-Key": "a"})

    assert [other.progress(), elsewhere.progress()] == before
    assert recorded(repeat) == before[0]


def test_learners_and_tutorials_are_kept_apart(make_learner: MakeLearner) -> None:
    learner, other = make_learner(), make_learner()
    elsewhere = replace(learner, tutorial="another")
    unknown = [other.progress(), elsewhere.progress()]

    learner.complete_chapters(1, of=1)
    learner.complete()

    assert [other.progress(), elsewhere.progress()] == unknown
    assert unknown[1] == unknown[0] | {
        "tutorialId": "another",
        "userId": learner.name,
    }
