"""A race of 16 threads over two processes, for a learner that nobody has heard of."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from tests.client import Answer, Learner
from tests.conftest import MakeLearner
from tests.rules.conftest import MakeService, Way
from tests.rules.races.racers import Racers, Responses, Script

Race = Callable[..., tuple[Learner, Responses]]


@pytest.fixture(scope="session")
def racers() -> Iterator[Racers]:
    """Two processes, started once."""
    started = Racers()
    yield started
    started.stop()


@pytest.fixture
def race(
    racers: Racers,
    way: Way,
    shared_database: str,
    make_learner: MakeLearner,
    make_service: MakeService,
) -> Race:
    """Run a script in each thread; return the learner and all responses."""

    def run(scripts: Sequence[Script], **settings: Any) -> tuple[Learner, Responses]:
        learner = make_learner(make_service(**settings))
        given = way.settings(shared_database) | settings
        return learner, racers.race(learner.name, given, scripts)

    return run


def check(answer: Answer) -> Any:
    """A progress object in which the counts agree with the lists."""
    assert answer.status == 200, answer
    return agreeing(answer.body)


def agreeing(progress: Any) -> Any:
    """The same progress object, after its counts are compared with its lists."""
    chapters, quizzes = progress["chapterProgress"], progress["quizScores"]
    completed = sum(chapter["completed"] for chapter in chapters)
    assert progress["chaptersCompleted"] == completed, progress
    assert progress["totalWatchTime"] == sum(chapter["watchTime"] for chapter in chapters), progress
    total, earned = progress["totalChapters"], progress["certificateEarned"]
    share = min(100, 100 * completed // total) if total else 0
    assert progress["completionPercentage"] == (100 if earned else share), progress
    eligible = progress["completionPercentage"] >= 95 and all(q["passed"] for q in quizzes)
    assert progress["certificateEligible"] is eligible, progress
    return progress
