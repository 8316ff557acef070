"""The image: what is in it, what it may do, and that it serves and ends as it should."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from progress_api.version import VERSION
from tests.client import PREFIX, token
from tests.image.conftest import Contain
from tests.image.container import Container
from tests.image.programs import run
from tests.serving.service import Wire

_ADDED_BYTES = 150_000_000


@pytest.fixture(scope="module")
def contained(contain: Contain, shared_database: str) -> Container:
    """A container with the image's own settings, as far as may be."""
    return contain(shared_database, HOST="127.0.0.1")


def test_the_image_adds_less_than_150_mb_to_its_base(image: str, base: str) -> None:
    added = _inspected(image)["Size"] - _inspected(base)["Size"]

    assert 0 < added < _ADDED_BYTES


def test_the_image_says_what_it_is(image: str, base: str) -> None:
    prefix = "org.opencontainers.image."
    labels = {
        name.removeprefix(prefix): value
        for name, value in _inspected(image)["Labels"].items()
        if name.startswith(prefix)
    }

    assert labels["title"] == "Tutorial Progress API"
    assert (labels["version"], labels["licenses"]) == (VERSION, "MIT")
    assert labels["base.name"] == base
    assert set(labels) == {"title", "description", "version", "revision", "licenses", "base.name"}


def test_the_image_serves_as_a_user_with_a_number_and_is_stopped_by_sigterm(image: str) -> None:
    config = _inspected(image)["Config"]

    assert config["User"] == "10001:10001"
    assert config["StopSignal"] == "SIGTERM"
    assert (config["Entrypoint"], config["Cmd"]) == (["progress-api"], ["serve"])


def test_nothing_in_a_container_can_be_changed_and_little_is_there(contained: Container) -> None:
    (number,) = contained.execute("id", "-u").split()
    script = "touch /opt/new /tmp/new /var/tmp/new; find / -xdev -writable -type f 2>/dev/null"

    writable = contained.execute("sh", "-c", f"{{ {script}; }} 2>/dev/null; true")
    tools = contained.execute("sh", "-c", "ls /opt/progress-api/venv/bin")

    assert number == "10001"
    assert writable == ""
    assert "pip" not in tools


def test_a_container_answers_on_all_endpoints(contained: Container) -> None:
    learner = contained.learner()
    wire = Wire(contained)

    learner.complete_chapters(1, of=1)
    quiz = learner.answer_quiz()
    statuses = [learner.complete().status, learner.get().status, learner.reset().status]
    statuses += [
        wire.send("GET", path).status for path in ("/healthz", "/readyz", f"{PREFIX}/openapi.json")
    ]

    assert (quiz.status, quiz.body["certificateEligible"]) == (200, True)
    assert set(statuses) == {200}
    described = wire.send("GET", f"{PREFIX}/openapi.json").body["paths"]
    scopes = "progress:admin progress:author progress:report"
    headers = {"Authorization": f"Bearer {token('ada', scope=scopes)}"}
    asked = {
        contained.status(re.sub("{.+?}", "a" * 32, path), headers, method=method.upper())
        for path, methods in described.items()
        for method in methods
    }
    assert asked <= {200, 400, 404}
    endpoints = {name for name, _ in contained.counted()}
    placeholders = {"{tutorialId}": "<tutorial_id>", "{certificateId}": "<certificate_id>"}
    expected = {re.sub("{.+?}", lambda found: placeholders[found[0]], path) for path in described}
    assert (expected | {"/healthz", "/readyz"}) - endpoints == set()


def test_the_request_of_the_docs_succeeds_with_the_settings_of_the_configmap(
    contain: Contain, shared_database: str, root: Path
) -> None:
    manifest = yaml.safe_load((root / "deploy/kubernetes/configmap.yaml").read_text())
    container = contain(shared_database, **manifest["data"])
    headers = {"Authorization": f"Bearer {token('alice')}"}
    forwarded = headers | {"X-Forwarded-Proto": "https"}

    answers = [
        Wire(container).send("GET", f"{PREFIX}/first-steps", given).status
        for given in (forwarded, headers)
    ]

    assert answers == [200, 403]


def test_the_limits_of_a_container_are_counted_in_valkey(contained: Container) -> None:
    learner = contained.learner()

    statuses = [learner.reset().status for _ in range(6)]

    assert statuses == [200] * 5 + [429]


def test_the_health_check_of_the_image_succeeds_only_while_the_service_answers(
    image: str, contained: Container
) -> None:
    command = _inspected(image)["Healthcheck"]["Test"]
    assert command[0] == "CMD"
    elsewhere = ("env", "PORT=1", *command[1:])

    contained.execute(*command[1:])
    with pytest.raises(AssertionError, match="Connection refused"):
        contained.execute(*elsewhere)


def test_a_container_with_a_bad_setting_ends_with_a_sentence(image: str) -> None:
    with pytest.raises(AssertionError, match="DATABASE_URL"):
        run("podman", "--runtime=runc", "run", "--rm", "--no-healthcheck", *_LIMITS, image)


_LIMITS = ("--network=host", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024")


def _inspected(image: str) -> Any:
    (told,) = json.loads(run("podman", "image", "inspect", image))
    return told
