"""A page of another origin, in a real browser: preflight, post, and a last post on leaving."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.support.wait import WebDriverWait

from tests.browser.conftest import written
from tests.client import PREFIX, token
from tests.serving.service import Serve, until


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and tells nobody."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def origin() -> Iterator[str]:
    """Where a page of another origin is served."""
    handler = partial(Quiet, directory=str(Path(__file__).parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_page_of_another_origin_posts_and_posts_once_more_on_leaving(
    browser: Chrome, serve: Serve, origin: str
) -> None:
    service = serve(CORS_ORIGINS=origin)
    learner = service.learner()
    address = f"http://127.0.0.1:{service.port}{PREFIX}"
    fragment = urlencode({"service": address, "token": token(learner.name)})

    browser.get(f"{origin}/page.html#{fragment}")
    WebDriverWait(browser, 20).until(lambda page: page.title != "loading")
    assert browser.title == "200 32 12"
    browser.get("about:blank")

    until(lambda: learner.progress()["totalWatchTime"] == 77)
    asked = [
        line["method"] for line in service.lines() if line.get("route", "").endswith("chapter")
    ]
    assert asked == ["OPTIONS", "POST", "POST"]


def test_a_page_of_an_origin_that_is_not_let_in_posts_nothing(
    browser: Chrome, serve: Serve, origin: str
) -> None:
    service = serve(CORS_ORIGINS="https://another.example")
    learner = service.learner()
    address = f"http://127.0.0.1:{service.port}{PREFIX}"
    fragment = urlencode({"service": address, "token": token(learner.name)})

    browser.get(f"{origin}/page.html#{fragment}")

    until(lambda: any(line.get("method") == "OPTIONS" for line in service.lines()))
    assert learner.progress()["totalWatchTime"] == 0
    assert any("blocked by CORS policy" in line["message"] for line in written(browser))
