"""Any number of writers leave what some order of theirs would, and each answer is true."""

import random
from typing import Any

from tests.rules.conftest import chapter_of, quiz_of
from tests.rules.races.conftest import Race, check
from tests.rules.races.racers import Send

THREADS = range(16)
EACH = 4


def chapter(name: str, seconds: int = 60, **fields: Any) -> Send:
    return Send("POST", "/chapter", {"chapterId": name, "watchTime": seconds, **fields})


def quiz(name: str, score: int = 8, key: str | None = None, **fields: Any) -> Send:
    body = {"quizId": name, "score": score, "maxScore": 1000, "passed": True, **fields}
    return Send("POST", "/quiz", body, key)


def is_shown(send: Send, progress: Any) -> bool:
    """Whether a write is in the answer to it, which may hold later ones of others."""
    if send.path == "/chapter":
        shown = chapter_of(progress, send.body["chapterId"])
        position = shown["lastPosition"] == send.body["watchTime"]
        return bool(position and shown["watchTime"] >= send.body["watchTime"])
    shown = quiz_of(progress, send.body["quizId"])
    return bool(shown["passed"] and shown["score"] >= send.body["score"])


def test_no_chapter_and_no_attempt_is_lost_between_writers(race: Race) -> None:
    learner, responses = race(
        [
            [
                send
                for n in range(EACH)
                for send in (
                    chapter(f"{t}-{n}", 1 + t, completed=True, totalChapters=len(THREADS) * EACH),
                    chapter("of all", 100 * t + n),
                    quiz("of all", 10 * t + n),
                )
            ]
            for t in THREADS
        ]
    )

    answers = [(send, check(answer)) for send, answer in responses]

    end = learner.progress()
    assert all(is_shown(send, progress) for send, progress in answers)
    assert end["chaptersCompleted"] == len(THREADS) * EACH
    assert (end["completionPercentage"], end["certificateEligible"]) == (100, True)
    assert (
        end["totalWatchTime"] == sum(t + 1 for t in THREADS) * EACH + 100 * THREADS[-1] + EACH - 1
    )
    assert quiz_of(end, "of all")["attempts"] == len(THREADS) * EACH
    assert quiz_of(end, "of all")["score"] == 10 * THREADS[-1] + EACH - 1
    assert end in [progress for _, progress in answers], "the last answer is the end"


def test_each_answer_is_of_a_moment_of_its_own(race: Race) -> None:
    _, responses = race(
        [
            [send for n in range(EACH) for send in (chapter(f"{t}-{n}"), quiz(f"q{n}"))]
            for t in THREADS
        ]
    )

    answers = [check(answer) for _, answer in responses]

    # One write, one time, one state: in the order of their times each holds the one before.
    answers.sort(key=lambda progress: str(progress["lastWatchedAt"]))
    recorded = [
        len(progress["chapterProgress"]) + sum(q["attempts"] for q in progress["quizScores"])
        for progress in answers
    ]
    assert recorded == list(range(1, len(THREADS) * EACH * 2 + 1))
    order = [c["chapterId"] for c in answers[-1]["chapterProgress"]]
    for progress in answers:
        ids = [c["chapterId"] for c in progress["chapterProgress"]]
        assert ids == order[: len(ids)]


def test_each_attempt_has_a_number_of_its_own_with_a_key_or_without(race: Race) -> None:
    learner, responses = race(
        [[quiz("one", key=f"{t}-{n}" if t % 2 else None) for n in range(EACH)] for t in THREADS]
    )

    numbers = [quiz_of(check(answer), "one")["attempts"] for _, answer in responses]

    assert sorted(numbers) == list(range(1, len(THREADS) * EACH + 1))
    assert quiz_of(learner.progress(), "one")["attempts"] == len(THREADS) * EACH


def test_retries_at_once_count_once(race: Race) -> None:
    scripts = [
        [
            quiz("one", key=f"key-{n}") if t % 2 else quiz("two", completedAt=f"time-{n}")
            for n in range(EACH)
        ]
        for t in THREADS
    ]

    learner, responses = race(scripts)

    end = learner.progress()
    assert [quiz_of(end, name)["attempts"] for name in ("one", "two")] == [EACH, EACH]
    assert {sum(q["attempts"] for q in check(a)["quizScores"]) for _, a in responses} == set(
        range(1, 2 * EACH + 1)
    )


def any_request(dice: random.Random, thread: int) -> Send:
    choices = [
        chapter(f"chapter-{dice.randrange(3)}", 100 + thread, completed=True, totalChapters=2),
        chapter(f"chapter-{dice.randrange(3)}", 1, completed=dice.random() < 0.7),
        quiz(f"quiz-{dice.randrange(2)}", dice.randrange(1000), dice.choice([None, "a", "b"])),
        Send("POST", "/complete"),
        Send("POST", "/complete"),
        Send("GET"),
        Send("DELETE"),
    ]
    return dice.choice(choices)


def test_complete_and_reset_among_the_writers_leave_a_state_that_one_of_them_made(
    race: Race,
) -> None:
    dice = random.Random(7)  # noqa: S311

    learner, responses = race([[any_request(dice, t) for _ in range(5 * EACH)] for t in THREADS])

    states = []
    for send, answer in responses:
        if send.method == "DELETE":
            assert answer.status == 200, answer
        elif send.path == "/complete" and answer.status != 200:
            assert answer.status in {400, 404}, answer
        else:
            states.append(check(answer))
            assert send.path != "/complete" or answer.body["certificateEarned"], answer
            assert send.path != "/chapter" or is_shown(send, answer.body), answer
    end = learner.progress()
    assert end["lastWatchedAt"] is None or end in states
    assert check(learner.get()) == end


def test_the_limits_are_filled_and_not_exceeded(race: Race) -> None:
    most, limits = 10, {"progress_max_chapters": 10, "progress_max_quizzes": 10}

    learner, responses = race(
        [
            [send for n in range(3) for send in (chapter(f"{t}-{n}"), quiz(f"{t}-{n}"))]
            for t in THREADS
        ],
        **limits,
    )

    end = learner.progress()
    for path, shown, name in (
        ("/chapter", "chapterProgress", "chapterId"),
        ("/quiz", "quizScores", "quizId"),
    ):
        taken = {send.body[name] for send, a in responses if send.path == path and a.status == 200}
        refused = [a for send, a in responses if send.path == path and a.status == 400]
        assert {one[name] for one in end[shown]} == taken
        assert (len(taken), len(refused)) == (most, len(THREADS) * 3 - most)
