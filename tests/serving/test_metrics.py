"""`/healthz`, `/readyz` and `/metrics`."""

import signal
from collections import Counter

import pytest

from tests.client import PREFIX
from tests.serving.service import TEMPLATE, Service, Wire, new_address, until


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_needs_no_token_and_has_no_limit(served: Service, path: str) -> None:
    anyone = Wire(served, new_address())

    answers = [anyone.send("GET", path) for _ in range(70)]

    assert {answer.status for answer in answers} == {200}
    assert isinstance(answers[0].body, dict)


def test_metrics_are_not_on_the_public_port(served: Service) -> None:
    assert Wire(served).send("GET", "/metrics").status == 404


def test_each_status_is_counted_at_the_template_of_its_route(served: Service) -> None:
    before = Counter(served.counted())
    learner = served.learner(tutorial="a-path-that-is-no-label")
    anyone = Wire(served, new_address())

    learner.get()
    learner.watch()
    learner.watch(seconds=-1)
    anyone.send("POST", f"{PREFIX}/a-path-that-is-no-label/chapter")
    served.learner().complete()
    learner.send("PUT")
    learner.send("POST", "/chapter", b" " * 65537)
    for _ in range(11):
        learner.answer_quiz()
    learner.reset()
    anyone.send("GET", "/a-path-that-is-no-label")
    anyone.send("GET", "/another-path-that-is-no-label")

    assert Counter(served.counted()) - before == {
        (TEMPLATE, "200"): 2,
        (f"{TEMPLATE}/chapter", "200"): 1,
        (f"{TEMPLATE}/chapter", "400"): 1,
        (f"{TEMPLATE}/chapter", "401"): 1,
        (f"{TEMPLATE}/chapter", "413"): 1,
        (f"{TEMPLATE}/complete", "404"): 1,
        (f"{TEMPLATE}/quiz", "200"): 10,
        (f"{TEMPLATE}/quiz", "429"): 1,
        ("unmatched", "404"): 2,
        ("unmatched", "405"): 1,
    }
    assert "no-label" not in served.scrape()[1]


def test_durations_are_a_histogram_of_each_endpoint(served: Service) -> None:
    served.learner().watch()

    text = served.scrape()[1]

    endpoint = f'endpoint="{TEMPLATE}/chapter"'
    assert "# TYPE api_request_duration_seconds histogram" in text
    assert f"api_request_duration_seconds_count{{{endpoint}}}" in text
    assert f'api_request_duration_seconds_bucket{{{endpoint},le="+Inf"}}' in text


def test_counts_are_exact_over_two_workers_and_after_one_was_killed(
    served: Service,
) -> None:
    before = _health_checks(served)
    sent = _send_until_each_has_answered(served)
    assert _health_checks(served) == before + sent

    first, second = served.workers()
    first.send_signal(signal.SIGKILL)
    until(lambda: first not in served.workers() and len(served.workers()) == 2)
    assert _health_checks(served) == before + sent

    sent += _send_until_each_has_answered(served)
    assert second in served.workers()
    assert _health_checks(served) == before + sent


def test_a_scrape_of_one_metric_by_name_is_no_failure(served: Service) -> None:
    assert served.scrape("?name[]=api_requests_total")[0] == 200


def _health_checks(service: Service) -> float:
    return service.counted().get(("/healthz", "200"), 0)


def _send_until_each_has_answered(service: Service) -> int:
    """Ask for health, at least 40 times and until each worker has counted; return how often."""
    sent = 0

    def all_counted() -> bool:
        nonlocal sent
        sent += 1
        Wire(service).send("GET", "/healthz")
        return sent >= 40 and all(map(service.has_counted, service.workers()))

    until(all_counted)
    return sent
