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
def demo(root: Path, tmp_path: Path, browser: Chrome) -> Iterator[str]:
    """The address of the demo's page, which the browser leaves before the demo ends."""
    port = free_port()
    environment = os.environ | {"PORT": str(port), "PYTHONPATH": str(root), "DATA": str(tmp_path)}
    command: list[str | Path] = [sys.executable, root / "examples/player/serve.py"]
    with subprocess.Popen(command, env=environment) as process:
        until(lambda: _serves(port), 60, every=0.2)
        yield f"http://127.0.0.1:{port}"
        browser.get("about:blank")
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


# No request has a response until `release` is called.
STALLED = """
    const real = window.fetch;
    const gate = new Promise((open) => { window.release = open; });
    window.missing = 0;
    window.fetch = (...request) => {
      window.missing += 1;
      return gate.then(() => real(...request)).finally(() => { window.missing -= 1; });
    };"""
SEEN = """
    const found = document.querySelector(arguments[0]);
    return found?.checkVisibility() ? found.innerText : "";"""
REFUSED = """
    const real = window.fetch;
    window.fetch = (address, options) => {
      (window.tokens ??= []).push(new Headers(options?.headers).get("Authorization"));
      return address === "sign-in" && !window.signsIn
        ? Promise.resolve(new Response("<h1>Busy</h1>", { status: 503 })) : real(address, options);
    };"""
MANY = """
    const done = arguments[arguments.length - 1];
    const at = new Date().toISOString();
    const events = [...Array(25).keys()].map((n) => ({
      id: `${n}`, type: "chapter", tutorialId: `other-${n}`, at, chapterId: "one", watchTime: 1 }));
    Promise.all([fetch("config.json"), fetch("sign-in", { method: "POST" })])
      .then(([config, token]) => Promise.all([config.json(), token.text()]))
      .then(([{ service }, token]) => fetch(service, {
        method: "POST", body: JSON.stringify({ events }),
        headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` } }))
      .then((answer) => done(answer.status), (error) => done(String(error)));"""


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
        """Wait until a text can be seen there, though the page draws its parts again."""
        until(lambda: text in self._browser.execute_script(SEEN, selector))

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


def test_the_page_shows_what_was_chosen_last_while_the_network_stalls(
    browser: Chrome, demo: str
) -> None:
    # given a chapter that was watched a little, and some more, which leaving it saves
    person = Person(browser, demo)
    for seconds in (1, 2):
        person.go("python-basics/variables")
        person.reads(".counted", "watched")
        person.find(".player video").click()
        person.reads(".counted", f"{seconds} s watched")
        if seconds == 1:
            person.go()
            person.reads(".resume", "Python basics")
    browser.execute_script(STALLED)
    # when
    browser.execute_script("location.hash = '#/python-basics/loops'")
    until(lambda: person.find(".player h1").text == "Loops", 5)
    browser.execute_script("location.hash = '#/git-from-scratch'")
    until(lambda: "Git from scratch" in browser.title, 5)
    browser.execute_script("location.hash = '#/'")
    until(lambda: person.find(".cards").is_displayed(), 5)
    browser.execute_script("location.hash = '#/git-from-scratch/branches'")
    until(lambda: person.find(".player h1").text == "Branches", 5)
    # then what was late draws over nothing, and is not lost
    assert browser.execute_script("return missing") > 1
    browser.execute_script("release()")
    until(lambda: browser.execute_script("return missing") == 0)
    person.reads("#saved", "All saved")
    person.reads(".counted", "0 s watched")
    assert person.find(".player h1").text == "Branches"
    assert person.find("nav h2").text == "Git from scratch"


def test_a_course_opens_at_the_first_chapter_that_is_not_completed(
    browser: Chrome, demo: str
) -> None:
    person = Person(browser, demo)
    person.watch("git-from-scratch/commits")
    person.reads("#saved", "All saved")
    person.go("git-from-scratch")
    person.reads(".player h1", "Branches")
    person.reads(".chapters", "completed")


def test_the_list_shows_a_course_behind_twenty_others(browser: Chrome, demo: str) -> None:
    person = Person(browser, demo)
    person.watch("python-basics/variables")
    person.reads("#saved", "All saved")
    assert browser.execute_async_script(MANY) == 200
    person.go()
    person.reads(".cards", "33% completed")


def test_a_sign_in_that_fails_gives_no_token(browser: Chrome, demo: str) -> None:
    # when
    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": REFUSED})
    person = Person(browser, demo)
    person.go("python-basics/variables")
    person.plays_to_the_end()
    # then nothing is sent until there is a token
    person.reads("#saved", "waiting on this device")
    assert browser.execute_script("return tokens.filter(Boolean)") == []
    browser.execute_script("window.signsIn = true; dispatchEvent(new Event('online'))")
    person.reads("#saved", "All saved")
    assert browser.execute_script("return tokens.filter(Boolean).length") > 0
