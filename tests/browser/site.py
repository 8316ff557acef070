"""A page of another origin with a video and the client of client/, and who watches it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, send_from_directory
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait
from werkzeug.serving import make_server

from tests.client import PREFIX, Learner, token
from tests.serving.service import Service, until

ROOT = Path(__file__).parent.parent.parent
OFTEN = "1000/minute"  # the tests ask the service until something is recorded
OFFLINE = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}


@contextmanager
def pages(sign: Callable[[], str]) -> Iterator[str]:
    """Serve the page, the client and the videos; yield the origin.

    Args:
        sign: returns the token that the page gets when it asks.
    """
    app = Flask(__name__)
    app.add_url_rule("/token", "token", lambda: Response(sign(), mimetype="text/plain"))
    app.add_url_rule("/<path:name>", "page", _file)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()


def _file(name: str) -> Response:
    directories = {
        "client": ROOT / "client/src",
        "videos": ROOT / "examples/player/site/videos",
    }
    first, _, rest = name.partition("/")
    directory = directories.get(first)
    return send_from_directory(directory or Path(__file__).parent, rest if directory else name)


class Viewer:
    """A person with a browser who opens the page and watches."""

    def __init__(self, browser: Chrome, service: Service, learner: Learner, origin: str) -> None:
        self.browser, self.service, self.learner = browser, service, learner
        self.origin = origin

    def open(self, chapter: str | None = "one", **query: str) -> None:
        """Load the page, and track a chapter if one is given."""
        address = f"http://127.0.0.1:{self.service.port}{PREFIX}"
        asked = urlencode({"service": address, "learner": self.learner.name, **query})
        self.browser.get(f"{self.origin}/player.html?{asked}")
        WebDriverWait(self.browser, 20).until(lambda page: page.title == "ready")
        if chapter:
            self.track(chapter)

    def open_in_new_tab(self, chapter: str = "one") -> None:
        """Load the page in another tab, and look at that one."""
        self.browser.switch_to.new_window("tab")
        self.open(chapter)

    def track(self, chapter: str) -> None:
        """Track a chapter, and wait until the player is where it was left."""
        self.ask(f"track('{chapter}').ready")

    def play(self, rate: float = 1) -> None:
        """Press Play."""
        self.run(f"video.playbackRate = {rate}")
        self.browser.find_element(By.TAG_NAME, "button").click()

    def play_to(self, seconds: float, rate: float = 1) -> None:
        """Press Play, and Pause when the video is there."""
        self.play(rate)
        self.plays_beyond(seconds)
        self.run("video.pause()")

    def plays_beyond(self, seconds: float) -> None:
        """Wait until the video is there."""
        until(lambda: self.run("return video.currentTime") >= seconds, every=0.05)

    def run(self, script: str) -> Any:
        """Run a statement, or return what an expression after `return` is."""
        return self.browser.execute_script(script)

    def ask(self, promised: str) -> Any:
        """Return what a promise brings, or the status of its error."""
        script = (
            f"const done = arguments[arguments.length - 1]; Promise.resolve({promised})"
            ".then((one) => done(one ?? null), (error) => done(error.status ?? String(error)));"
        )
        return self.browser.execute_async_script(script)

    def flush(self) -> None:
        """Wait until nothing waits to be sent."""
        until(lambda: self.ask("progress.flush()") == 0, every=0.2)

    def go_offline(self, *, offline: bool = True) -> None:
        """Cut this tab from the network, or connect it again."""
        self.browser.execute_cdp_cmd("Network.enable", {})
        settings = OFFLINE | {"offline": offline}
        self.browser.execute_cdp_cmd("Network.emulateNetworkConditions", settings)

    def cut_off(self) -> None:
        """Let every request of the page fail until it is loaded again, and tell it nothing."""
        self.run("window.fetch = () => Promise.reject(new TypeError('cut off'))")

    def chapter(self, name: str = "one") -> Any:
        """A chapter as it is recorded; empty where it is not."""
        recorded = self.learner.progress()["chapterProgress"]
        return next((one for one in recorded if one["chapterId"] == name), {})

    def forget_console(self) -> None:
        """Drop what was written on the console: requests that failed on purpose."""
        self.browser.get_log("browser")  # type: ignore[no-untyped-call]


def signed(learner: str) -> Callable[[], str]:
    """Return what signs tokens of a learner."""
    return lambda: token(learner)
