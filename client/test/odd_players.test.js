// Players that never know their length, are stopped at once, or change their address.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Player } from "./player.js";
import { connect, gate, Network } from "./service.js";

const chapter = { tutorialId: "intro", chapterId: "one", totalChapters: 2 };

/**
 * Assert that a number is within one of another.
 * @param {number | undefined} actual
 * @param {number} expected
 */
function near(actual, expected) {
  assert.ok(actual !== undefined && Math.abs(actual - expected) <= 1, `${actual}, not ${expected}`);
}

test("a player that never knows its length is recorded all the same", async (t) => {
  const progress = connect(t);
  await progress.recordChapter("intro", { chapterId: "one", watchTime: 30, lastPosition: 20 });
  const player = new Player();
  player.duration = NaN;
  const tracker = progress.track(player, chapter);
  const played = await player.playTo(10);
  await tracker.stop();

  const one = (await progress.get("intro")).chapterProgress[0];
  near(one?.watchTime, 30 + played);
  near(one?.lastPosition, 10);
});

test("a tracker that is stopped before it has begun is ready, and hears nothing more", async (t) => {
  const network = new Network();
  const progress = connect(t, { fetch: network.fetch });
  await progress.recordChapter("intro", { chapterId: "one", watchTime: 30, lastPosition: 20 });
  const { opened, open } = gate();
  network.slow = () => opened;
  const player = new Player();
  player.duration = NaN;
  /** @type {AbortSignal[]} */
  const signals = [];
  const listen = player.addEventListener.bind(player);
  player.addEventListener = (/** @type {any[]} */ ...given) => {
    signals.push(given[2].signal);
    listen(.../** @type {Parameters<typeof listen>} */ (given));
  };
  const tracker = progress.track(player, chapter);

  const stopped = tracker.stop();
  open();
  await stopped;
  await tracker.ready;

  player.duration = 60;
  player.dispatchEvent(new Event("durationchange"));
  assert.ok(signals.every(({ aborted }) => aborted));
  assert.equal(player.currentTime, 0);
});

for (const [duration, goesOn] of /** @type {[number, boolean][]} */ ([[60.4, true], [70, false]]))
  test(`play goes on at another made address if its length is the same: ${goesOn}`, async (t) => {
    const progress = connect(t);
    const player = Object.assign(new Player(), { currentSrc: "blob:1", readyState: 4 });
    const tracker = progress.track(player, chapter);
    await tracker.ready;
    const before = await player.playTo(10);

    Object.assign(player, { currentSrc: "", readyState: 0, duration: NaN });
    player.dispatchEvent(new Event("emptied"));
    Object.assign(player, { currentSrc: "blob:2", readyState: 4, duration });
    player.dispatchEvent(new Event("loadedmetadata"));
    const after = await player.playTo(20);

    near(tracker.watchTime, before + (goesOn ? after : 0));
  });
