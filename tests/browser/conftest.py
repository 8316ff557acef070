"""A real Chromium that reaches this machine and nothing else."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service as Driver

from embedded.valkey import Valkey
from tests.browser.site import OFTEN, Viewer, pages, signed
from tests.conftest import new_name
from tests.serving.service import Serve, services

MISSING = (
    "make test-browser needs Chromium and its driver: apt-get install chromium chromium-driver, "
    "or give the paths of both as CHROMIUM and CHROMEDRIVER."
)
SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1200,2000",
    # The network is blocked: no name but an address of this machine is ever found.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def program(variable: str, name: str) -> str:
    """The path of a program that this machine must have."""
    path = os.environ.get(variable) or shutil.which(name)
    if not path or not Path(path).exists():
        pytest.fail(MISSING, pytrace=False)
    return path


def start_browser(profile: Path) -> Chrome:
    """Start a browser on a directory that it keeps its data in."""
    options = ChromeOptions()
    options.binary_location = program("CHROMIUM", "chromium")
    for switch in (*SWITCHES, f"--user-data-dir={profile}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return Chrome(options=options, service=Driver(program("CHROMEDRIVER", "chromedriver")))


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chrome]:
    """A new browser, on whose console nothing but information was written when the test is over."""
    with start_browser(tmp_path / "browser") as browser:
        yield browser
        assert [line for line in written(browser) if line["level"] != "INFO"] == []


def written(browser: Chrome) -> list[dict[str, Any]]:
    """What was written on the console since this was asked last."""
    lines: list[dict[str, Any]] = browser.get_log("browser")  # type: ignore[no-untyped-call]
    return lines


@pytest.fixture
def serve(tmp_path: Path, database: str, valkey: Valkey) -> Iterator[Serve]:
    """Start a service with further settings, until the test is over."""
    with services(lambda: tmp_path / "service", lambda: database, valkey.url) as start:
        yield start


@pytest.fixture
def viewer(browser: Chrome, serve: Serve) -> Iterator[Viewer]:
    """A person who has not opened the page yet."""
    name = new_name()
    with pages(signed(name)) as origin:
        service = serve(CORS_ORIGINS=origin, RATELIMIT_GET=OFTEN)
        yield Viewer(browser, service, service.learner(name=name), origin)
