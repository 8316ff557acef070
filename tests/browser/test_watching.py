"""What the client records of a real video in a real browser."""

import time
from pathlib import Path

import psutil

from tests.browser.site import Viewer
from tests.docs.console import block_below
from tests.serving.service import until


def test_seconds_that_are_played_count_at_any_speed_and_those_skipped_do_not(
    viewer: Viewer,
) -> None:
    viewer.open()
    viewer.play(rate=1)
    viewer.plays_beyond(2)
    viewer.run("video.playbackRate = 4")
    viewer.plays_beyond(6)
    viewer.run("video.currentTime = 12")
    viewer.plays_beyond(14)
    viewer.run("video.pause()")
    played, position = viewer.run("return [played(), video.currentTime]")

    until(lambda: viewer.chapter().get("lastPosition") == int(position))
    assert 7 < played < 14
    assert abs(viewer.chapter()["watchTime"] - played) <= 1
    assert viewer.learner.progress()["totalChapters"] == 2


def test_on_leaving_the_page_the_rest_is_saved_and_the_next_visit_resumes(viewer: Viewer) -> None:
    viewer.open()
    viewer.play(rate=2)
    viewer.plays_beyond(6)
    played = viewer.run("return played()")
    viewer.browser.get("about:blank")

    until(viewer.chapter)
    saved = viewer.chapter()
    assert abs(saved["watchTime"] - played) <= 1
    viewer.open()
    assert abs(viewer.run("return video.currentTime") - saved["lastPosition"]) < 1


def test_closing_the_tab_saves_the_rest(viewer: Viewer) -> None:
    viewer.browser.get("about:blank")
    first = viewer.browser.current_window_handle
    viewer.open_in_new_tab()
    viewer.play(rate=2)
    viewer.plays_beyond(5)
    played = viewer.run("return played()")
    viewer.browser.close()
    viewer.browser.switch_to.window(first)

    until(viewer.chapter)
    assert abs(viewer.chapter()["watchTime"] - played) <= 1


def test_a_page_that_is_hidden_saves_at_once(viewer: Viewer) -> None:
    viewer.open()
    viewer.play()
    viewer.plays_beyond(2)
    assert viewer.chapter() == {}

    viewer.browser.switch_to.new_window("tab")

    until(viewer.chapter, 5)
    assert viewer.chapter()["watchTime"] >= 2


def test_a_chapter_whose_end_is_played_is_completed_and_starts_anew(viewer: Viewer) -> None:
    viewer.open()
    viewer.run("video.currentTime = 10")
    viewer.play(rate=4)
    until(lambda: viewer.chapter().get("completed"))
    until(lambda: viewer.run("return video.ended"))
    viewer.flush()

    viewer.open()
    assert viewer.run("return video.currentTime") == 0


def test_another_source_is_another_chapter(viewer: Viewer) -> None:
    viewer.open()
    viewer.play(rate=2)
    viewer.plays_beyond(4)
    viewer.run("video.src = 'videos/python-loops.mp4'")
    viewer.track("two")
    viewer.play_to(2)
    viewer.flush()

    assert 3.5 < viewer.chapter()["lastPosition"] + 1 < 8
    assert viewer.chapter("two")["lastPosition"] == 2


def test_neither_a_clock_that_jumps_an_hour_nor_a_page_that_sleeps_adds_a_second(
    viewer: Viewer,
) -> None:
    viewer.open()
    viewer.play()
    viewer.plays_beyond(1)
    _sleep(viewer, 3)
    jump = "const {0} = {1}.now.bind({1}); {1}.now = () => {0}() + 3600000;"
    viewer.run(jump.format("dates", "Date") + jump.format("clock", "performance"))
    viewer.plays_beyond(2)
    viewer.run("video.pause()")
    played = viewer.run("return played()")

    until(viewer.chapter)
    assert played < 5
    assert abs(viewer.chapter()["watchTime"] - played) <= 1


def test_two_tabs_send_each_event_once(viewer: Viewer) -> None:
    viewer.open()
    first = viewer.browser.current_window_handle
    viewer.go_offline()
    viewer.play_to(3, rate=2)
    until(lambda: viewer.run("return progress.waiting") == 1)
    viewer.go_offline(offline=False)
    viewer.open_in_new_tab("two")
    viewer.play_to(3, rate=2)
    viewer.flush()
    sent = viewer.run("return sent")
    viewer.browser.switch_to.window(first)
    viewer.flush()
    sent += viewer.run("return sent")

    assert len(sent) == len(set(sent)) >= 2
    assert viewer.chapter()["lastPosition"] == viewer.chapter("two")["lastPosition"] == 3
    viewer.forget_console()


def _sleep(viewer: Viewer, seconds: float) -> None:
    """Stop what shows the page, as a computer does that goes to sleep."""
    driver = psutil.Process(viewer.browser.service.process.pid)
    pages = [one for one in driver.children(recursive=True) if "--type=renderer" in one.cmdline()]
    assert pages
    for one in pages:
        one.suspend()
    time.sleep(seconds)
    for one in pages:
        one.resume()


def test_the_lines_of_the_document_make_a_page_remember(viewer: Viewer, root: Path) -> None:
    script = block_below("# From a browser page", (root / "docs/frontend.md").read_text(), "js")
    viewer.open(chapter=None)
    viewer.run("window.service = new URLSearchParams(location.search).get('service')")
    for shown, meant in {
        '"https://api.example.com/v1/tutorials/progress"': "service",
        '"alice"': f'"{viewer.learner.name}"',
        '"/login/token"': '"token"',
        '"python-basics"': '"intro"',
    }.items():
        assert shown in script
        script = script.replace(shown, meant)
    module = f"{script}\ndocument.title = 'remembers';"
    viewer.run(
        "const script = document.createElement('script'); script.type = 'module';"
        f"script.textContent = {module!r}; document.body.append(script);"
    )
    until(lambda: viewer.browser.title == "remembers")
    viewer.play_to(3, rate=2)

    until(lambda: viewer.chapter("variables"))
    assert viewer.chapter("variables")["watchTime"] >= 2
    assert viewer.learner.progress()["totalChapters"] == 8
