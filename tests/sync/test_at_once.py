"""Several devices send their events at once, any of them any number of times (spec 12.4, 12.5)."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from tests.conftest import MakeLearner
from tests.events import chapter, quiz, recorded, shown
from tests.rules.conftest import MakeService
from tests.rules.model import Model
from tests.rules.races.conftest import agreeing

THREADS = 4
TUTORIALS = ("intro", "advanced")


def all_events(dice: random.Random) -> list[dict[str, Any]]:
    """Events of two tutorials, each at a time of its own."""
    found = []
    for number in range(1, 41):
        of, name = dice.choice(TUTORIALS), f"{number}"
        if dice.random() < 0.3:
            event = quiz(number, number, of=of, quiz=f"quiz-{number % 3}", passed=number % 2 > 0)
            event["maxScore"] = 1000 + number  # no two attempts are equally good
        else:
            more = {"completed": dice.choice([None, True, False]), "totalChapters": number % 9}
            event = chapter(number, dice.randrange(99), of=of, chapter=f"{number % 5}", **more)
        found.append({**event, "id": name})
    return found


def sorted_lists(progress: dict[str, Any]) -> dict[str, Any]:
    """A progress object whose lists do not depend on who came first."""
    chapters = sorted(progress["chapterProgress"], key=lambda one: one["chapterId"])
    quizzes = sorted(progress["quizScores"], key=lambda one: one["quizId"])
    bare = [{name: one[name] for name in one if name != "completedAt"} for one in quizzes]
    found = progress | {"chapterProgress": chapters, "quizScores": bare}
    return {name: value for name, value in found.items() if name != "lastWatchedAt"}


def is_in(event: dict[str, Any], progress: dict[str, Any]) -> bool:
    """Whether an answer to an event shows it."""
    if event["type"] == "quiz":
        return any(one["quizId"] == event["quizId"] for one in progress["quizScores"])
    return any(
        one["chapterId"] == event["chapterId"] and one["watchTime"] >= event["watchTime"]
        for one in progress["chapterProgress"]
    )


def test_whoever_sends_what_how_often_the_end_is_what_the_events_say(
    make_learner: MakeLearner, make_service: MakeService
) -> None:
    # given events that 4 devices have, some of them twice, in an order of their own
    dice = random.Random(16)  # noqa: S311
    learner = make_learner(make_service(web_threads=THREADS))
    events = all_events(dice)
    shares = [events[n::THREADS] + dice.sample(events, 20) for n in range(THREADS)]
    for share in shares:
        dice.shuffle(share)

    def send(share: list[dict[str, Any]]) -> None:
        for start in range(0, len(share), 5):
            batch = share[start : start + 5]
            answer = learner.post_events(*batch)
            progress_of = {one["tutorialId"]: one for one in recorded(answer)}
            # then each answer is true of the moment after its own write
            for progress in progress_of.values():
                agreeing(progress)
            assert all(is_in(event, progress_of[event["tutorialId"]]) for event in batch)

    # when
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(send, shares))
    # then
    model = Model(sticky=False, most=1000)
    model.events(learner.name, [(e["type"], e["tutorialId"], e, int(e["id"])) for e in events])
    for tutorial in TUTORIALS:
        end = replace(learner, tutorial=tutorial).progress()
        assert sorted_lists(end) == sorted_lists(model.answer(learner.name, tutorial))
        latest = max(int(event["id"]) for event in events if event["tutorialId"] == tutorial)
        assert end["lastWatchedAt"] == shown(latest)
