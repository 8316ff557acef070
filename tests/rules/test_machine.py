"""Any sequence of requests is answered as the model of the rules says."""

import copy
import os
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.client import Answer, Learner
from tests.conftest import MakeLearner
from tests.events import minute
from tests.rules.conftest import WAYS, MakeService
from tests.rules.model import MOST, Model, Refused

# One by one, psycopg 2 and 3 take the same road.
pytestmark = pytest.mark.parametrize(
    "way",
    [WAYS[name] for name in ("one-trip", "psycopg-3")],
    ids=["one-trip", "psycopg-3"],
    indirect=True,
    scope="session",
)
LIMIT = 3
FUTURE = 60 * 24 * 365 * 500
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")

# The same steps at each run; HYPOTHESIS_PROFILE=explore takes others, and more of them.
settings.register_profile(
    "repeatable",
    derandomize=True,
    max_examples=3,
    stateful_step_count=20,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
settings.register_profile(
    "explore",
    settings.get_profile("repeatable"),
    derandomize=False,
    max_examples=1000,
    stateful_step_count=50,
)
PROFILE = settings.get_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

# Most of it in one place, so that much happens there.
EVERYONE = [(0, "intro"), (0, "advanced"), (1, "intro"), (1, "advanced")]
WHO = st.sampled_from([EVERYONE[0]] * 5 + EVERYONE)
SECONDS = st.sampled_from([0, 1, 30, 30.99, 60, 61, MOST - 1, MOST, float(MOST)])
WORD = st.sampled_from([None, True, True, False])
TOTALS = st.sampled_from([None, 0, *[1] * 12, 2, 2.0, 3, MOST])
NAMES = ["b", "b", "b", "a", "a", "c", "d"]
CHAPTERS = st.fixed_dictionaries(
    {"chapterId": st.sampled_from(NAMES), "watchTime": SECONDS},
    optional={
        "completed": WORD,
        "lastPosition": st.none() | SECONDS,
        "totalChapters": TOTALS,
    },
)
SCORES = st.sampled_from(
    [(0, 1), (1, 1), (8, 10), (4, 5), (3, 4), (9, 10), (0, MOST), (MOST - 1, MOST), (MOST, MOST)]
)
KEYS = st.sampled_from([None, None, "k1", "k2"])
MOSTLY = st.sampled_from([True] * 5 + [False])
QUIZZES = st.fixed_dictionaries(
    {"quizId": st.sampled_from(NAMES), "score": SCORES, "passed": MOSTLY},
    optional={"completedAt": KEYS},
)
# One rule for all kinds: several would be chosen as often as each other, and some left out.
KINDS = ["watch"] * 6 + ["answer_quiz"] * 4 + ["complete"] * 3 + ["events"] * 6 + ["get", "reset"]
# Minutes after noon of a day of the past; None is in the future.
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["chapter"] * 4 + ["quiz"] * 3 + ["complete"]),
        st.sampled_from(["intro"] * 4 + ["advanced"]),
        CHAPTERS,
        QUIZZES,
        st.sampled_from(["k1", "k2", "k3", "k4"]),
        st.sampled_from([1, 2, 3, 4, None]),
    ),
    min_size=1,
    max_size=6,
)
BODIES = {"watch": CHAPTERS, "answer_quiz": st.tuples(QUIZZES, KEYS), "events": EVENTS}

# Where a sequence begins, since chance seldom gets so far: new, failed, eligible, earned, full.
DONE = {"chapterId": "b", "watchTime": 60, "completed": True, "totalChapters": 1}
FAILED = {"quizId": "b", "score": (3, 4), "passed": False, "completedAt": "k2"}
Start = list[tuple[str, Any]]
EARNED: Start = [("watch", DONE), ("complete", None)]
STARTS: list[Start] = [
    [],
    [("watch", DONE), ("answer_quiz", (FAILED, "k1"))],
    EARNED[:1],
    EARNED,
    [*EARNED, ("answer_quiz", (FAILED, None)), ("watch", DONE | {"completed": False})],
    [("watch", DONE | {"chapterId": name}) for name in "bac"],
]


def request_of(kind: str) -> st.SearchStrategy[Any]:
    return st.tuples(st.just(kind), WHO, BODIES.get(kind, st.none()))


def event_of(values: Any) -> tuple[str, str, dict[str, Any], int | None]:
    """An event as the model takes it."""
    kind, tutorial, chapter, quiz, name, at = values
    score, max_score = quiz["score"]
    bodies = {"chapter": chapter, "quiz": {**quiz, "score": score, "maxScore": max_score}}
    return kind, tutorial, {**bodies.get(kind, {}), "id": name}, at


def sent_as(kind: str, tutorial: str, body: dict[str, Any], at: int | None) -> dict[str, Any]:
    """The same as a client sends it."""
    instant = minute(FUTURE if at is None else at)
    return {**body, "type": kind, "tutorialId": tutorial, "at": instant}


def without_times(body: dict[str, Any]) -> dict[str, Any]:
    bare = copy.deepcopy(body)
    del bare["lastWatchedAt"]
    for quiz in bare["quizScores"]:
        del quiz["completedAt"]
    return bare


def times_of(body: dict[str, Any]) -> dict[str, str]:
    quizzes = {f"quiz {quiz['quizId']}": quiz["completedAt"] for quiz in body["quizScores"]}
    return quizzes | ({"last": body["lastWatchedAt"]} if body["lastWatchedAt"] else {})


class Requests(RuleBasedStateMachine):
    """Two learners in two tutorials, and a model of the expected responses."""

    def __init__(self, make: Callable[[], Learner], start: Start, *, sticky: bool) -> None:
        super().__init__()
        self._times: dict[tuple[str, str], dict[str, str]] = {}
        self._learners = [make(), make()]
        self._model = Model(sticky=sticky, most=LIMIT)
        for kind, values in start:
            self.send((kind, EVERYONE[0], values))

    @rule(request=st.sampled_from(KINDS).flatmap(request_of))
    def send(self, request: tuple[str, tuple[int, str], Any]) -> None:
        kind, who, values = request
        getattr(self, f"_{kind}")(self._learner(who), values)

    def _watch(self, learner: Learner, body: dict[str, Any]) -> None:
        expect = self._expected(self._model.chapter, learner, body)
        self._check(learner, learner.post("/chapter", body), expect, {"last"})

    def _answer_quiz(self, learner: Learner, values: tuple[dict[str, Any], str | None]) -> None:
        body, key = dict(values[0]), values[1]
        body["score"], body["maxScore"] = body["score"]
        expect = self._expected(self._model.quiz, learner, body, key)
        answer = learner.post("/quiz", body, {"Idempotency-Key": key} if key else None)
        changed = {"last", f"quiz {body['quizId']}"} if expect is True else set()
        self._check(learner, answer, expect, changed)

    def _events(self, learner: Learner, values: list[Any]) -> None:
        sent = [event_of(one) for one in values]
        errors = self._model.events(learner.name, sent)
        posted = [sent_as(*one) for one in sent]
        named = dict.fromkeys(one[1] for one, error in zip(sent, errors, strict=True) if not error)
        # Sent again, they change nothing.
        for _ in range(2):
            answer = learner.post_events(*posted)
            assert answer.status == 200, answer
            assert [one.get("error", "") for one in answer.body["results"]] == errors
            assert [one["tutorialId"] for one in answer.body["progress"]] == list(named)
            for progress in answer.body["progress"]:
                of = learner.name, progress["tutorialId"]
                assert without_times(progress) == self._model.answer(*of)
                self._note_times(of, times_of(progress))

    def _complete(self, learner: Learner, _: None) -> None:
        expect = self._expected(self._model.complete, learner)
        self._check(learner, learner.complete(), expect, {"last"} if expect is True else set())

    def _get(self, learner: Learner, _: None) -> None:
        self._check(learner, learner.get(), None, set())

    def _reset(self, learner: Learner, _: None) -> None:
        answer = learner.reset()
        self._model.reset(learner.name, learner.tutorial)
        self._times.pop((learner.name, learner.tutorial), None)
        assert (answer.status, answer.body["success"]) == (200, True)

    def teardown(self) -> None:
        for who in EVERYONE:
            self._check(self._learner(who), self._learner(who).get(), None, set())

    def _learner(self, who: tuple[int, str]) -> Learner:
        return replace(self._learners[who[0]], tutorial=who[1])

    @staticmethod
    def _expected(record: Callable[..., Any], learner: Learner, *values: Any) -> Any:
        try:
            return record(learner.name, learner.tutorial, *values)
        except Refused as refusal:
            return refusal

    def _check(self, learner: Learner, answer: Answer, expect: Any, later: set[str]) -> None:
        if isinstance(expect, Refused):
            assert (answer.status, answer.body["error"]) == (expect.status, expect.error)
            return
        assert answer.status == 200, answer
        assert without_times(answer.body) == self._model.answer(learner.name, learner.tutorial)
        self._check_times((learner.name, learner.tutorial), times_of(answer.body), later)

    def _note_times(self, of: tuple[str, str], now: dict[str, str]) -> None:
        before = self._times.get(of, {})
        assert all(TIME.fullmatch(time) for time in now.values()), now
        assert all(now[name] >= time for name, time in before.items())
        assert all(now["last"] >= time for time in now.values())
        self._times[of] = now

    def _check_times(self, of: tuple[str, str], now: dict[str, str], later: set[str]) -> None:
        before = self._times.get(of, {})
        assert all(TIME.fullmatch(time) for time in now.values()), now
        assert {name for name in now if now[name] != before.get(name)} == later
        assert all(now[name] > before.get("last", "") for name in later)
        self._times[of] = now


@pytest.mark.parametrize(("start", "sticky"), [(n, n % 2 == 1) for n in range(len(STARTS))])
def test_any_sequence_of_requests_is_answered_by_the_rules(
    make_learner: MakeLearner, make_service: MakeService, start: int, *, sticky: bool
) -> None:
    service = make_service(
        progress_sticky_completion=sticky,
        progress_max_chapters=LIMIT,
        progress_max_quizzes=LIMIT,
    )

    class FromStart(Requests):
        def __init__(self) -> None:
            super().__init__(lambda: make_learner(service), STARTS[start], sticky=sticky)

    run_state_machine_as_test(FromStart, settings=PROFILE)
