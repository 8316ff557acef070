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

/**
 * Return a new player and its tracker, after it has begun.
 * @param {import("../src/index.js").TutorialProgress} tab
 */
async function begin(tab) {
  const player = new Player();
  const tracker = tab.track(player, chapter);
  await tracker.ready;
  return { player, tracker };
}

test("seconds that were played offline count once, even if another tab sends the first of them", async (t) => {
  const { tab, network, other } = await twoTabs(t);
  const { player, tracker } = await begin(tab);
  const before = await player.playTo(20);
  assert.equal(await other.flush(), 0);
  await records(other, 100 + before);

  network.down = false;
  const after = await player.playTo(30);
  await tracker.stop();

  await records(other, 100 + before + after);
});

test("seconds that were played offline count once, even if the visit goes on with another player", async (t) => {
  const { tab, other, network } = await twoTabs(t);
  const first = await begin(tab);
  const before = await first.player.playTo(20);
  await first.tracker.stop();
  const second = await begin(tab);
  assert.equal(await other.flush(), 0);

  network.down = false;
  const after = await second.player.playTo(second.player.currentTime + 10);
  await second.tracker.stop();

  await records(other, 100 + before + after);
});

test("seconds that were played offline count once, even if the service is asked before they are sent", async (t) => {
  const { tab, network, other } = await twoTabs(t);
  const first = await begin(tab);
  const before = await first.player.playTo(20);
  await first.tracker.stop();

  network.down = false;
  network.slow = ({ method }) => {
    if (method === "POST") throw new TypeError("fetch failed");
  };
  const second = await begin(tab);
  const after = await second.player.playTo(second.player.currentTime + 10);
  await second.tracker.stop();
  network.slow = () => {};
  assert.equal(await tab.flush(), 0);

  await records(other, 100 + before + after);
});

test("after a reset nothing is added to what is played later", async (t) => {
  const { tab, network, other } = await twoTabs(t);
  const { player, tracker } = await begin(tab);
  await player.playTo(10);
  await other.flush();
  network.down = false;
  await tab.reset("intro");
  const after = await player.playTo(20);
  await tracker.stop();

  await records(other, after);
});
