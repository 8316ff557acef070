"""What the client counts where a learner jumps, repeats and hurries."""

from typing import Any

from tests.browser.site import Viewer
from tests.serving.service import until

PLAYED = """
const done = arguments[arguments.length - 1];
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
(async () => {
  let played = 0;
  await video.play();
  for (const [to, ms] of arguments[0]) {
    video.currentTime = to;
    await new Promise((resolve) => video.addEventListener("seeked", resolve, { once: true }));
    const from = video.currentTime;
    await wait(ms);
    played += video.currentTime - from;
  }
  video.pause();
  await wait(300);
  return [played, tracker.watchTime];
})().then(done);
"""


def test_seconds_seen_before_count_again_up_to_each_jump(viewer: Viewer) -> None:
    viewer.open()
    viewer.play_to(19, rate=8)
    before = viewer.run("return tracker.watchTime")
    jumps = [[2 + n % 3, 420 + 37 * n] for n in range(10)]

    viewer.run("video.playbackRate = 4")
    played, counted = _jump(viewer, jumps)

    assert abs(counted - before - played) <= 1


def test_a_video_that_repeats_counts_each_time_and_covers_its_seconds_once(viewer: Viewer) -> None:
    viewer.open()
    viewer.run("video.loop = true; window.passes = 0; video.currentTime = 8")
    viewer.run("video.addEventListener('seeked', () => video.currentTime < 2 && (passes += 1))")
    viewer.play(rate=8)
    until(lambda: viewer.run("return passes") >= 3, every=0.05)
    viewer.run("video.pause()")
    passes, position = viewer.run("return [passes, video.currentTime]")
    duration = viewer.run("return video.duration")

    expected = duration - 8 + (passes - 1) * duration + position
    viewer.flush()
    assert abs(viewer.run("return tracker.watchTime") - expected) <= 1
    assert viewer.chapter()["completed"]


def test_at_sixteen_times_the_speed_every_second_counts(viewer: Viewer) -> None:
    viewer.open()
    viewer.play(rate=16)
    until(lambda: viewer.run("return video.ended"), every=0.05)

    assert abs(viewer.run("return tracker.watchTime - video.duration")) <= 1
    viewer.flush()
    assert viewer.chapter()["completed"]


def _jump(viewer: Viewer, jumps: list[list[int]]) -> Any:
    viewer.browser.set_script_timeout(60)
    return viewer.browser.execute_async_script(PLAYED, jumps)
