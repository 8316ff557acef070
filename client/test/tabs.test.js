// Two tabs of a learner, which share what the browser keeps: each second counts once.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Memory } from "../src/storage.js";
import { Player } from "./player.js";
import { connect, Network, newName } from "./service.js";

const chapter = { tutorialId: "intro", chapterId: "one", totalChapters: 2 };

/**
 * Return two tabs of a learner of whom the service knows 100 seconds; the network of the first is down.
 * @param {import("node:test").TestContext} t
 */
async function twoTabs(t) {
  const userId = newName();
  const storage = new Memory();
  const network = new Network();
  await connect(t, { userId }).recordChapter("intro", { chapterId: "one", watchTime: 100 });
  network.down = true;
  const tab = connect(t, { userId, storage, fetch: network.fetch });
  return { tab, network, other: connect(t, { userId, storage }) };
}

/**
 * Assert how many seconds are recorded.
 * @param {import("../src/index.js").TutorialProgress} progress
 * @param {number} expected
 */
async function records(progress, expected) {
  const { totalWatchTime } = await progress.get("intro");
  assert.ok(Math.abs(totalWatchTime - expected) <= 1, `${totalWatchTime}, not ${expected}`);
}

test("seconds that were played offline count once, though another tab sends the first of them", async (t) => {
  const { tab, network, other } = await twoTabs(t);
  const player = new Player();
  const tracker = tab.track(player, chapter);
  await tracker.ready;
  const before = await player.playTo(20);
  assert.equal(await other.flush(), 0);
  await records(other, 100 + before);

  network.down = false;
  const after = await player.playTo(30);
  await tracker.stop();

  await records(other, 100 + before + after);
});

test("they count once, though the visit goes on in another tab", async (t) => {
  const { tab, other, network } = await twoTabs(t);
  const first = new Player();
  const one = tab.track(first, chapter);
  await one.ready;
  const before = await first.playTo(20);
  await one.stop();
  const second = new Player();
  const two = tab.track(second, chapter);
  await two.ready;
  assert.equal(await other.flush(), 0);

  network.down = false;
  const after = await second.playTo(second.currentTime + 10);
  await two.stop();

  await records(other, 100 + before + after);
});

test("they count once, though the service is asked before they are sent", async (t) => {
  const { tab, network, other } = await twoTabs(t);
  const first = new Player();
  const one = tab.track(first, chapter);
  await one.ready;
  const before = await first.playTo(20);
  await one.stop();

  network.down = false;
  network.slow = ({ method }) => {
    if (method === "POST") throw new TypeError("fetch failed");
  };
  const second = new Player();
  const two = tab.track(second, chapter);
  await two.ready;
  const after = await second.playTo(second.currentTime + 10);
  await two.stop();
  network.slow = () => {};
  assert.equal(await tab.flush(), 0);

  await records(other, 100 + before + after);
});

test("after a reset nothing is added to what is played later", async (t) => {
  const { tab, network, other } = await twoTabs(t);
  const player = new Player();
  const tracker = tab.track(player, chapter);
  await tracker.ready;
  await player.playTo(10);
  await other.flush();
  network.down = false;
  await tab.reset("intro");
  const after = await player.playTo(20);
  await tracker.stop();

  await records(other, after);
});
