"""What the harness of `make chaos` takes for lost, and what for wrong."""

import pytest

from chaos.client import Write
from chaos.judgement import Key, Progress, Totals, judge

KEY: Key = ("ada", "intro")


def watched(seconds: int, *, completed: bool = False) -> Write:
    return Write(*KEY, "chapter", "one", seconds, completed)


ATTEMPT = Write(*KEY, "quiz", "final", 8)


def stored(
    seconds: int | None = None,
    *,
    completed: bool = False,
    attempts: int = 0,
    score: int = 8,
    more: Totals = Totals(),  # noqa: B008 - it cannot be changed
) -> dict[Key, Progress]:
    chapters = {} if seconds is None else {"one": (seconds, completed)}
    right = (seconds or 0, int(completed), 60 if chapters else 0, int(completed))
    totals = Totals(*map(sum, zip(right, more, strict=True)))
    return {KEY: Progress(totals, chapters, {"final": (attempts, score)} if attempts else {})}


@pytest.mark.parametrize(
    ("acknowledged", "unanswered", "kept"),
    [
        ([watched(9), watched(5)], [], stored(9)),
        ([watched(9)], [watched(12)], stored(9)),
        ([watched(9)], [watched(12)], stored(12)),
        ([watched(9, completed=True)], [], stored(9, completed=True)),
        ([watched(9)], [watched(9, completed=True)], stored(9, completed=True)),
        ([], [watched(9)], {}),
        ([ATTEMPT, ATTEMPT], [ATTEMPT], stored(attempts=2)),
        ([ATTEMPT, ATTEMPT], [ATTEMPT], stored(attempts=3)),
    ],
)
def test_what_was_answered_is_there_and_what_was_not_may_be_once(
    acknowledged: list[Write], unanswered: list[Write], kept: dict[Key, Progress]
) -> None:
    judgement = judge(acknowledged, unanswered, kept)

    assert (judgement.lost, judgement.wrong, judgement.details) == (0, 0, [])


@pytest.mark.parametrize(
    ("acknowledged", "unanswered", "kept", "lost", "wrong"),
    [
        pytest.param([watched(9)], [], {}, 1, 0, id="a chapter is gone"),
        pytest.param([watched(9)], [], stored(8), 1, 0, id="a watch time shrank"),
        pytest.param([watched(9, completed=True)], [], stored(9), 1, 0, id="not completed"),
        pytest.param([watched(9)], [], stored(9, completed=True), 0, 1, id="completed by nobody"),
        pytest.param([watched(9)], [watched(12)], stored(11), 0, 1, id="watched by nobody"),
        pytest.param([], [], stored(9), 0, 1, id="a chapter of nobody"),
        pytest.param([watched(9)], [], stored(9, more=Totals(1)), 0, 1, id="a wrong watch time"),
        pytest.param([watched(9)], [], stored(9, more=Totals(0, 1)), 0, 1, id="a wrong count"),
        pytest.param([watched(9)], [], stored(9, more=Totals(0, 0, 1)), 0, 1, id="a wrong total"),
        pytest.param([watched(9)], [], stored(9, more=Totals(0, 0, 0, 1)), 0, 1, id="a percentage"),
        pytest.param([ATTEMPT], [], stored(attempts=1, score=7), 0, 1, id="not the best score"),
        pytest.param([], [ATTEMPT], stored(attempts=1, score=9), 0, 1, id="a score of nobody"),
        pytest.param([ATTEMPT] * 3, [], stored(attempts=1), 2, 0, id="two attempts are gone"),
        pytest.param([ATTEMPT], [], stored(attempts=2), 0, 1, id="counted twice"),
        pytest.param([ATTEMPT], [ATTEMPT], stored(attempts=3), 0, 1, id="a repeat counted twice"),
    ],
)
def test_anything_else_is_lost_or_wrong(
    acknowledged: list[Write],
    unanswered: list[Write],
    kept: dict[Key, Progress],
    lost: int,
    wrong: int,
) -> None:
    judgement = judge(acknowledged, unanswered, kept)

    assert (judgement.lost, judgement.wrong) == (lost, wrong)
    assert judgement.details
