// Gateways, tokens, clocks and data that are not as they should be: nothing is lost, nothing stops.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Memory } from "../src/storage.js";
import { Player } from "./player.js";
import { behind, connect, gate, heard, Network, newName, until } from "./service.js";

const passed = { quizId: "final", score: 8, maxScore: 10, passed: true };
const chapter = { tutorialId: "intro", chapterId: "one", totalChapters: 2 };

test("what a gateway finds too large is sent in parts", async (t) => {
  const small = (/** @type {RequestInit} */ { body }) =>
    String(body ?? "").length > 1000 ? new Response("<h1>Too large</h1>", { status: 413 }) : null;
  const { network, fetch } = behind(small);
  const progress = connect(t, { fetch });
  network.down = true;
  for (let n = 0; n < 20; n += 1) await progress.recordQuiz("intro", { ...passed, quizId: `quiz-${n}` });
  network.down = false;

  assert.equal(await progress.flush(), 0);

  assert.equal((await progress.get("intro")).quizScores.length, 20);
});

for (const letters of [50_000, 500_000])
  test(`a quiz with an id of ${letters} letters is refused, and stops nothing else`, async (t) => {
    const network = new Network();
    const progress = connect(t, { fetch: network.fetch });
    const problems = heard(progress, "problem");
    network.down = true;
    await progress.recordQuiz("intro", { ...passed, quizId: "q".repeat(letters) });
    await progress.recordQuiz("intro", passed);
    network.down = false;

    await progress.flush();
    await until(() => progress.waiting === 0);

    assert.ok([400, 413].includes(problems.at(-1).status), String(problems));
    assert.equal((await progress.get("intro")).quizScores.length, 1);
  });

test("what cannot be sent as JSON is an error at once, and stops nothing else", async (t) => {
  const progress = connect(t);
  const score = /** @type {any} */ (8n);

  await assert.rejects(progress.recordQuiz("intro", { ...passed, score }), TypeError);

  assert.equal((await progress.recordQuiz("intro", passed))?.quizScores.length, 1);
});

test("nothing that waits is sent while a reset is under way", async (t) => {
  const network = new Network();
  const { opened, open } = gate();
  let removed = false;
  /** @type {typeof fetch} */
  const slow = async (address, options) => {
    const response = await network.fetch(address, options);
    if (options?.method !== "DELETE") return response;
    removed = true;
    await opened;
    return response;
  };
  const progress = connect(t, { fetch: slow });
  network.down = true;
  await progress.recordQuiz("intro", passed);
  network.down = false;

  const reset = progress.reset("intro");
  await until(() => removed);
  const flushed = progress.flush();
  setTimeout(open, 300);
  await Promise.all([reset, flushed]);

  assert.deepEqual((await progress.get("intro")).quizScores, []);
  assert.equal(progress.waiting, 0);
});

test("seconds of an offline visit count once, though they are sent while the next visit begins", async (t) => {
  const name = newName();
  const storage = new Memory();
  await connect(t, { userId: name }).recordChapter("intro", { chapterId: "one", watchTime: 100 });
  const network = new Network();
  network.down = true;
  const before = connect(t, { userId: name, storage, fetch: network.fetch });
  const player = new Player();
  const first = before.track(player, chapter);
  await first.ready;
  await player.playTo(10);
  await first.stop();
  const played = first.watchTime;
  await before.close();

  network.down = false;
  let reads = 0;
  network.slow = ({ method }) => {
    const sent = () => network.posts().length > 0;
    if (method === "GET" && (reads += 1) === 1) return until(sent, 1).catch(() => {});
  };
  const after = connect(t, { userId: name, storage, fetch: network.fetch });
  const tracker = after.track(new Player(), chapter);
  await tracker.ready;

  assert.ok(Math.abs(tracker.watchTime - 100 - played) <= 1, `${tracker.watchTime}, ${played}`);
});

test("seconds of an offline visit are not lost to a gateway that answers in the service's place", async (t) => {
  const name = newName();
  await connect(t, { userId: name }).recordChapter("intro", { chapterId: "one", watchTime: 100 });
  let away = true;
  const { network, fetch } = behind(() => (away ? new Response("{}") : null));
  network.down = true;
  const progress = connect(t, { userId: name, fetch });
  const player = new Player();
  const tracker = progress.track(player, chapter);
  await tracker.ready;
  await player.playTo(10);
  await tracker.stop();
  network.down = false;
  await progress.flush();

  away = false;
  assert.equal(await progress.flush(), 0);

  const one = (await progress.get("intro")).chapterProgress[0];
  assert.ok(one && one.watchTime >= 109, String(one?.watchTime));
});

test("a time to wait that is a date is measured by the clock that wrote it", async (t) => {
  let refused = 0;
  const wrong = Date.now() + 3_600_000;
  const headers = {
    Date: new Date(wrong).toUTCString(),
    "Retry-After": new Date(wrong + 2000).toUTCString(),
  };
  const { network, fetch } = behind(({ method }) =>
    method === "POST" && (refused += 1) === 1 ? new Response("", { status: 503, headers }) : null,
  );
  const progress = connect(t, { fetch });
  const problems = heard(progress, "problem");
  const began = performance.now();

  assert.equal(await progress.recordQuiz("intro", passed), null);
  await progress.flush();
  assert.deepEqual([problems[0].retryAfter, network.posts()], [2, []]);

  await until(() => progress.waiting === 0, 10);
  assert.ok(performance.now() - began > 1900);
});

test("a proxy that answers in the service's place loses nothing", async (t) => {
  let away = true;
  const { fetch } = behind(() => (away ? new Response("<h1>Bad gateway</h1>", { status: 502 }) : null));
  const progress = connect(t, { fetch });
  const problems = heard(progress, "problem");

  assert.equal(await progress.recordQuiz("intro", passed), null);
  away = false;
  assert.equal(await progress.flush(), 0);

  assert.deepEqual(problems.map(({ status }) => status), [502]);
  assert.equal((await progress.get("intro")).quizScores[0]?.attempts, 1);
});

test("a store that fails loses nothing while the page is open", async (t) => {
  const broken = { all: () => Promise.reject(new Error("gone")), change: () => Promise.reject(new Error("gone")) };
  const network = new Network();
  const progress = connect(t, { storage: broken, fetch: network.fetch });
  network.down = true;
  assert.equal(await progress.recordQuiz("intro", passed), null);
  network.down = false;

  assert.equal(await progress.flush(), 0);
  assert.equal((await progress.get("intro")).quizScores[0]?.attempts, 1);
});

test("importLocal skips the malformed parts of a progress object", async (t) => {
  const progress = connect(t);
  const problems = heard(progress, "problem");
  const time = "2026-01-02T03:04:05Z";
  const kept = /** @type {any} */ ({
    tutorialId: "intro",
    totalChapters: 2,
    lastWatchedAt: Date.parse(time), // a number, as some clients keep it
    chapterProgress: [null, { chapterId: "one", watchTime: 9 }, { chapterId: 7 }, "two"],
    quizScores: { first: passed },
  });

  await progress.importLocal(kept);
  await progress.importLocal(/** @type {any} */ (null));
  await progress.importLocal({ ...kept, tutorialId: "other", lastWatchedAt: "yesterday" });
  assert.equal(await progress.flush(), 0);

  const [intro, other] = await Promise.all(["intro", "other"].map((one) => progress.get(one)));
  assert.deepEqual([intro?.totalWatchTime, other?.totalWatchTime], [9, 9]);
  assert.equal(Date.parse(intro?.lastWatchedAt ?? ""), Date.parse(time));
  assert.deepEqual(problems.map(({ status }) => status), [400, 400]);
});

test("a token that never comes stops neither the page nor what comes later", async (t) => {
  const never = connect(t, { token: () => new Promise(() => {}) });

  assert.equal(await never.recordQuiz("intro", passed), null);
  assert.equal(never.waiting, 1);
});

test("a copy that has grown since it was imported counts its attempts once", async (t) => {
  const progress = connect(t);
  const copy = { tutorialId: "intro", lastWatchedAt: "2026-01-01T00:00:00Z", quizScores: /** @type {any} */ ([passed]) };

  await progress.importLocal(copy);
  await progress.importLocal({ ...copy, lastWatchedAt: "2026-01-02T00:00:00Z" });
  await progress.flush();

  assert.equal((await progress.get("intro")).quizScores[0]?.attempts, 1);
});

test("old marks of all learners are removed, waiting events are not", async (t) => {
  const storage = new Memory();
  const [ada, bob] = [newName(), newName()];
  const network = new Network();
  network.down = true;
  const before = connect(t, { userId: bob, storage, fetch: network.fetch });
  const player = new Player();
  const tracker = before.track(player, chapter);
  await tracker.ready;
  await player.playTo(3);
  await tracker.stop();
  await before.close();
  const kept = await storage.all();
  const old = kept.map((entry) => ({ ...entry, id: `old ${entry.id}`, at: Date.now() - 91 * 86_400_000 }));
  await storage.change(old, []);

  await connect(t, { userId: ada, storage }).flush();

  const left = (await storage.all()).map(({ id }) => id);
  const events = old.filter(({ event }) => event);
  assert.deepEqual(left.sort(), [...kept, ...events].map(({ id }) => id).sort());
  assert.deepEqual([kept.length, events.length], [2, 1]);
});
