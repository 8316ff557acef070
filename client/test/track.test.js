import assert from "node:assert/strict";
import { test } from "node:test";
import { Memory } from "../src/storage.js";
import { Player } from "./player.js";
import { connect, gate, heard, Network, newName, sign, until } from "./service.js";

const chapter = { tutorialId: "intro", chapterId: "one", totalChapters: 2 };

/**
 * Return the only chapter that is recorded.
 * @param {import("../src/index.js").TutorialProgress} progress
 */
async function recorded(progress) {
  return (await progress.get("intro")).chapterProgress[0];
}

/**
 * Assert that a number is within one of another.
 * @param {number | undefined} actual
 * @param {number} expected
 * @param {number} [most]
 */
function near(actual, expected, most = 1) {
  assert.ok(actual !== undefined && Math.abs(actual - expected) <= most, `${actual}, not ${expected}`);
}

test("what is played is counted, and what is skipped is not", async (t) => {
  const progress = connect(t);
  const player = new Player();
  const tracker = progress.track(player, chapter);
  await tracker.ready;

  const before = await player.playTo(10);
  player.currentTime = 40;
  const played = before + (await player.playTo(45));
  await tracker.stop();

  near(tracker.watchTime, played);
  const one = await recorded(progress);
  near(one?.watchTime, played);
  near(one?.lastPosition, player.currentTime);
  assert.equal(one?.completed, false);
  assert.equal((await progress.get("intro")).totalChapters, 2);
});

test("a jump while the player is paused is not counted, however long it was paused", async (t) => {
  const progress = connect(t);
  const player = new Player();
  const tracker = progress.track(player, chapter);
  await tracker.ready;

  await player.playTo(5);
  const played = tracker.watchTime;
  await new Promise((resolve) => setTimeout(resolve, 1500));
  player.currentTime = 20;

  near(tracker.watchTime, played, 0.01);
});

test("the next visit resumes, and goes on counting", async (t) => {
  const progress = connect(t);
  const first = progress.track(new Player(), chapter);
  await first.ready;
  const player = new Player();
  await first.stop();
  await progress.recordChapter("intro", { chapterId: "one", watchTime: 30, lastPosition: 20 });

  const tracker = progress.track(player, chapter);
  await tracker.ready;
  near(player.currentTime, 20, 0.5);
  const played = await player.playTo(30);
  await tracker.stop();

  near((await recorded(progress))?.watchTime, 30 + played);
});

test("a chapter is completed when nine tenths were seen once, not when seconds were seen twice", async (t) => {
  const progress = connect(t);
  const player = new Player();
  const tracker = progress.track(player, chapter);
  await tracker.ready;

  for (let n = 0; n < 3; n += 1) {
    player.currentTime = 0;
    await player.playTo(25);
  }
  assert.ok(tracker.watchTime > 54);
  assert.equal(tracker.completed, false);
  await player.playTo(56);
  assert.equal(tracker.completed, true);
  await tracker.stop();
  assert.equal((await recorded(progress))?.completed, true);
});

test("what was seen on an earlier visit counts towards completion", async (t) => {
  const progress = connect(t);
  const first = new Player();
  const before = progress.track(first, chapter);
  await before.ready;
  await first.playTo(30);
  await before.stop();

  const player = new Player();
  const tracker = progress.track(player, chapter);
  await tracker.ready;
  await player.playTo(55);

  assert.equal(tracker.completed, true);
});

test("a chapter that is played to its end is completed; a jump to its end does not complete it", async (t) => {
  const progress = connect(t);
  const player = new Player();
  const tracker = progress.track(player, chapter);
  await tracker.ready;

  player.currentTime = 59.9;
  await player.playTo(60);
  assert.equal(tracker.completed, false);
  player.currentTime = 50;
  await player.playTo(60);
  assert.equal(tracker.completed, true);
});

test("a chapter that is completed starts at its beginning, and stays completed", async (t) => {
  const progress = connect(t);
  const state = { chapterId: "one", watchTime: 60, lastPosition: 58, completed: true };
  await progress.recordChapter("intro", state);
  const player = new Player();
  const tracker = progress.track(player, chapter);
  await tracker.ready;

  assert.equal(player.currentTime, 0);
  await player.playTo(5);
  await tracker.stop();
  assert.equal((await recorded(progress))?.completed, true);
});

test("every ten seconds of play are kept, and several of those travel in one request", async (t) => {
  const network = new Network();
  const storage = new Memory();
  const progress = connect(t, { fetch: network.fetch, storage });
  const player = new Player();
  const tracker = progress.track(player, chapter);
  await tracker.ready;

  const all = player.playTo(40);
  await until(async () => (await storage.all()).some(({ mark }) => (mark?.lastPosition ?? 0) > 28));
  assert.deepEqual(network.posts(), []);
  await all;

  await until(() => network.posts().length === 1);
  near((await recorded(progress))?.lastPosition, 40, 2);
});

test("a page that only shows a chapter writes nothing", async (t) => {
  const network = new Network();
  const progress = connect(t, { fetch: network.fetch });
  const tracker = progress.track(new Player(), chapter);
  await tracker.ready;
  await tracker.stop();

  assert.deepEqual(network.posts(), []);
  assert.equal(progress.waiting, 0);
});

test("seconds that were played offline are added to those that the service knows", async (t) => {
  const name = newName();
  const elsewhere = connect(t, { userId: name });
  await elsewhere.recordChapter("intro", { chapterId: "one", watchTime: 100, lastPosition: 7 });
  const network = new Network();
  network.down = true;
  const progress = connect(t, { userId: name, fetch: network.fetch });
  const player = new Player();
  const tracker = progress.track(player, chapter);
  await tracker.ready;
  const before = await player.playTo(12);
  network.down = false;
  await progress.flush();
  near((await recorded(progress))?.watchTime, 100 + before);

  const after = await player.playTo(24);
  await tracker.stop();

  near((await recorded(progress))?.watchTime, 100 + before + after);
});

test("seconds of a visitor are added to those of the learner who signs in", async (t) => {
  const name = newName();
  const elsewhere = connect(t, { userId: name });
  await elsewhere.recordChapter("intro", { chapterId: "one", watchTime: 100 });
  let token = "";
  const progress = connect(t, { userId: null, token: () => token });
  const player = new Player();
  const tracker = progress.track(player, chapter);
  await tracker.ready;
  const before = await player.playTo(10);

  token = sign(name);
  await progress.adopt(name);
  const after = await player.playTo(20);
  await tracker.stop();

  near((await recorded(progress))?.watchTime, 100 + before + after);
});

test("another chapter on the same player ends the first one", async (t) => {
  const progress = connect(t);
  const player = new Player();
  const first = progress.track(player, chapter);
  await first.ready;
  const before = await player.playTo(10);

  const second = progress.track(player, { ...chapter, chapterId: "two" });
  await second.ready;
  const after = await player.playTo(20);
  await second.stop();

  const { chapterProgress } = await progress.get("intro");
  assert.deepEqual(chapterProgress.map(({ chapterId }) => chapterId), ["one", "two"]);
  near(chapterProgress[0]?.watchTime, before);
  near(chapterProgress[1]?.watchTime, after);
});

test("after a reset it is counted from zero", async (t) => {
  const progress = connect(t);
  const player = new Player();
  const tracker = progress.track(player, chapter);
  await tracker.ready;
  await player.playTo(20);
  await progress.flush();

  await progress.reset("intro");
  const played = await player.playTo(30);
  await tracker.stop();

  near((await recorded(progress))?.watchTime, played);
});

test("many short visits lose no second between them", async (t) => {
  const progress = connect(t);
  let played = 0;
  for (let n = 1; n <= 5; n += 1) {
    const player = new Player();
    player.playbackRate = 4;
    const tracker = progress.track(player, chapter);
    await tracker.ready;
    played += await player.playTo(player.currentTime + 2.6);
    await tracker.stop();
  }

  near((await recorded(progress))?.watchTime, played);
});

test("progress is dispatched as chapters are recorded", async (t) => {
  const progress = connect(t);
  const changes = heard(progress, "change");
  const player = new Player();
  const tracker = progress.track(player, chapter);
  await tracker.ready;
  await player.playTo(56);
  await tracker.stop();

  assert.equal(changes.at(-1).chaptersCompleted, 1);
});

test("a chapter that is completed before the service has answered is recorded as such", async (t) => {
  const network = new Network();
  const { opened, open } = gate();
  network.slow = () => opened;
  const progress = connect(t, { fetch: network.fetch });
  const player = new Player();
  player.playbackRate = 4;
  player.currentTime = 58.7;
  const tracker = progress.track(player, chapter);
  await player.playTo(59.1);
  assert.equal(tracker.completed, true);
  open();
  await tracker.ready;
  await tracker.stop();

  assert.equal((await recorded(progress))?.completed, true);
});

test("a live stream, which has no end, is counted and resumed, and never completed", async (t) => {
  const progress = connect(t);
  await progress.recordChapter("intro", { chapterId: "one", watchTime: 30, lastPosition: 20 });
  const player = new Player();
  player.duration = Infinity;
  const tracker = progress.track(player, chapter);
  await tracker.ready;
  near(player.currentTime, 20, 0.5);
  const played = await player.playTo(40);
  await tracker.stop();

  const one = await recorded(progress);
  near(one?.watchTime, 30 + played);
  assert.equal(one?.completed, false);
});

test("a player that does not know its length yet resumes as soon as it does", async (t) => {
  const progress = connect(t);
  await progress.recordChapter("intro", { chapterId: "one", watchTime: 30, lastPosition: 20 });
  const player = new Player();
  player.duration = NaN;
  const tracker = progress.track(player, chapter);
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.equal(player.currentTime, 0);

  player.duration = 60;
  player.dispatchEvent(new Event("durationchange"));
  await tracker.ready;
  near(player.currentTime, 20, 0.5);
});
