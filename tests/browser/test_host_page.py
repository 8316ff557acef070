"""The script of examples/host_app in a real browser: what a refused learner reads."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask, Response, send_from_directory
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from werkzeug.serving import make_server

from tests.browser.conftest import written
from tests.serving.service import until

SCRIPT = "examples/host_app/campus/static"
PAGE = """<!doctype html><title>Campus</title><link rel="icon" href="data:,"><p id="refusal"></p>
<button data-post="/guest">Guest</button> <button data-post="/proxy">Proxy</button>
<button data-post="http://127.0.0.1:1/">Nowhere</button>
<script src="player.js"></script>"""
LATER = "That did not work. Try again later."


@pytest.fixture
def page(root: Path) -> Iterator[str]:
    """A page with a button for each way to be refused."""
    app = Flask(__name__)
    app.add_url_rule("/", "page", lambda: PAGE)
    app.add_url_rule("/player.js", "js", lambda: send_from_directory(root / SCRIPT, "player.js"))
    app.add_url_rule("/guest", "guest", lambda: ({"detail": "Too early."}, 400), methods=["POST"])
    app.add_url_rule("/proxy", "proxy", lambda: Response("<h1>Busy", 502), methods=["POST"])
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


def test_a_learner_reads_why_a_post_was_refused_whoever_refused_it(
    browser: Chrome, page: str
) -> None:
    browser.get(page)
    guest, proxy, nowhere = browser.find_elements(By.TAG_NAME, "button")

    def reads(text: str) -> None:
        until(lambda: browser.find_element(By.ID, "refusal").text == text, 10)

    guest.click()
    reads("Too early.")
    proxy.click()
    reads(LATER)
    guest.click()
    reads("Too early.")
    nowhere.click()
    reads(LATER)
    # The browser itself writes of each refused request; an error that nobody caught is "Uncaught".
    assert not [line for line in written(browser) if "Uncaught" in line["message"]]
