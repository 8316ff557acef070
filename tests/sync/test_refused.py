"""A refused event stops no other (spec 12.3)."""

import pytest

from tests import events
from tests.client import Learner
from tests.conftest import MakeLearner
from tests.events import chapter, complete, quiz, recorded, refused
from tests.rules.conftest import WAYS

# What is refused never travels.
pytestmark = pytest.mark.parametrize(
    "way", [WAYS["one-trip"]], ids=["one-trip"], indirect=True, scope="session"
)
INVALID_TIMES: list[object] = [
    None,
    "",
    5,
    True,
    [],
    "now",
    "2026-01-05",
    "2026-01-05T10:05:00",
    "2026-01-05T10:05Z",
    "2026-01-05T10:05:00+25:00",
    "2026-01-05T10:05:00+0100",
    "2026-01-05T25:05:00Z",
    "2026-01-05T10:61:00Z",
    "2026-01-05T10:05:61Z",
    "2026-02-30T10:05:00Z",
    "0000-01-01T00:00:00Z",
    "10000-01-01T00:00:00Z",
    " 2026-01-05T10:05:00Z",
    "2026-01-05T10:05:00Z\n",
    "٢٠٢٦-01-05T10:05:00Z",
    "2026-01-05T10:05:00.Z",
    "2026-01-05T10:05:00Z" + "0" * 5000,
]


def invalid(learner: Learner, event: object) -> dict[str, list[str]]:
    """The invalid fields of an event, which has to be refused between two that are recorded."""
    answer = learner.post_events(chapter(1), event, quiz(2))

    assert [one["status"] for one in answer.body["results"]] == ["recorded", "refused", "recorded"]
    (result,) = refused(answer)
    assert (result["error"], set(result)) == (
        "Invalid request",
        {"id", "status", "error", "detail", "fields"},
    )
    assert result["detail"]
    assert len(answer.body["progress"]) == 1
    found: dict[str, list[str]] = result["fields"]
    return found


@pytest.mark.parametrize("at", INVALID_TIMES)
def test_what_is_no_instant_is_refused(learner: Learner, at: object) -> None:
    assert list(invalid(learner, chapter(3) | {"at": at})) == ["at"]


@pytest.mark.parametrize(
    "name", [None, "", " ", "a\0", "\ud800", "x" * 256, 5, True, [], {"id": "x"}]
)
@pytest.mark.parametrize("field", ["id", "tutorialId", "chapterId"])
def test_what_is_no_id_is_refused(learner: Learner, field: str, name: object) -> None:
    assert list(invalid(learner, chapter(3) | {field: name})) == [field]


@pytest.mark.parametrize("field", ["id", "type", "tutorialId", "at", "chapterId", "watchTime"])
def test_what_an_event_lacks_is_named(learner: Learner, field: str) -> None:
    event = chapter(3)
    del event[field]

    assert list(invalid(learner, event)) == [field]


@pytest.mark.parametrize("kind", [None, "", "CHAPTER", "reset", "get", 5, ["chapter"], {}])
def test_an_unknown_type_is_refused(learner: Learner, kind: object) -> None:
    assert "chapter, quiz, complete" in invalid(learner, chapter(3) | {"type": kind})["type"][0]


@pytest.mark.parametrize("event", [None, 5, "chapter", True, [], [chapter(3)]])
def test_what_is_no_object_is_refused_without_an_id(learner: Learner, event: object) -> None:
    answer = learner.post_events(event, chapter(1))

    (result,) = refused(answer)
    assert (result["id"], list(result["fields"])) == (None, ["events"])
    assert len(answer.body["progress"]) == 1


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (chapter(3, -1), "watchTime"),
        (chapter(3, "60"), "watchTime"),
        (chapter(3, True), "watchTime"),
        (chapter(3, 2**31), "watchTime"),
        (chapter(3, completed="true"), "completed"),
        (chapter(3, lastPosition=-1), "lastPosition"),
        (chapter(3, totalChapters=1.5), "totalChapters"),
        (quiz(3, quiz=""), "quizId"),
        (quiz(3, 8.5), "score"),
        (quiz(3, maxScore=0), "maxScore"),
        (quiz(3, passed=1), "passed"),
        (complete(3, holderName=""), "holderName"),
        (complete(3, holderName="x" * 256), "holderName"),
    ],
)
def test_an_event_has_the_bounds_of_the_post(
    learner: Learner, event: events.Event, field: str
) -> None:
    assert list(invalid(learner, event)) == [field]


@pytest.mark.parametrize("score", [-1, 11, 10**30])
def test_a_score_out_of_range_is_refused_with_the_words_of_the_post(
    learner: Learner, score: int
) -> None:
    (result,) = refused(learner.post_events(quiz(1, score)))

    expected = learner.answer_quiz(score=score).body
    for name in ("error", "detail", "fields"):
        assert result[name] == expected[name]


def test_a_reserved_tutorial_is_refused(learner: Learner) -> None:
    assert list(invalid(learner, chapter(3, of="openapi.json"))) == ["tutorialId"]


def test_null_means_that_an_optional_field_is_not_given(learner: Learner) -> None:
    nothing = dict.fromkeys(("completed", "lastPosition", "totalChapters", "holderName"))

    (progress,) = recorded(learner.post_events(chapter(1, 5, **nothing)))

    assert progress["chapterProgress"][0]["lastPosition"] == 5


def test_unknown_fields_are_ignored_and_a_user_id_inside_an_event_too(
    make_learner: MakeLearner,
) -> None:
    ada, bob = make_learner(), make_learner()

    for user in (bob.name, 5, None):
        event = chapter(1, userId=user, attempts=9, score="x", quizId="")
        (progress,) = recorded(ada.post_events(event))
        assert progress["userId"] == ada.name

    assert bob.progress()["chapterProgress"] == []


def test_complete_with_nothing_recorded_is_refused_and_records_nothing(learner: Learner) -> None:
    answer = learner.post_events(complete(1))

    (result,) = refused(answer)
    assert result == {
        "id": "d1",
        "status": "refused",
        "error": "No progress found for this tutorial",
        "detail": learner.complete().body["detail"],
    }
    assert answer.body["progress"] == learner.tutorials().body["items"] == []


def test_complete_too_early_is_refused_and_the_rest_is_recorded(learner: Learner) -> None:
    answer = learner.post_events(complete(1), chapter(2, totalChapters=2, completed=True))

    (result,) = refused(answer)
    assert (result["id"], result["error"]) == ("d1", "Not eligible for certificate")
    assert "50 percent" in result["detail"]
    (progress,) = answer.body["progress"]
    assert (progress["chaptersCompleted"], progress["certificateEarned"]) == (1, False)
    assert progress == learner.progress()


def test_one_chapter_too_many_is_refused_alone(limited: Learner) -> None:
    names = ("a", "b", "c", "a")
    answer = limited.post_events(
        *[chapter(n, chapter=name) for n, name in enumerate(names)], quiz(9)
    )

    (result,) = refused(answer)
    assert (result["id"], result["error"]) == ("c2", "Too many chapters")
    (progress,) = answer.body["progress"]
    assert [one["chapterId"] for one in progress["chapterProgress"]] == ["a", "b"]
    assert len(progress["quizScores"]) == 1


def test_one_quiz_too_many_is_refused_alone(limited: Learner) -> None:
    answer = limited.post_events(*[quiz(n, quiz=f"quiz-{n}") for n in range(3)])

    (result,) = refused(answer)
    assert (result["id"], result["error"]) == ("q2", "Too many quizzes")


def test_a_refused_chapter_does_not_raise_the_total_of_chapters(limited: Learner) -> None:
    done = {"completed": True, "totalChapters": 2}
    recorded(limited.post_events(chapter(1, chapter="a", **done), chapter(2, chapter="b", **done)))
    before = limited.progress()

    answer = limited.post_events(chapter(3, chapter="c", totalChapters=9))
    assert len(refused(answer)) == 1
    assert limited.progress() == before
    # ... nor does it beside one that is recorded.
    answer = limited.post_events(chapter(3, chapter="c", totalChapters=9), chapter(4, chapter="a"))
    assert len(refused(answer)) == 1
    assert limited.progress()["totalChapters"] == 2


def test_all_refused_is_an_answer_without_progress(learner: Learner) -> None:
    answer = learner.post_events({}, 5)

    assert len(refused(answer)) == 2
    assert answer.body["progress"] == []
    assert answer.body["serverTime"].endswith("Z")
