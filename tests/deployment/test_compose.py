"""`compose.yaml`, `.env.example` and what they mount, as far as no registry of images is needed."""

import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import NullPool, create_engine

from progress_api import Settings
from progress_api.schema.migrate import upgrade
from tests.deployment.compose import configured
from tests.deployment.tools import tool
from tests.docs.installed import copy_tracked
from tests.operations.conftest import run
from tests.serving.service import Service

# The package has the schema of the Compose Specification of August 2025 or later.
VALIDATOR = "check-jsonschema==0.39.0"


@pytest.fixture(scope="module")
def project(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which the commands of docs/deploying.md for Compose were run."""
    copy = copy_tracked(root, tmp_path_factory.mktemp("project"))
    page = (root / "docs/deploying.md").read_text().partition("## Compose")[2]
    commands = page.partition("```sh\n")[2].partition("REVISION=")[0]
    assert "cp .env.example .env" in commands
    subprocess.run(["sh", "-ec", commands], cwd=copy, check=True, capture_output=True)
    return copy


@pytest.fixture(scope="module")
def services(project: Path) -> dict[str, Any]:
    """The services of the file, with `.env` filled in."""
    return configured(project)


def test_the_file_has_only_what_the_compose_specification_knows(project: Path) -> None:
    schema = ("--builtin-schema", "vendor.compose-spec")

    assert tool(VALIDATOR, "check-jsonschema", *schema, project / "compose.yaml")


def test_one_service_builds_the_image_and_the_others_wait_for_it(
    services: dict[str, Any],
) -> None:
    own = {name for name, one in services.items() if one["image"] == "progress-api"}
    building = [name for name, one in services.items() if "build" in one]

    assert (own, building) == ({"api-1", "api-2", "migrate"}, ["migrate"])
    for name in own - {"migrate"}:
        assert services[name]["pull_policy"] == "never"
        assert "migrate" in services[name]["depends_on"]


def test_the_service_runs_twice_with_as_few_rights_as_the_tests_of_the_image_give_it(
    services: dict[str, Any],
) -> None:
    for name in ("api-1", "api-2", "migrate"):
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
        assert services[name]["security_opt"] == ["no-new-privileges:true"]
        assert len(services[name]["environment"]["PGPASSWORD"]) == 32
        assert len(services[name]["environment"]["JWT_SECRET_KEY"]) == 64
        assert services[name]["environment"]["GRAFANA_PASSWORD"] == ""


def test_the_migration_has_ended_before_the_service_starts(services: dict[str, Any]) -> None:
    migrated = {"condition": "service_completed_successfully"}

    assert services["migrate"]["command"] == ["migrate"]
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert {
        services[name]["depends_on"]["migrate"]["condition"] for name in ("api-1", "api-2")
    } == {migrated["condition"]}


def test_nginx_sends_requests_to_the_addresses_that_both_services_keep(
    services: dict[str, Any],
) -> None:
    both = [services[name] for name in ("api-1", "api-2")]
    addresses = [one["networks"]["default"]["ipv4_address"] for one in both]
    upstream = services["nginx"]["environment"]["UPSTREAM"]

    assert re.findall(r"server ([\d.]+):8000", upstream) == addresses
    # A new hardware address would not be noticed for up to a minute.
    assert len({one["mac_address"] for one in both}) == 2


def test_a_service_is_healthy_as_soon_as_its_database_is_migrated(
    services: dict[str, Any], empty_database: str, tmp_path: Path
) -> None:
    (kind, program, *arguments) = services["api-1"]["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "python3")
    with Service(tmp_path, DATABASE_URL=empty_database, WEB_CONCURRENCY=1) as service:

        def is_healthy() -> bool:
            command, port = [sys.executable, *arguments], {"PORT": str(service.port)}
            asked = subprocess.run(command, env=port, capture_output=True, check=False)
            return asked.returncode == 0

        before = is_healthy()
        upgrade(create_engine(empty_database, poolclass=NullPool))
        assert (before, is_healthy()) == (False, True)

    assert services["api-2"]["healthcheck"] == services["api-1"]["healthcheck"]
    assert "healthcheck" not in services["migrate"]


@pytest.mark.parametrize("name", ["POSTGRES_PASSWORD", "GRAFANA_PASSWORD"])
def test_a_missing_password_is_an_error_and_never_a_default(project: Path, name: str) -> None:
    uses = re.findall(rf"\$\{{{name}.*?\}}", (project / "compose.yaml").read_text())

    assert set(uses) == {f"${{{name}:?Set it in .env}}"}


def test_the_lines_of_requests_do_not_fill_the_disk(services: dict[str, Any]) -> None:
    for name in ("api-1", "api-2"):
        assert services[name]["logging"]["options"].keys() == {"max-size", "max-file"}


def test_each_variable_of_the_example_is_a_setting_or_used_by_the_compose_file(
    project: Path,
) -> None:
    text = (project / ".env.example").read_text()
    named = set(re.findall(r"^#?([A-Z_]+)=", text, re.MULTILINE))
    used = set(re.findall(r"\$\{([A-Z_]+)", (project / "compose.yaml").read_text()))

    assert named <= used | {one.name.upper() for one in fields(Settings)}
    assert {"POSTGRES_PASSWORD", "JWT_SECRET_KEY", "CORS_ORIGINS", "PUBLIC_URL"} <= named


def test_every_file_that_is_mounted_is_there(project: Path, services: dict[str, Any]) -> None:
    mounted = [
        project / volume.partition(":")[0]
        for service in services.values()
        for volume in service.get("volumes", [])
        if volume.startswith("./")
    ]

    assert len(mounted) == 8
    assert [path for path in mounted if not path.exists()] == []
    assert {path.name for path in (project / "tls").iterdir()} == {"fullchain.pem", "privkey.pem"}


def test_prometheus_scrapes_both_services_with_the_rules_of_deploy(
    project: Path, tmp_path: Path
) -> None:
    for name in ("compose/prometheus.yml", "prometheus/rules.yml", "prometheus/alerts.yml"):
        shutil.copy(project / "deploy" / name, tmp_path)

    run("promtool", "check", "config", tmp_path / "prometheus.yml")

    one, two = (
        yaml.safe_load((project / "deploy" / name / "prometheus.yml").read_text())
        for name in ("compose", "prometheus")
    )
    (one["scrape_configs"][0].pop("static_configs"), two["scrape_configs"][0].pop("static_configs"))
    assert one == two
