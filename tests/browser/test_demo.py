"""`make demo`: the page of examples/player in a real browser, with the service that it starts."""

import os
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import psutil
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from embedded.ports import free_port
from tests.serving.service import until


@pytest.fixture
def demo(root: Path, tmp_path: Path) -> Iterator[str]:
    """The address of the demo's page."""
    port = free_port()
    environment = os.environ | {"PORT": str(port), "PYTHONPATH": str(root), "DATA": str(tmp_path)}
    command: list[str | Path] = [sys.executable, root / "examples/player/serve.py"]
    with subprocess.Popen(command, env=environment) as process:
        until(lambda: _serves(port), 60, every=0.2)
        yield f"http://127.0.0.1:{port}"
        process.send_signal(2)
        psutil.Process(process.pid).wait(20)


def _serves(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


class Person:
    """A person who takes a course."""

    def __init__(self, browser: Chrome, address: str) -> None:
        self._browser, self._address = browser, address

    def go(self, path: str = "") -> None:
        """Open a part of the page."""
        self._browser.get("about:blank")
        self._browser.get(f"{self._address}/#/{path}")

    def find(self, selector: str) -> WebElement:
        """What is shown there, as soon as it is."""
        found: list[WebElement] = []

        def seen() -> bool:
            found[:] = self._browser.find_elements(By.CSS_SELECTOR, selector)
            return bool(found and found[0].is_displayed())

        until(seen)
        return found[0]

    def reads(self, selector: str, text: str) -> None:
        """Wait until a text is there."""
        until(lambda: text in self.find(selector).text)

    def watch(self, path: str) -> None:
        """Watch a chapter at high speed, to its end."""
        self.go(path)
        self.plays_to_the_end()

    def plays_to_the_end(self) -> None:
        """Play the chapter that is shown, at high speed."""
        self.find(".counted")
        self.reads(".counted", "watched")
        self._browser.execute_script("document.querySelector('.player video').playbackRate = 8")
        self.find(".player video").click()
        self.reads(".counted", "completed")

    def answer(self, *choices: int) -> None:
        """Answer the quiz."""
        for number, choice in enumerate(choices):
            self.find(f"input[name=q{number}][value='{choice}']").click()
        self.find(".quiz button").click()


def test_a_course_is_taken_offline_and_online_until_its_certificate_is_public(
    browser: Chrome, demo: str
) -> None:
    person = Person(browser, demo)
    person.watch("python-basics/variables")
    person.reads("#saved", "All saved")
    person.go()
    person.reads(".resume", "Python basics")
    person.reads(".resume", "Loops")

    person.go("python-basics/loops")
    person.find("#offline").click()
    person.plays_to_the_end()
    person.reads(".chapters", "kept on this device")
    person.answer(1, 1, 0)
    person.reads(".result", "3 of 3, kept on this device")
    person.reads("#saved", "2 waiting on this device")
    person.find(".brand").click()
    person.reads(".cards", "33% completed")
    person.find("#offline").click()
    person.reads("#saved", "All saved")
    person.reads(".cards", "66% completed")
    person.go("python-basics/loops")
    person.reads(".result", "Best of 1: 3 of 3")

    person.watch("python-basics/functions")
    person.find(".certificate button:enabled").click()
    address = person.find(".certificate a").get_attribute("href")
    assert address
    browser.get(address)
    assert "Ada Lovelace" in browser.find_element(By.TAG_NAME, "body").text


def test_the_page_opens_at_its_top_and_frames_nothing(browser: Chrome, demo: str) -> None:
    browser.set_window_size(1200, 600)
    person = Person(browser, demo)
    person.go()
    person.reads(".cards", "Git from scratch")
    assert person.find("main h2").rect["y"] > person.find("header").rect["height"]
    assert browser.execute_script("return scrollY") == 0

    browser.execute_script("scrollTo(0, 300); location.hash = '#/python-basics/loops'")
    person.reads(".player h1", "Loops")
    until(lambda: browser.execute_script("return scrollY") == 0)
    until(lambda: browser.execute_script("return document.activeElement.id") == "view")
    assert person.find("main").value_of_css_property("outline-style") == "none"


def test_the_videos_are_small_and_the_page_loads_nothing_from_elsewhere(
    browser: Chrome, demo: str, root: Path
) -> None:
    Person(browser, demo).go()
    Person(browser, demo).reads(".cards", "Git from scratch")

    loaded = browser.execute_script(
        "return performance.getEntriesByType('resource').map(e => e.name)"
    )
    assert all(one.startswith("http://127.0.0.1:") for one in loaded)
    videos = (root / "examples/player/site/videos").glob("*.mp4")
    assert sum(video.stat().st_size for video in videos) < 400_000
