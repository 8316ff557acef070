"""`compose.yaml`, `.env.example` and what they mount, as far as no registry of images is needed."""

import re
import shutil
import subprocess
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from progress_api import Settings
from tests.docs.installed import copy_tracked
from tests.image.programs import run
from tests.operations.conftest import run as run_operations


@pytest.fixture(scope="module")
def project(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which the commands of docs/deploying.md for Compose were run."""
    copy = copy_tracked(root, tmp_path_factory.mktemp("project"))
    page = (root / "docs/deploying.md").read_text().partition("## Compose")[2]
    commands = page.partition("```sh\n")[2].partition("docker compose")[0]
    assert "cp .env.example .env" in commands
    subprocess.run(["sh", "-ec", commands], cwd=copy, check=True, capture_output=True)
    return copy


@pytest.fixture(scope="module")
def services(project: Path) -> dict[str, Any]:
    """The services of the file, checked by its schema and with `.env` filled in."""
    return _configured(project)


def test_the_service_runs_twice_with_as_few_rights_as_the_tests_of_the_image_give_it(
    services: dict[str, Any],
) -> None:
    for name in ("api-1", "api-2", "migrate"):
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
        assert services[name]["security_opt"] == ["no-new-privileges:true"]
        assert len(services[name]["environment"]["PGPASSWORD"]) == 32
        assert len(services[name]["environment"]["JWT_SECRET_KEY"]) == 64


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


@pytest.mark.parametrize("name", ["POSTGRES_PASSWORD", "GRAFANA_PASSWORD"])
def test_a_missing_password_is_an_error_and_never_a_default(project: Path, name: str) -> None:
    given = (project / ".env").read_text()
    without = re.sub(rf"^{name}=.+$", f"{name}=", given, flags=re.MULTILINE)
    (project / ".env.without").write_text(without)

    with pytest.raises(AssertionError, match=rf"{name}.+Set it in \.env"):
        _configured(project, ".env.without")


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
        Path(volume.partition(":")[0])
        for service in services.values()
        for volume in service.get("volumes", [])
        if volume.startswith("/")
    ]

    assert len(mounted) == 7
    assert [path for path in mounted if not path.exists()] == []
    assert {path.name for path in (project / "tls").iterdir()} == {"fullchain.pem", "privkey.pem"}


def test_prometheus_scrapes_both_services_with_the_rules_of_deploy(
    project: Path, tmp_path: Path
) -> None:
    for name in ("compose/prometheus.yml", "prometheus/rules.yml", "prometheus/alerts.yml"):
        shutil.copy(project / "deploy" / name, tmp_path)

    run_operations("promtool", "check", "config", tmp_path / "prometheus.yml")

    one, two = (
        yaml.safe_load((project / "deploy" / name / "prometheus.yml").read_text())
        for name in ("compose", "prometheus")
    )
    (one["scrape_configs"][0].pop("static_configs"), two["scrape_configs"][0].pop("static_configs"))
    assert one == two


def _configured(project: Path, settings: str = ".env") -> dict[str, Any]:
    options = ("--project-directory", project, "--file", project / "compose.yaml")
    printed = run(
        "docker-compose", *options, "--env-file", project / settings, "--profile", "watch", "config"
    )
    configured: dict[str, Any] = yaml.safe_load(printed)["services"]
    return configured
