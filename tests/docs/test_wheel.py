"""What is built and given to others: it has all that it needs, and works from anywhere."""

import configparser
import json
import re
import tarfile
import zipfile
from dataclasses import replace
from email import message_from_string
from pathlib import Path

import pytest
import requests

from embedded.ports import free_port
from progress_api.schema.migrate import head
from tests.client import SECRET, Learner, OverTheWire
from tests.docs.installed import Built, Installed

NEEDED = {
    "progress_api/py.typed",
    "progress_api/serving.py",
    "progress_api/wsgi.py",
    "progress_api/openapi/page/index.html",
    "progress_api/openapi/page/page.css",
    "progress_api/openapi/page/try.js",
    "progress_api/migrations/env.py",
    "progress_api/migrations/script.py.mako",
    "progress_api/migrations/versions/__init__.py",
    "progress_api/migrations/versions/progress_0001_guide_tables.py",
    "progress_api/migrations/versions/progress_0002_quiz_attempt_keys.py",
    "progress_api/migrations/versions/progress_0003_newest_unique_keys.py",
}
GUNICORN = ("-m", "gunicorn", "-c", "python:progress_api.serving", "progress_api.wsgi:app")
HOST_APP = """
from flask import Flask

app = Flask(__name__)
app.add_url_rule("/mine", "mine", lambda: "mine")
"""
# In one process, for the imports take most of the time. The first needs no key.
TWO_COMMANDS = """
import os, sys
from flask.cli import cli
cli.main(["--app", "progress_api", "progress", "migrate"], standalone_mode=False)
os.environ["JWT_SECRET_KEY"] = sys.argv[1]
cli.main(["--app", "progress_api", "progress", "check"], standalone_mode=False)
"""


def test_the_wheel_has_the_migrations_and_the_types_and_neither_tests_nor_servers(
    built: Built, root: Path
) -> None:
    # when
    with zipfile.ZipFile(built.wheel) as wheel:
        names = set(wheel.namelist())
    # then
    assert names >= NEEDED
    package = {f"{path.relative_to(root)}" for path in root.glob("progress_api/**/*.py")}
    assert names >= package
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"progress_api"}


def test_the_sdist_has_what_the_wheel_is_built_from(built: Built) -> None:
    with tarfile.open(built.sdist) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert names >= NEEDED | {"setup.cfg", "pyproject.toml", "LICENSE"}


def test_the_wheel_says_what_it_is_and_names_its_license_and_its_commands(
    built: Built, root: Path
) -> None:
    # when
    with zipfile.ZipFile(built.wheel) as wheel:
        names = {Path(name).name: name for name in wheel.namelist() if ".dist-info/" in name}
        metadata = message_from_string(wheel.read(names["METADATA"]).decode())
        commands = wheel.read(names["entry_points.txt"]).decode()
    # then
    assert metadata["Name"] == "progress-api"
    described = json.loads((root / "docs/openapi.json").read_text())
    (newest, *_) = re.findall(r"^## (\S+)", (root / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert metadata["Version"] == described["info"]["version"] == newest
    assert (metadata["License-Expression"] or metadata["License"]) == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert "LICENSE" in names
    entry_points = configparser.ConfigParser()
    entry_points.read_string(commands)
    assert dict(entry_points["flask.commands"]) == {"progress": "progress_api.cli:progress"}
    assert dict(entry_points["console_scripts"]) == {"progress-api": "progress_api.cli:service"}
    needed = [need for need in metadata.get_all("Requires-Dist", []) if "extra ==" not in need]
    assert {"flask", "gunicorn", "alembic", "psycopg2-binary"} <= {
        str(re.split("[<>=~!\\[]", need)[0]).lower() for need in needed
    }
    assert not any(need.startswith(("pytest", "embedded", "psutil")) for need in needed)


def test_the_wheel_is_what_is_imported_where_it_is_installed(installed: Installed) -> None:
    for module in ("progress_api", "progress_api.wsgi"):
        find = f"from importlib.util import find_spec; print(find_spec({module!r}).origin)"
        found = Path(installed.run("-c", find))
        assert found.is_relative_to(installed.python.parent.parent)


def test_the_command_migrates_from_the_wheel(installed: Installed, empty_database: str) -> None:
    # when
    said = installed.run("-c", TWO_COMMANDS, SECRET, DATABASE_URL=empty_database)
    # then
    assert said.splitlines()[0] == f"The database is at {head()}."
    assert "Traceback" not in said


def test_the_operators_command_migrates(installed: Installed, empty_database: str) -> None:
    said = installed.run(installed.script("progress-api"), "migrate", DATABASE_URL=empty_database)

    assert said == f"The database is at {head()}."


def test_flask_finds_the_app_of_another_project_that_has_the_wheel_installed(
    installed: Installed, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(HOST_APP)

    routes = replace(installed, directory=tmp_path).run("-m", "flask", "routes")

    assert "/mine" in routes
    assert "tutorial_id" not in routes


@pytest.mark.parametrize("is_by_command", [True, False])
def test_the_wheel_serves_from_an_empty_directory(
    installed: Installed, database: str, *, is_by_command: bool
) -> None:
    assert list(installed.directory.iterdir()) == []  # so no configuration is found there
    port, metrics_port = str(free_port()), str(free_port())
    given = {"DATABASE_URL": database, "JWT_SECRET_KEY": SECRET}
    given |= {"PORT": port, "METRICS_PORT": metrics_port}
    command = (installed.script("progress-api"), "serve") if is_by_command else GUNICORN
    with installed.serving(*command, **given) as served:
        url = served.url
        assert url == f"http://127.0.0.1:{port}"
        assert requests.get(f"{url}/healthz", timeout=60).status_code == 200
        assert requests.get(f"{url}/readyz", timeout=60).status_code == 200
        ada = Learner(OverTheWire(url), "ada")
        assert ada.watch(completed=True, totalChapters=2).body["completionPercentage"] == 50
        metrics = requests.get(f"http://127.0.0.1:{metrics_port}/metrics", timeout=60).text
        assert 'api_requests_total{endpoint="/readyz",status="200"} 1.0' in metrics
