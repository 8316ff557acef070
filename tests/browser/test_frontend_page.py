"""The module of docs/frontend.md in a real browser: what it counts, keeps, repeats and shows."""

import base64
import io
import shutil
import threading
import wave
from collections.abc import Iterator
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.browser.conftest import written
from tests.browser.test_other_origin import Quiet
from tests.client import PREFIX, Learner, token
from tests.docs.console import block_below
from tests.serving.service import Serve, Service, until

TUTORIAL = "python-basics"
PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>loading</title>
<link rel="icon" href="data:,">
<video src="data:audio/wav;base64,{sound}" loop></video>
<button onclick="document.querySelector('video').play()">Play</button>
<script type="module">
{script}
Object.assign(window, {{ progress, video, stop }});
document.title = "ready";
</script>
</html>
"""
QUIZ = '"python-basics", { quizId: "final", score: 8, maxScore: 10, passed: true }'
OFFLINE = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}


def sound(seconds: int) -> str:
    """Silence to play, in base64."""
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(1)
        wav.setframerate(8000)
        wav.writeframes(b"\x80" * 8000 * seconds)
    return base64.b64encode(file.getvalue()).decode()


class Site:
    """A page of another origin that uses the module as docs/frontend.md shows."""

    def __init__(self, browser: Chrome, service: Service, learner: Learner, origin: str) -> None:
        self.browser, self.service, self.learner = browser, service, learner
        self._origin = origin

    def open(self) -> None:
        """Load the page."""
        self.browser.get(f"{self._origin}/page.html")
        WebDriverWait(self.browser, 20).until(lambda page: page.title == "ready")

    def play(self, rate: int = 1) -> None:
        """Press Play."""
        self.run(f"video.playbackRate = {rate}")
        self.browser.find_element(By.TAG_NAME, "button").click()

    def run(self, script: str) -> Any:
        """Run a statement, or return what an expression after `return` is."""
        return self.browser.execute_script(script)

    def ask(self, promised: str) -> Any:
        """Return what a promise brings; of an error the fields that a page may show."""
        script = (
            f"const done = arguments[arguments.length - 1]; {promised}.then(done, (error) =>"
            " done([error.status, error.message, error.requestId?.length]));"
        )
        return self.browser.execute_async_script(script)

    def plays_beyond(self, seconds: int) -> None:
        """Wait until the video is there."""
        until(lambda: self.run("return video.currentTime") > seconds, every=0.1)


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A directory, and the origin where its files are served."""
    directory = tmp_path / "pages"
    directory.mkdir()
    handler = partial(Quiet, directory=str(directory))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield directory, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def site(browser: Chrome, serve: Serve, pages: tuple[Path, str], root: Path) -> Site:
    """The page, not opened yet; it saves every second of play."""
    directory, origin = pages
    service = serve(
        CORS_ORIGINS=origin, RATELIMIT_CHAPTER="1000/minute", RATELIMIT_QUIZ="2/4 seconds"
    )
    learner = service.learner(tutorial=TUTORIAL)
    script = block_below("# From a browser page", (root / "docs/frontend.md").read_text(), "js")
    for shown, meant in {
        "https://api.example.com/v1/tutorials/progress": f"http://127.0.0.1:{service.port}{PREFIX}",
        '"alice"': f'"{learner.name}"',
        '"variables", 8': '"variables", 8, 1',
    }.items():
        assert shown in script
        script = script.replace(shown, meant)
    shutil.copy(root / "examples/browser/progress.js", directory)
    (directory / "login").mkdir()
    (directory / "login/token").write_text(token(learner.name))
    (directory / "page.html").write_text(PAGE.format(sound=sound(60), script=script))
    return Site(browser, service, learner, origin)


def chapter(learner: Learner) -> Any:
    """Return the only recorded chapter, or an empty object."""
    recorded = learner.progress()["chapterProgress"]
    return recorded[0] if recorded else {}


def test_what_is_counted_is_what_was_played_and_not_what_was_skipped(site: Site) -> None:
    site.open()
    site.play(rate=4)
    site.plays_beyond(5)
    site.run("video.currentTime = 40")
    site.plays_beyond(44)
    site.run("video.pause()")

    position = site.run("return video.currentTime")
    ranges = "[...Array(video.played.length).keys()]"
    spans = f"{ranges}.map((n) => video.played.end(n) - video.played.start(n))"
    played = site.run(f"return {spans}.reduce((one, other) => one + other, 0)")
    until(lambda: chapter(site.learner).get("lastPosition") == int(position))
    assert 8 < played < 30
    assert played - 3 < chapter(site.learner)["watchTime"] <= played
    assert site.learner.progress()["totalChapters"] == 8
    posts = [one for one in site.service.lines() if one.get("method") == "POST"]
    assert len(posts) >= 2  # one a second, and one at the pause


def test_on_leaving_the_rest_is_saved_and_the_next_visit_goes_on_from_there(site: Site) -> None:
    site.open()
    site.run("stop(); import('./progress.js').then((all) => { window.all = all; })")
    site.ask(f"all.watch(video, progress, '{TUTORIAL}', 'variables', 8, 1000)")
    site.play(rate=4)
    site.plays_beyond(6)
    assert chapter(site.learner) == {}
    site.browser.get("about:blank")

    until(lambda: chapter(site.learner).get("watchTime", 0) >= 5)
    first = chapter(site.learner)
    site.open()
    until(lambda: abs(site.run("return video.currentTime") - first["lastPosition"]) < 1)
    site.play(rate=4)
    site.plays_beyond(first["lastPosition"] + 4)
    site.ask("stop()")
    assert chapter(site.learner)["watchTime"] >= first["watchTime"] + 3
    assert chapter(site.learner)["completed"] is False


def test_the_end_completes_the_chapter_and_a_later_visit_does_not_take_it_back(site: Site) -> None:
    site.open()
    site.run("video.loop = false; video.currentTime = 57")
    site.play(rate=4)
    until(lambda: chapter(site.learner).get("completed"))

    site.open()
    site.play(rate=4)
    site.plays_beyond(2)
    site.ask("stop()")

    assert 2 <= chapter(site.learner)["lastPosition"] < 50
    assert chapter(site.learner)["completed"] is True


def test_an_attempt_that_was_made_offline_is_sent_by_the_next_page_and_counts_once(
    site: Site,
) -> None:
    site.open()
    site.browser.execute_cdp_cmd("Network.enable", {})
    site.browser.execute_cdp_cmd("Network.emulateNetworkConditions", OFFLINE)
    site.run(f"progress.quiz({QUIZ}).catch(() => 0)")
    until(lambda: site.run("return Object.keys(localStorage).length") == 1)
    until(
        lambda: any("ERR_INTERNET_DISCONNECTED" in one["message"] for one in written(site.browser))
    )
    site.browser.execute_cdp_cmd("Network.emulateNetworkConditions", OFFLINE | {"offline": False})
    site.open()

    until(lambda: len(site.learner.progress()["quizScores"]) == 1)
    until(lambda: site.run("return Object.keys(localStorage).length") == 0)
    assert site.learner.progress()["quizScores"][0]["attempts"] == 1
    assert site.ask(f"progress.quiz({QUIZ})")["quizScores"][0]["attempts"] == 2
    written(site.browser)


def test_what_one_learner_left_behind_is_not_sent_for_another_one(site: Site) -> None:
    site.open()
    site.run("import('./progress.js').then((all) => { window.all = all; })")
    other = f'{{ url: progress.url, learner: "{site.learner.name} II", token: () => "none" }}'
    until(lambda: site.run("return Boolean(window.all)"))
    refused = site.ask(f"new all.Progress({other}).quiz({QUIZ})")
    assert refused[0] == 401

    site.ask("progress.resend()")

    assert site.ask(f"progress.quiz({QUIZ})")["quizScores"][0]["attempts"] == 1
    assert site.run("return Object.keys(localStorage).length") == 1
    written(site.browser)


def test_a_refusal_is_a_sentence_to_show_and_a_limit_is_waited_for(site: Site) -> None:
    site.open()
    nothing = "Nothing has been recorded for this tutorial yet; post a chapter first."
    assert site.ask(f"progress.complete('{TUTORIAL}')") == [404, nothing, 32]

    three = ", ".join([f"progress.quiz({QUIZ})"] * 3)
    site.ask(f"Promise.all([{three}])")

    assert site.learner.progress()["quizScores"][0]["attempts"] == 3
    statuses = [one["status"] for one in site.service.lines() if one.get("method") == "POST"]
    assert 429 in statuses
    written(site.browser)
