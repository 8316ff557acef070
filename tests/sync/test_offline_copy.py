"""What a browser kept offline comes home in one request, as docs/api.md says."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.client import Learner
from tests.docs.console import block_below
from tests.events import recorded
from tests.rules.conftest import chapter_of, quiz_of

COMPLETED_AT = "2026-01-05T12:{0:02}:00.000Z"
# As the browser keeps it in `localStorage`: text, of a learner that had no name yet.
KEPT = json.dumps(
    {
        "tutorialId": "python-basics",
        "userId": None,
        "completionPercentage": 100,
        "chaptersCompleted": 20,
        "totalChapters": 20,
        "chapterProgress": [
            {
                "chapterId": f"chapter-{n}",
                "watchTime": 60.5 + n,
                "completed": True,
                "lastPosition": 30.25 + n,
            }
            for n in range(20)
        ],
        "quizScores": [
            {
                "quizId": f"quiz-{n}",
                "score": 7,
                "maxScore": 10,
                "passed": True,
                "attempts": 3,
                "completedAt": COMPLETED_AT.format(n),
            }
            for n in range(14)
        ],
        "certificateEligible": True,
        "certificateEarned": True,
        "totalWatchTime": 1400,
        "lastWatchedAt": "2026-01-05T12:30:00.000Z",
    }
)


def events_of(copy: Any) -> list[dict[str, Any]]:
    """The events of a progress object, by the rules of docs/api.md."""
    of, last = copy["tutorialId"], copy.get("lastWatchedAt") or "1970-01-01T00:00:00Z"
    common = {"tutorialId": of, "at": last}
    chapters = [
        {
            **common,
            "type": "chapter",
            "chapterId": one["chapterId"],
            "watchTime": one.get("watchTime") or 0,
            "lastPosition": one.get("lastPosition"),
            "completed": True if one.get("completed") else None,
            "totalChapters": copy.get("totalChapters"),
        }
        for one in copy.get("chapterProgress") or []
    ]
    quizzes = [
        {**common, **one, "type": "quiz", "at": one.get("completedAt") or last}
        for one in copy.get("quizScores") or []
    ]
    complete = [{**common, "type": "complete"}] if copy.get("certificateEarned") else []
    return [
        {**event, "id": _id(event, number)}
        for number, event in enumerate([*chapters, *quizzes, *complete])
    ]


def _id(event: dict[str, Any], number: int) -> str:
    return f"kept {event['at']} {number}"


def test_an_offline_copy_comes_home_in_one_request(learner: Learner) -> None:
    kept = json.loads(KEPT)

    (progress,) = recorded(learner.post_events(*events_of(kept)))

    for name in ("completionPercentage", "totalChapters", "chaptersCompleted"):
        assert progress[name] == kept[name]
    assert progress["certificateEarned"]
    assert progress["lastWatchedAt"] == "2026-01-05T12:30:00.000000Z"
    assert [(one["watchTime"], one["lastPosition"]) for one in progress["chapterProgress"]] == [
        (60 + n, 30 + n) for n in range(20)
    ]
    assert [one["completedAt"][:19] for one in progress["quizScores"]] == [
        COMPLETED_AT.format(n)[:19] for n in range(14)
    ]


def test_it_comes_home_again_without_a_change(learner: Learner) -> None:
    events = events_of(json.loads(KEPT))

    (first,) = recorded(learner.post_events(*events))
    (again,) = recorded(learner.post_events(*events))

    assert again == first
    assert {one["attempts"] for one in again["quizScores"]} == {1}


def test_what_was_recorded_online_stays_ahead_of_it(learner: Learner) -> None:
    online = replace(learner, tutorial="python-basics")
    online.watch("chapter-1", 90, lastPosition=5, completed=False)
    online.answer_quiz("quiz-1", completedAt=COMPLETED_AT.format(1))

    answer = learner.post_events(*events_of(json.loads(KEPT)))

    # 95 percent is enough.
    (progress,) = recorded(answer)
    one = chapter_of(progress, "chapter-1")
    assert (one["watchTime"], one["lastPosition"], one["completed"]) == (90, 5, False)
    # The attempt that was posted before it was kept counts once.
    assert quiz_of(progress, "quiz-1")["attempts"] == 1


def test_a_copy_with_nothing_but_its_tutorial_makes_no_event() -> None:
    assert events_of({"tutorialId": "intro"}) == []


def test_the_events_that_the_page_shows_are_recorded(learner: Learner, root: Path) -> None:
    page = (root / "docs/api.md").read_text()
    shown = json.loads(block_below("## All tutorials of a learner", page, "json"))

    assert len(recorded(learner.post_events(*shown["events"]))) == 1
