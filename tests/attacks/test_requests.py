"""Thousands of requests that nobody would think of; `make attack` sends as many as one likes."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, seed, settings

from tests.attacks.conftest import Plan, Tell
from tests.attacks.generated import Attack, attacks
from tests.client import PREFIX, Answer, token
from tests.described import assert_described
from tests.serving.raw import Raw, answer_to
from tests.serving.service import Service

SCHEMATHESIS = (sys.executable, "-m", "schemathesis.cli")
CHECKS = Path(__file__).with_name("schemathesis.toml")
UNREAD = "The request could not be read; it is not well-formed, or too long."


SCOPES = "progress:author progress:report"


def test_every_answer_to_what_the_document_allows_and_forbids_is_true_to_the_document(
    attacked: Service, plan: Plan, tmp_path: Path, document: Path, tell: Tell
) -> None:
    before, generated, chance = statuses(attacked), 0, plan.seed or 1

    while generated < plan.of_schemathesis:
        generated += run_schemathesis(attacked, plan, document, tmp_path, chance)
        chance += 1

    answered = statuses(attacked) - before
    tell("Schemathesis", answered)
    assert answered.total() >= generated
    assert answered["200"] > answered.total() / 3  # the token was good


def run_schemathesis(
    service: Service, plan: Plan, document: Path, directory: Path, chance: int
) -> int:
    """Run all its phases, and return how many requests it generated."""
    # Some hundreds are sent for what the document says alone, and one example is several requests.
    examples, report = max(1, min(200, plan.count // 60)), directory / f"{chance}.json"
    options = ["--max-examples", str(examples), "--seed", str(chance), "--no-color"]
    options += ["--generation-database", "none", "--report", "json"]
    options += ["--url", f"http://127.0.0.1:{service.port}", "--report-json-path", str(report)]
    done = subprocess.run(
        [*SCHEMATHESIS, "--config-file", str(CHECKS), "run", str(document), *options],
        cwd=directory,
        env={
            **service.environment,
            "ATTACK_TOKEN": token("alice", scope="progress:author progress:report"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    told = json.loads(report.read_text())
    phases = {name for name, phase in told["phases"].items() if phase["status"] == "success"}
    assert phases == {"examples", "coverage", "fuzzing", "stateful"}
    return int(told["test_cases"]["generated"])


def statuses(service: Service) -> Counter[str]:
    """How often each status has been answered."""
    found: Counter[str] = Counter()
    for (endpoint, status), times in service.counted().items():
        if endpoint != "/healthz":
            found[status] += int(times)
    return found


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
def test_no_bytes_are_answered_with_a_failure_or_with_what_the_document_does_not_say(
    attacked: Service, plan: Plan, tell: Tell
) -> None:
    learner, bystander = attacked.learner(), attacked.learner()
    bystander.complete_chapters(1, of=2)
    untouched, answered = bystander.progress(), Counter[str]()

    @settings(
        max_examples=plan.count - plan.of_schemathesis,
        derandomize=plan.seed is None,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(attacks(f"Bearer {token(learner.name)}"))
    def send(attack: Attack) -> None:
        answer = answer_to(attacked, attack.data, method=attack.method, close=True)
        answered[str(answer.status)] += 1
        assert_in_order(attack, answer)

    (seed(plan.seed)(send) if plan.seed else send)()

    tell("Hypothesis", answered)
    assert answered.total() >= plan.count - plan.of_schemathesis
    assert answered["200"] > answered.total() / 20  # the token was good
    assert bystander.progress() == untouched
    levels = {line["level"] for line in attacked.lines()}  # each is JSON, so none is forged
    assert levels <= {"INFO", "WARNING"}


def assert_in_order(attack: Attack, answer: Raw) -> None:
    """It is no failure, is JSON, and is what the document says."""
    if not attack.is_whole and answer.status == 0:
        return  # it ended in the middle, so there is no response
    assert 200 <= answer.status < 500, answer
    assert "X-Injected" not in answer.headers
    if attack.method == "HEAD":
        return
    told = Answer(answer.status, answer.body, answer.headers)
    if told.body.get("detail") == UNREAD:
        assert list(told.body) == ["error", "detail", "requestId"]
    else:
        assert_described(PREFIX, attack.method, attack.target, told)
