"""Browsers that run out of space, lose their data or freeze a tab, and a service that says wait."""

import time

from selenium.webdriver import Chrome

from tests.browser.site import OFTEN, Viewer, pages, signed
from tests.conftest import new_name
from tests.serving.service import Serve, until

# What the browser would go on with instead of its database.
NO_LOCAL_STORAGE = "Object.defineProperty(window, 'localStorage', { value: undefined })"
QUIZ = 'progress.recordQuiz("intro", { quizId: "final", score: 8, maxScore: 10, passed: true })'

# The client's database does not open before `held` is closed.
HELD = """
const held = indexedDB.open("tutorial-progress-client", 1);
indexedDB.deleteDatabase("tutorial-progress-client");
"""
OPENED = """
new Promise((resolve) => {
  indexedDB.open("tutorial-progress-client").onsuccess = ({ target }) => {
    target.result.close();
    resolve(1);
  };
})
"""

MANY_COUNT = 200
# 80 KB; a page that is left may have 64 KiB under way.
MANY = f"""
Promise.all(Array.from({{ length: {MANY_COUNT} }}, (_, n) => progress.recordQuiz("intro", {{
  quizId: `${{n}} ${{"q".repeat(240)}}`, score: 1, maxScore: 1, passed: true
}}))).then(() => progress.waiting)
"""


def test_without_space_in_the_database_it_survives_a_reload(viewer: Viewer) -> None:
    space = {"origin": viewer.origin, "quotaSize": 1}
    viewer.browser.execute_cdp_cmd("Storage.overrideQuotaForOrigin", space)
    viewer.open()
    viewer.cut_off()
    viewer.play_to(4, rate=4)
    played = viewer.run("return tracker.watchTime")
    assert viewer.ask(QUIZ) is None
    assert viewer.learner.progress()["quizScores"] == []

    viewer.open(chapter=None)
    viewer.flush()
    assert abs(viewer.chapter()["watchTime"] - played) <= 1
    assert _attempts(viewer) == 1


def test_after_the_data_was_cleared_it_is_kept_again(viewer: Viewer) -> None:
    viewer.open(chapter=None)
    viewer.run(NO_LOCAL_STORAGE)
    viewer.ask(QUIZ)
    cleared = {"origin": viewer.origin, "storageTypes": "indexeddb"}
    viewer.browser.execute_cdp_cmd("Storage.clearDataForOrigin", cleared)
    _keep_an_attempt_and_send_it(viewer)


def test_a_database_that_opens_late_is_used_from_then_on(viewer: Viewer) -> None:
    command, script = "Page.addScriptToEvaluateOnNewDocument", {"source": HELD}
    held = viewer.browser.execute_cdp_cmd(command, script)
    viewer.open(chapter=None)
    viewer.browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", held)
    viewer.ask(QUIZ)
    viewer.run("held.result.close()")
    viewer.ask(OPENED)
    viewer.run(NO_LOCAL_STORAGE)
    _keep_an_attempt_and_send_it(viewer)


def test_more_than_a_page_may_send_on_leaving_is_recorded_once(viewer: Viewer) -> None:
    viewer.open(chapter=None)
    viewer.run("window.connected = window.fetch")
    viewer.cut_off()
    assert viewer.ask(MANY) == MANY_COUNT
    viewer.run("window.fetch = window.connected")
    viewer.browser.get("about:blank")

    until(lambda: viewer.learner.progress()["quizScores"])
    viewer.open(chapter=None)
    viewer.flush()
    attempts = [quiz["attempts"] for quiz in viewer.learner.progress()["quizScores"]]
    assert attempts == [1] * MANY_COUNT


def test_a_tab_that_is_frozen_while_it_sends_holds_up_no_other(viewer: Viewer) -> None:
    viewer.open(chapter=None)
    first = viewer.browser.current_window_handle
    viewer.open_in_new_tab()
    second = viewer.browser.current_window_handle
    viewer.browser.switch_to.window(first)
    viewer.run(f"window.fetch = () => new Promise(() => {{}}); {QUIZ}")
    until(lambda: viewer.run("return progress.waiting") == 1)
    viewer.browser.execute_cdp_cmd("Page.setWebLifecycleState", {"state": "frozen"})

    viewer.browser.switch_to.window(second)
    began = time.monotonic()
    viewer.ask(QUIZ)
    assert time.monotonic() - began < 10
    assert _attempts(viewer) == 2


def test_a_page_that_is_hidden_obeys_what_the_service_says_about_waiting(
    browser: Chrome, serve: Serve
) -> None:
    name = new_name()
    with pages(signed(name)) as origin:
        limits = {"RATELIMIT_GET": OFTEN, "RATELIMIT_EVENTS": "1/minute"}
        service = serve(CORS_ORIGINS=origin, **limits)
        viewer = Viewer(browser, service, service.learner(name=name), origin)
        viewer.open()
        viewer.ask(QUIZ)
        viewer.play_to(2, rate=4)
        viewer.browser.switch_to.new_window("tab")

        until(lambda: 429 in _statuses(viewer))
        time.sleep(7)  # longer than the client waits between two requests
        assert _statuses(viewer) == [200, 429]
        viewer.forget_console()
        viewer.browser.switch_to.window(viewer.browser.window_handles[0])
        viewer.forget_console()


def _keep_an_attempt_and_send_it(viewer: Viewer) -> None:
    """Record the second attempt at the quiz without a network, and send it from another page."""
    viewer.cut_off()
    assert viewer.ask(QUIZ) is None
    assert _attempts(viewer) == 1

    viewer.open(chapter=None)
    viewer.flush()
    assert _attempts(viewer) == 2


def _attempts(viewer: Viewer) -> int:
    attempts: int = viewer.learner.progress()["quizScores"][0]["attempts"]
    return attempts


def _statuses(viewer: Viewer) -> list[int]:
    """The statuses of the requests with events."""
    lines = viewer.service.lines()
    return [line["status"] for line in lines if line.get("method") == "POST"]
