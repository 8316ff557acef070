"""What learners do and what the service runs out of, counted once over all workers."""

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests.client import PREFIX, Learner, token
from tests.conftest import MakeApp, MakeLearner, new_name, with_scheme
from tests.serving.service import TEMPLATE, Service, Wire, new_address, until

NAMES = (
    "progress_chapters_completed_total",
    "progress_quiz_attempts_total",
    "progress_duplicates_absorbed_total",
    "progress_certificates_earned_total",
)
CHAPTERS, ATTEMPTS, DUPLICATES, CERTIFICATES = NAMES
ISSUED = "progress_certificates_issued_total"
TENTHS = "progress_tenths_reached_total"


def counted(service: Service, act: Callable[[], object]) -> dict[str, float]:
    """What was counted while something was done, of what only ever grows; without tenths."""
    more = _grown(service, act)
    return {name: value for name, value in more.items() if TENTHS not in name}


def tenths(service: Service, act: Callable[[], object]) -> dict[int, float]:
    """How often each tenth of a tutorial was reached while something was done, by percent."""
    more = _grown(service, act)
    return {int(name.split()[1]): value for name, value in more.items() if TENTHS in name}


def _grown(service: Service, act: Callable[[], object]) -> dict[str, float]:
    before = Counter(service.measured())
    act()
    more = Counter(service.measured()) - before
    return {name: value for name, value in more.items() if "_total" in name}


def test_a_chapter_is_counted_when_it_becomes_complete(served: Service) -> None:
    learner = served.learner()

    def watch() -> None:
        learner.watch("one", totalChapters=3)
        learner.watch("one", completed=True)
        learner.watch("one", completed=True)
        learner.watch("two", completed=True)
        learner.watch("one", completed=False)

    assert counted(served, watch) == {CHAPTERS: 2}
    assert counted(served, lambda: learner.watch("one", completed=True)) == {CHAPTERS: 1}


def test_each_tenth_of_a_tutorial_is_counted_when_a_learner_reaches_it(served: Service) -> None:
    learner = served.learner()

    assert tenths(served, lambda: learner.watch("one", totalChapters=8)) == {}
    assert tenths(served, lambda: learner.watch("one", completed=True)) == {10: 1}
    assert tenths(served, lambda: learner.watch("one", completed=True)) == {}
    assert tenths(served, lambda: learner.watch("two", completed=True)) == {20: 1}
    assert tenths(served, lambda: learner.complete_chapters(6, of=8)) == dict.fromkeys(
        range(30, 101, 10), 1
    )


def test_a_changed_outline_counts_for_nobody(served: Service) -> None:
    learner = served.learner(tutorial=new_name())
    author = replace(
        learner,
        headers={"Authorization": f"Bearer {token('author', scope='progress:author')}"},
    )
    outline = json.dumps({"chapters": [{"chapterId": "one"}]}).encode()
    assert author.send("PUT", "/outline", outline).status == 200
    learner.complete_chapters(9, of=10)
    assert author.send("DELETE", "/outline").status == 200

    assert counted(served, lambda: learner.watch("nine")) == {}
    assert counted(served, lambda: learner.watch("ten", completed=True))[CHAPTERS] == 1


def test_a_short_tutorial_has_all_tenths_too_and_one_of_many_chapters_each_once(
    served: Service,
) -> None:
    short, long = served.learner(), served.learner()

    assert tenths(
        served, lambda: short.watch("one", completed=True, totalChapters=2)
    ) == dict.fromkeys(range(10, 51, 10), 1)
    assert tenths(served, lambda: long.complete_chapters(7, of=30)) == {10: 1, 20: 1}
    assert tenths(served, lambda: long.watch("of no known number", totalChapters=0)) == {}


def test_tenths_are_those_of_the_outline_and_come_with_events_too(served: Service) -> None:
    learner = served.learner(tutorial=new_name())
    body = {"chapters": [{"chapterId": "one"}, {"chapterId": "two"}]}
    author = replace(
        learner,
        headers={"Authorization": f"Bearer {token('author', scope='progress:author')}"},
    )
    assert author.send("PUT", "/outline", json.dumps(body).encode()).status == 200
    event = {"id": "1", "at": "2026-01-05T10:05:00Z", "tutorialId": learner.tutorial}
    chapter = {"type": "chapter", "watchTime": 9, "completed": True}
    halves = dict.fromkeys(range(10, 51, 10), 1.0)

    def post(chapter_id: str) -> dict[int, float]:
        sent = {**event, **chapter, "chapterId": chapter_id, "id": chapter_id}
        return tenths(served, lambda: learner.post_events(sent))

    assert post("of no outline") == {}
    assert post("one") == halves
    assert post("one") == {}
    assert post("two") == {percent + 50: 1 for percent in halves}


def test_an_attempt_and_its_repeats_are_counted_apart(served: Service) -> None:
    learner = served.learner()

    def answer() -> None:
        learner.answer_quiz(headers={"Idempotency-Key": "a"})
        learner.answer_quiz(headers={"Idempotency-Key": "a"})
        learner.answer_quiz(completedAt="2026-01-01T00:00:00Z")
        learner.answer_quiz(completedAt="2026-01-01T00:00:00Z")
        learner.answer_quiz(score=11)

    assert counted(served, answer) == {ATTEMPTS: 2, DUPLICATES: 2}


def test_a_certificate_is_counted_when_it_is_earned(served: Service) -> None:
    learner = served.learner()
    learner.complete_chapters(1, of=1)

    assert counted(served, learner.complete) == {CERTIFICATES: 1, ISSUED: 1}
    assert counted(served, learner.complete) == {}
    learner.reset()
    learner.complete_chapters(1, of=1)
    assert counted(served, learner.complete) == {CERTIFICATES: 1}


def test_of_many_at_once_each_is_counted_once_over_the_workers(served: Service) -> None:
    learners = [served.learner() for _ in range(24)]

    def post(learner: Learner) -> None:
        for _ in range(2):
            learner.watch(completed=True, totalChapters=1)
            learner.answer_quiz(headers={"Idempotency-Key": "a"})
            learner.complete()

    def all_at_once() -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(post, learners))

    assert counted(served, all_at_once) == dict.fromkeys((*NAMES, ISSUED), 24)


def test_events_are_counted_by_type_and_result_with_the_tutorials_of_their_request(
    served: Service,
) -> None:
    learner = served.learner()
    common = {"at": "2026-01-05T10:05:00Z", "tutorialId": "intro"}
    watched = {"type": "chapter", "chapterId": "one", "watchTime": 9, "completed": True}
    events = [
        {"id": "1", **common, **watched},
        {"id": "2", **common, **watched, "tutorialId": "other"},
        {"id": "3", **common, **watched, "watchTime": -1},
        {"id": "4", **common, "type": "complete"},
        {"id": "5", **common, "type": "unheard-of"},
    ]
    sums = [f"progress_event_tutorials_{name}" for name in ("count", "sum")]
    before = served.measured()

    assert counted(served, lambda: learner.post_events(*events)) == {
        CHAPTERS: 2,
        "progress_events_total recorded chapter": 2,
        "progress_events_total refused chapter": 1,
        "progress_events_total refused complete": 1,
        "progress_events_total refused unknown": 1,
    }
    after = served.measured()
    assert [after[name] - before[name] for name in sums] == [1, 2]


def test_refusals_are_counted_by_what_is_wrong(served: Service) -> None:
    stranger = Wire(served, new_address())
    tokens = {
        "missing": "",
        "expired": f"Bearer {token('ada', exp=1)}",
        "endless": f"Bearer {token('ada', exp=None)}",
        "invalid": "Bearer none",
    }

    def knock() -> None:
        for header in tokens.values():
            stranger.send("GET", f"{PREFIX}/intro", {"Authorization": header})

    assert counted(served, knock) == {
        f"progress_authentication_refusals_total {reason}": 1 for reason in tokens
    }


def test_what_is_over_a_limit_is_counted_at_its_endpoint(served: Service) -> None:
    learner = served.learner()

    def hurry() -> None:
        for _ in range(8):
            learner.reset()

    assert counted(served, hurry) == {f"progress_limit_refusals_total {TEMPLATE}": 3}


def test_the_pool_is_measured_and_given_back(served: Service) -> None:
    before = served.measured()
    served.learner().watch()

    after = served.measured()

    assert after["progress_database_pool_size"] == 8  # two workers with four threads each
    until(lambda: served.measured()["progress_database_connections_in_use"] == 0)
    waits = "progress_database_wait_seconds_count"
    assert after[waits] == before[waits] + 1


@pytest.mark.parametrize("one_trip", [True, False])
def test_who_waits_for_a_connection_in_vain_is_measured_too(
    make_app: MakeApp, make_learner: MakeLearner, *, one_trip: bool
) -> None:
    nowhere = with_scheme("postgresql://127.0.0.1:1/none")
    app = make_app(database_url=nowhere, database_one_trip=one_trip, metrics_public=True)

    assert make_learner(app).watch().status == 503

    assert "progress_database_wait_seconds_count 1.0" in app.test_client().get("/metrics").text


@pytest.mark.parametrize("name", ["progress_limiter_on_fallback", "progress_schema_behind"])
def test_what_is_well_is_zero(served: Service, name: str) -> None:
    Wire(served).send("GET", "/readyz")
    assert served.measured()[name] == 0


def test_each_metric_has_a_help_text_and_only_the_guides_have_no_prefix(served: Service) -> None:
    lines = served.scrape()[1].splitlines()

    helped = {line.split()[2] for line in lines if line.startswith("# HELP ") and line.split()[3:]}
    typed = {line.split()[2] for line in lines if line.startswith("# TYPE ")}
    assert helped == typed
    assert {name for name in typed if not name.startswith("progress_")} == {
        "api_requests_total",
        "api_request_duration_seconds",
    }
