"""The page to try the service on, in a real browser that has no internet."""

import json
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from tests.browser.conftest import written
from tests.client import token
from tests.conftest import new_name
from tests.serving.service import Serve, Service

OPERATIONS = ("recordChapter", "recordQuiz", "getProgress", "completeTutorial", "resetProgress")


@pytest.fixture
def served(serve: Serve) -> Service:
    """A service with the page."""
    return serve(DOCS_ENABLED="true")


class Page:
    """The page as a person uses it."""

    def __init__(self, browser: Chrome, service: Service) -> None:
        self._browser = browser
        browser.get(f"{service.url}/")

    def find(self, selector: str) -> WebElement:
        """What the selector is of, as soon as it can be seen."""

        def seen(browser: Chrome) -> WebElement | None:
            found = browser.find_elements(By.CSS_SELECTOR, selector)
            return next((one for one in found if one.is_displayed()), None)

        found = WebDriverWait(self._browser, 20).until(seen, f"no {selector}")
        assert found
        return found

    def authorize(self, encoded: str) -> None:
        """Paste a token in."""
        self.find(".auth-wrapper .authorize").click()
        self.find(".auth-container input").send_keys(encoded)
        self.find(".auth-btn-wrapper .authorize").click()
        self.find(".auth-btn-wrapper .btn-done").click()

    def unauthorize(self) -> None:
        """Remove the token."""
        self.find(".auth-wrapper .authorize").click()
        self.find(".auth-btn-wrapper .btn:not(.btn-done)").click()
        self.find(".auth-btn-wrapper .btn-done").click()

    def execute(self, operation: str, tag: str = "progress") -> tuple[str, Any]:
        """Try an operation with its example; return the status and the body that are shown."""
        block = f"#operations-{tag}-{operation}"
        self.find(f"{block} .opblock-summary-control").click()
        self.find(f"{block} .execute").click()
        answer = f"{block} .live-responses-table tbody"
        status = self.find(f"{answer} .response-col_status").text
        shown = self.find(f"{answer} .response-col_description pre").text
        return status.split()[0], json.loads(shown)


def test_all_five_operations_are_tried_with_a_pasted_token(
    browser: Chrome, served: Service
) -> None:
    name = new_name()
    page = Page(browser, served)
    page.authorize(token(name))

    answers = {operation: page.execute(operation) for operation in OPERATIONS}

    assert {status for status, _ in answers.values()} == {"200"}
    watched = answers["recordChapter"][1]
    assert (watched["userId"], watched["tutorialId"]) == (name, "python-basics")
    assert watched["completionPercentage"] == 100
    assert watched["chapterProgress"][0]["chapterId"] == "variables"
    assert answers["getProgress"][1]["quizScores"][0]["score"] == 8
    assert answers["completeTutorial"][1]["certificateEarned"] is True
    assert answers["resetProgress"][1]["success"] is True


def test_events_are_sent_and_the_tutorials_listed_with_a_pasted_token(
    browser: Chrome, served: Service
) -> None:
    page = Page(browser, served)
    page.authorize(token(new_name()))

    status, sent = page.execute("recordEvents", "learner")
    listed = page.execute("listTutorials", "learner")

    assert status == "200"
    assert [result["status"] for result in sent["results"]] == ["recorded", "recorded"]
    assert [progress["tutorialId"] for progress in sent["progress"]] == ["python-basics"]
    assert listed[0] == "200"
    assert [item["lastChapter"]["chapterId"] for item in listed[1]["items"]] == ["variables"]


def test_a_token_is_kept_over_a_reload_in_its_tab_alone(browser: Chrome, served: Service) -> None:
    Page(browser, served).authorize(token(new_name()))

    assert Page(browser, served).execute("getProgress")[0] == "200"
    assert browser.execute_script("return localStorage.length") == 0
    browser.switch_to.new_window("tab")
    assert Page(browser, served).execute("getProgress")[0] == "401"
    assert all("401" in line["message"] for line in written(browser))


def test_a_token_that_is_removed_does_not_come_back_with_a_reload(
    browser: Chrome, served: Service
) -> None:
    page = Page(browser, served)
    page.authorize(token(new_name()))

    page.unauthorize()

    assert Page(browser, served).execute("getProgress")[0] == "401"
    assert all("401" in line["message"] for line in written(browser))


def test_on_a_phone_nothing_is_wider_than_the_screen(browser: Chrome, served: Service) -> None:
    screen = {"width": 375, "height": 667, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    page = Page(browser, served)
    page.authorize(token(new_name()))

    page.execute("recordChapter")

    assert browser.execute_script("return document.documentElement.scrollWidth") == 375
    beyond = """
    const shown = [...document.querySelectorAll("#start *, button, input, textarea, summary")];
    return shown.filter(one => one.getBoundingClientRect().right > 375).map(one => one.outerHTML);
    """
    assert browser.execute_script(beyond) == []


def test_everything_that_is_loaded_is_of_the_service(browser: Chrome, served: Service) -> None:
    Page(browser, served).find("#operations-progress-recordChapter")

    asked = "return performance.getEntriesByType('resource').map(one => one.name)"
    loaded = browser.execute_script(asked)

    assert len(loaded) >= 4
    assert all(one.startswith((f"http://127.0.0.1:{served.port}/", "data:")) for one in loaded)


def test_a_script_of_somebody_elses_does_not_run(browser: Chrome, served: Service) -> None:
    Page(browser, served).find("#operations-progress-recordChapter")

    added = """
    const script = document.createElement("script");
    script.textContent = "window.intruder = true";
    document.body.append(script);
    return window.intruder === undefined;
    """
    kept_out = browser.execute_script(added)

    assert kept_out
    assert any("Content Security Policy" in line["message"] for line in written(browser))
