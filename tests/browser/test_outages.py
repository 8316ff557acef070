"""What the client keeps while the network, the service, the token or the browser fails."""

import time
from pathlib import Path

import psutil
from selenium.webdriver import Chrome
from sqlalchemy import Engine, text

from tests.browser.conftest import start_browser
from tests.browser.site import OFTEN, Viewer, pages, signed
from tests.client import token
from tests.conftest import new_name
from tests.serving.service import Serve, until

QUIZ = 'progress.recordQuiz("intro", { quizId: "final", score: 8, maxScore: 10, passed: true })'


def test_what_was_done_offline_survives_a_killed_browser_and_is_recorded_once(
    tmp_path: Path, serve: Serve
) -> None:
    name = new_name()
    with pages(signed(name)) as origin:
        service = serve(CORS_ORIGINS=origin, RATELIMIT_GET=OFTEN)
        learner = service.learner(name=name)
        profile = tmp_path / "browser"
        viewer = Viewer(start_browser(profile), service, learner, origin)
        viewer.open()
        viewer.go_offline()
        viewer.play_to(4, rate=4)
        first = viewer.run("return tracker.watchTime")
        viewer.track("two")
        viewer.play_to(12, rate=4)
        second = viewer.run("return tracker.watchTime")
        assert viewer.ask(QUIZ) is None
        _kill(viewer.browser, profile)
        assert learner.progress()["chapterProgress"] == []

        viewer.browser = start_browser(profile)
        with viewer.browser:
            viewer.open(chapter=None)
            viewer.flush()
            assert abs(viewer.chapter("one")["watchTime"] - first) <= 1
            assert abs(viewer.chapter("two")["watchTime"] - second) <= 1
            assert learner.progress()["quizScores"][0]["attempts"] == 1
            viewer.open(chapter=None)
            viewer.flush()
            assert learner.progress()["quizScores"][0]["attempts"] == 1


def test_without_a_database_in_the_browser_it_survives_a_reload(viewer: Viewer) -> None:
    viewer.open(plain="1")
    viewer.cut_off()
    viewer.play_to(4, rate=4)
    played = viewer.run("return tracker.watchTime")
    assert viewer.ask(QUIZ) is None
    assert viewer.learner.progress()["quizScores"] == []

    viewer.open(chapter=None, plain="1")
    viewer.flush()
    assert abs(viewer.chapter()["watchTime"] - played) <= 1
    assert viewer.learner.progress()["quizScores"][0]["attempts"] == 1


def test_a_service_that_answers_503_for_20_seconds_loses_nothing(
    viewer: Viewer, engine: Engine
) -> None:
    viewer.open()
    viewer.play()
    viewer.plays_beyond(1)
    _run(engine, "ALTER SCHEMA public RENAME TO elsewhere")
    viewer.ask(QUIZ)
    began = time.monotonic()
    viewer.plays_beyond(19)
    until(lambda: time.monotonic() - began > 20)
    assert 503 in viewer.run("return problems")
    assert viewer.run("return problems.length") < 15
    _run(engine, "ALTER SCHEMA elsewhere RENAME TO public")

    until(lambda: viewer.run("return progress.waiting") == 0)
    played = viewer.run("return played()")
    assert abs(viewer.chapter()["watchTime"] - played) <= 1
    assert viewer.learner.progress()["quizScores"][0]["attempts"] == 1
    viewer.forget_console()


def test_a_token_that_expires_in_the_middle_is_replaced(browser: Chrome, serve: Serve) -> None:
    name, asked = new_name(), []

    def sign() -> str:
        asked.append(time.time())
        return token(name, exp=int(time.time()) + (2 if len(asked) == 1 else 3600))

    with pages(sign) as origin:
        service = serve(CORS_ORIGINS=origin, RATELIMIT_GET=OFTEN)
        viewer = Viewer(browser, service, service.learner(name=name), origin)
        viewer.open()
        viewer.play()
        viewer.plays_beyond(4)
        viewer.run("video.pause()")
        played = viewer.run("return played()")

        until(viewer.chapter)
        assert abs(viewer.chapter()["watchTime"] - played) <= 1
        assert len(asked) == 2
        assert viewer.run("return problems") == []


def _kill(browser: Chrome, profile: Path) -> None:
    """Kill every process of a browser with SIGKILL."""
    processes = psutil.Process(browser.service.process.pid).children(recursive=True)
    for one in processes:
        one.kill()
    until(lambda: not any(map(_runs, processes)))
    browser.service.stop()
    # A process that nobody has waited for yet would seem to use the directory still.
    (profile / "SingletonLock").unlink()


def _runs(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def _run(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))
