"""The page of a certificate in a real browser: on a phone, on paper, and for screen readers."""

import base64
import subprocess
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.certificates.conftest import earn, revoke
from tests.client import PREFIX, Learner
from tests.outlines.conftest import outline, put, with_scope
from tests.serving.service import Serve, Service

NAMES = {
    "a long name": "W" * 255,
    "right to left": "אדה לאבלייס " * 20,
    "emoji": "👩‍🚀" * 60 + "Ada",
    "a usual name": "Ada Lovelace",
}
PHONE = {"width": 320, "height": 640, "deviceScaleFactor": 2, "mobile": True}


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The accessibility checker, from npm."""
    folder = tmp_path_factory.mktemp("axe")
    install = ["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", str(folder)]
    subprocess.run([*install, "axe-core@4"], check=True)
    return (folder / "node_modules/axe-core/axe.min.js").read_text()


@pytest.fixture
def served(serve: Serve) -> Service:
    """A service that names who issues certificates."""
    return serve(CERTIFICATE_ISSUER_NAME="Example Academy", RATELIMIT_ENABLED="false")


@pytest.fixture(params=NAMES.values(), ids=list(NAMES))
def certificate(served: Service, request: pytest.FixtureRequest) -> tuple[Learner, Any]:
    """A learner and the certificate, whose title is as hard to show as the name."""
    learner = served.learner()
    put(with_scope(learner, "progress:author"), outline("chapter-0", title=request.param[:500]))
    return learner, earn(learner, {"holderName": request.param})


def show(browser: Chrome, served: Service, certificate_id: str, query: str = "") -> None:
    """Open the page as a phone does; another query is another entry of its cache."""
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    browser.get(f"{served.url.replace('localhost', '127.0.0.1')}{address(certificate_id)}?{query}")


def address(certificate_id: str) -> str:
    return f"{PREFIX}/certificates/{certificate_id}"


def violations(browser: Chrome, axe: str) -> list[str]:
    """What the checker finds; it is run by the test, not by the page, which allows no script."""
    browser.execute_script(axe)
    found = browser.execute_async_script(
        "const done = arguments[0]; axe.run().then(result => done(result.violations))"
    )
    return [f"{one['id']}: {one['help']}" for one in found]


def test_the_page_fits_a_phone_and_passes_the_accessibility_checker(
    browser: Chrome, served: Service, certificate: tuple[Learner, Any], axe: str
) -> None:
    learner, own = certificate
    for status in ("Valid", "Revoked"):
        if status == "Revoked":
            revoke(learner, own["certificateId"])

        show(browser, served, own["certificateId"], status)

        widths = "return [document.documentElement.scrollWidth, window.innerWidth]"
        needed, given = browser.execute_script(widths)
        assert needed <= given
        shown = browser.find_element(By.TAG_NAME, "main").text
        assert status in browser.find_element(By.CLASS_NAME, "status").text
        assert ("Awarded to" in shown) == (status == "Valid")
        assert "Example Academy" in shown
        assert violations(browser, axe) == []


def test_the_page_is_one_sheet_of_paper_with_its_address(
    browser: Chrome, served: Service, certificate: tuple[Learner, Any]
) -> None:
    _, own = certificate
    show(browser, served, own["certificateId"])

    printed = browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    pdf = base64.b64decode(printed["data"])

    assert pdf.count(b"/Type /Page") - pdf.count(b"/Type /Pages") == 1
    assert own["certificateId"] in browser.find_element(By.CLASS_NAME, "note").text


def test_the_screenshot_in_the_documents_is_of_this_page(root: Path) -> None:
    picture = (root / "docs/images/certificate.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
