"""Prometheus on the running service: its rules, its alerts, and what the dashboard asks."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from embedded.ports import free_port
from tests.client import PREFIX
from tests.operations.conftest import program, run
from tests.operations.test_deploy import adapted
from tests.serving.service import Serve, Service, Wire, until


def parsed(file: Path) -> Any:
    """A file of YAML."""
    return yaml.safe_load(file.read_text())


def rules_in(file: Path) -> list[Any]:
    """The rules of a file."""
    return [rule for group in parsed(file)["groups"] for rule in group["rules"]]


def test_the_configuration_and_the_rules_are_sound(root: Path) -> None:
    said = run("promtool", "check", "config", root / "deploy/prometheus/prometheus.yml")
    assert "FAILED" not in said


def test_each_alert_fires_when_it_should_and_else_does_not(root: Path) -> None:
    directory = root / "deploy/prometheus"
    files = sorted(directory.glob("tests*.yml"))
    run("promtool", "test", "rules", *files)
    cases = [case for file in files for case in parsed(file)["tests"]]
    checks = [one for case in cases for one in case["alert_rule_test"]]
    for alert in rules_in(directory / "alerts.yml"):
        fired = {bool(one["exp_alerts"]) for one in checks if one["alertname"] == alert["alert"]}
        assert fired == {True, False}, alert["alert"]


def test_each_alert_has_a_section_of_the_runbook(root: Path) -> None:
    headings = re.findall(r"^## (\w+)$", (root / "docs/runbook.md").read_text(), re.MULTILINE)
    for alert in rules_in(root / "deploy/prometheus/alerts.yml"):
        assert alert["alert"] in headings
        expected = f"docs/runbook.md#{alert['alert'].lower()}"
        assert alert["annotations"]["runbook"] == expected


class Prometheus:
    """A Prometheus that listens."""

    def __init__(self, port: int) -> None:
        self._address = f"http://127.0.0.1:{port}"
        self._url = f"{self._address}/api/v1"

    def ask(self, query: str) -> list[Any]:
        """The series that a query returns now, without those that are NaN."""
        told = requests.get(f"{self._url}/query", {"query": query}, timeout=30).json()
        assert told["status"] == "success", (query, told)
        return [one for one in told["data"]["result"] if one["value"][1] != "NaN"]

    def rules(self) -> list[Any]:
        """Each rule, as it fares."""
        told = requests.get(f"{self._url}/rules", timeout=30).json()
        return [rule for group in told["data"]["groups"] for rule in group["rules"]]

    def is_up(self) -> bool:
        """Whether it has scraped the service."""
        try:
            ready = requests.get(f"{self._address}/-/ready", timeout=30).ok
        except requests.ConnectionError:
            return False
        return ready and bool(self.ask('up{job="progress-api"} == 1'))


@contextmanager
def prometheus(root: Path, directory: Path, service: Service) -> Iterator[Prometheus]:
    """While a Prometheus watches a service, much more often than it would."""
    target = {"127.0.0.1:9464": f"127.0.0.1:{service.metrics_port}", "15s": "1s"}
    configuration = adapted(root / "deploy/prometheus/prometheus.yml", directory, target)
    adapted(root / "deploy/prometheus/rules.yml", directory, {"interval: 5m": "interval: 1s"})
    adapted(root / "deploy/prometheus/alerts.yml", directory, {})
    port = free_port()
    options = {
        "config.file": configuration,
        "storage.tsdb.path": directory / "data",
        "web.listen-address": f"127.0.0.1:{port}",
    }
    command = [program("prometheus"), *(f"--{name}={value}" for name, value in options.items())]
    with (
        (directory / "prometheus.log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,
    ):
        try:
            watching = Prometheus(port)
            until(watching.is_up, 60, every=0.2)
            yield watching
        finally:
            process.terminate()


@pytest.fixture
def queries(root: Path) -> list[str]:
    """What the dashboard asks, and the metrics that the alerts read."""
    panels = json.loads((root / "deploy/grafana/dashboard.json").read_text())["panels"]
    asked = [target["expr"] for panel in panels for target in panel["targets"]]
    alerts = " ".join(rule["expr"] for rule in rules_in(root / "deploy/prometheus/alerts.yml"))
    read = re.findall(r"job:[\w:]+|progress_\w+", alerts)
    return [query.replace("$__rate_interval", "1m") for query in asked] + sorted(set(read))


def test_under_load_each_query_of_the_dashboard_and_each_rule_returns_data(
    serve: Serve, root: Path, tmp_path: Path, queries: list[str]
) -> None:
    service = serve()

    with prometheus(root, tmp_path, service) as watching:

        def missing() -> list[str]:
            load(service)
            named = [rule["name"] for rule in watching.rules() if rule["type"] == "recording"]
            return [query for query in [*queries, *named] if not watching.ask(query)]

        until(lambda: not missing(), 60, every=0.5)
        fares = {rule["name"]: rule["health"] for rule in watching.rules()}

    assert len(queries) > 20
    assert set(fares.values()) == {"ok"}
    assert {rule["alert"] for rule in rules_in(root / "deploy/prometheus/alerts.yml")} <= set(fares)


def load(service: Service) -> None:
    """Some of everything that learners and strangers do."""
    learner = service.learner()
    learner.complete_chapters(1, of=1)
    for _ in range(2):
        learner.answer_quiz(headers={"Idempotency-Key": "a"})
    learner.complete()
    at = {"at": "2026-01-05T10:05:00Z", "tutorialId": "intro"}
    learner.post_events({"id": "1", "type": "chapter", "chapterId": "1", "watchTime": 1, **at})
    certificate = learner.certificate().body["certificateId"]
    for _ in range(6):
        learner.reset()
    wire = Wire(service)
    wire.send("GET", f"{PREFIX}/certificates/{certificate}")
    wire.send("GET", "/readyz")
    wire.send("GET", f"{PREFIX}/intro")
