import assert from "node:assert/strict";
import { test } from "node:test";
import { Memory } from "../src/storage.js";
import { connect, heard, Network, newName, sign, until, url } from "./service.js";

const passed = { quizId: "final", score: 8, maxScore: 10, passed: true };
const watched = { chapterId: "one", watchTime: 60, lastPosition: 50, totalChapters: 2 };

test("a quiz returns the progress, and nothing waits", async (t) => {
  const progress = connect(t);
  const changes = heard(progress, "change");

  const intro = await progress.recordQuiz("intro", passed);

  assert.equal(intro?.quizScores[0]?.attempts, 1);
  assert.deepEqual(changes, [intro]);
  assert.equal(progress.waiting, 0);
});

test("each attempt counts", async (t) => {
  const progress = connect(t);

  await progress.recordQuiz("intro", { ...passed, score: 3, passed: false });
  const intro = await progress.recordQuiz("intro", passed);

  assert.equal(intro?.quizScores[0]?.attempts, 2);
  assert.equal(intro?.quizScores[0]?.score, 8);
});

test("a tutorial is completed, or the error says what is missing", async (t) => {
  const progress = connect(t);
  await progress.recordChapter("intro", { ...watched, completed: true });
  const error = await progress.complete("intro").catch((problem) => problem);
  await progress.recordChapter("intro", { ...watched, chapterId: "two", completed: true });

  const intro = await progress.complete("intro", { holderName: "Ada" });

  assert.equal(error.status, 400);
  assert.match(error.message, /50/);
  assert.equal(intro?.certificateEarned, true);
  assert.equal(progress.waiting, 0);
});

test("what was recorded offline is sent when the network is back, and counts once", async (t) => {
  const network = new Network();
  const progress = connect(t, { fetch: network.fetch });
  const counts = heard(progress, "queue");
  const problems = heard(progress, "problem");
  network.down = true;

  assert.equal(await progress.recordQuiz("intro", passed), null);
  assert.equal(await progress.recordChapter("intro", watched), null);
  assert.equal(progress.waiting, 2);
  assert.equal(problems[0].status, 0);
  network.down = false;

  assert.equal(await progress.flush(), 0);
  const intro = await progress.get("intro");
  assert.equal(intro.quizScores[0]?.attempts, 1);
  assert.equal(intro.chapterProgress[0]?.watchTime, 60);
  assert.deepEqual(network.posts(), [200]);
  assert.deepEqual([counts.at(-1), Math.max(...counts)], [0, 2]);
});

test("it is sent without being asked, a while later", async (t) => {
  const network = new Network();
  const progress = connect(t, { fetch: network.fetch });
  network.down = true;
  await progress.recordQuiz("intro", passed);
  network.down = false;

  await until(() => progress.waiting === 0);
  assert.deepEqual(network.posts(), [200]);
});

test("what one page left behind is sent by the next one", async (t) => {
  const storage = new Memory();
  const network = new Network();
  network.down = true;
  const name = newName();
  const before = connect(t, { userId: name, storage, fetch: network.fetch });
  await before.recordQuiz("intro", passed);
  await before.close();

  const after = connect(t, { userId: name, storage });

  await until(async () => (await after.get("intro")).quizScores.length === 1);
  await until(() => after.waiting === 0);
});

test("an answer that is lost is asked for again, and counts once", async (t) => {
  let lost = 0;
  /** @type {typeof fetch} */
  const flaky = async (address, options) => {
    const response = await fetch(address, options);
    if (options?.method === "POST" && (lost += 1) === 1) throw new TypeError("connection lost");
    return response;
  };
  const progress = connect(t, { fetch: flaky });

  assert.equal(await progress.recordQuiz("intro", passed), null);
  assert.equal(await progress.flush(), 0);

  assert.equal((await progress.get("intro")).quizScores[0]?.attempts, 1);
});

test("of a chapter only the newest event waits, with all that the older ones said", async (t) => {
  const storage = new Memory();
  const network = new Network();
  network.down = true;
  const progress = connect(t, { storage, fetch: network.fetch });
  await progress.recordChapter("intro", { ...watched, completed: true });
  await progress.recordChapter("intro", { ...watched, lastPosition: 10, watchTime: 30 });
  network.down = false;

  await progress.flush();

  const events = network.requests.flatMap(({ body }) => body?.events ?? []);
  assert.equal(events.length, 1);
  const chapter = (await progress.get("intro")).chapterProgress[0];
  assert.deepEqual(
    [chapter?.completed, chapter?.watchTime, chapter?.lastPosition],
    [true, 60, 10],
  );
});

test("a thing that the service refuses is dropped and reported, and stops nothing else", async (t) => {
  const network = new Network();
  const progress = connect(t, { fetch: network.fetch });
  const problems = heard(progress, "problem");
  network.down = true;
  await progress.recordQuiz("intro", { ...passed, score: 11 });
  await progress.recordQuiz("intro", passed);
  network.down = false;

  await progress.flush();

  assert.equal(progress.waiting, 0);
  assert.deepEqual(problems.map(({ status }) => status).slice(-1), [400]);
  assert.ok(problems.at(-1).fields.score);
  assert.deepEqual([problems.at(-1).event.quizId, problems.at(-1).event.score], ["final", 11]);
  assert.equal(problems[0].event, null);
  assert.equal((await progress.get("intro")).quizScores[0]?.attempts, 1);
});

test("who records an invalid quiz gets the error", async (t) => {
  const progress = connect(t);

  await assert.rejects(progress.recordQuiz("intro", { ...passed, maxScore: 0 }), { status: 400 });
});

test("what one learner left is not sent for another one, and waits for the first", async (t) => {
  const storage = new Memory();
  const network = new Network();
  const [ada, bob] = [newName(), newName()];
  let token = "";
  const progress = connect(t, { userId: ada, storage, token: () => token, fetch: network.fetch });
  await progress.recordQuiz("intro", passed);

  token = sign(bob);
  await progress.adopt(bob);
  assert.equal(progress.waiting, 0);
  assert.deepEqual((await progress.get("intro")).quizScores, []);

  token = sign(ada);
  await progress.adopt(ada);
  await until(async () => (await progress.get("intro")).quizScores.length === 1);
});

test("a token of somebody else sends nothing, and loses nothing", async (t) => {
  const [ada, bob] = [newName(), newName()];
  const progress = connect(t, { userId: ada, token: sign(bob) });
  const problems = heard(progress, "problem");

  assert.equal(await progress.recordQuiz("intro", passed), null);

  assert.equal(problems[0].status, 403);
  assert.equal(progress.waiting, 1);
});

test("what a visitor did is kept, and sent for the learner who signs in", async (t) => {
  const ada = newName();
  let token = "";
  const network = new Network();
  const progress = connect(t, { userId: null, token: () => token, fetch: network.fetch });

  assert.equal(await progress.recordQuiz("intro", passed), null);
  assert.equal(progress.userId, "");
  await progress.flush();
  assert.deepEqual(network.posts(), []);

  token = sign(ada);
  await progress.adopt(ada);
  await until(() => progress.waiting === 0);
  assert.equal((await progress.get("intro")).quizScores[0]?.attempts, 1);
});

test("after signing out a visitor is recorded, not the learner who left", async (t) => {
  const progress = connect(t);
  await progress.recordQuiz("intro", passed);

  await progress.adopt(null);

  assert.equal(progress.userId, "");
  assert.equal(await progress.recordQuiz("intro", passed), null);
  assert.equal(progress.waiting, 1);
});

test("a limit is obeyed: nothing is sent before its Retry-After has passed", async (t) => {
  const network = new Network();
  const progress = connect(t, { fetch: network.fetch });
  for (let n = 0; n < 60 && !network.posts().includes(429); n += 1)
    await progress.recordQuiz("intro", passed);
  assert.ok(network.posts().includes(429));
  const sent = network.posts().length;

  assert.equal(await progress.recordQuiz("intro", passed), null);
  await progress.flush();

  assert.equal(network.posts().length, sent);
  assert.equal(progress.waiting, 2);
});

test("a reset removes what is recorded, and what waits to be", async (t) => {
  const network = new Network();
  const progress = connect(t, { fetch: network.fetch });
  await progress.recordQuiz("intro", passed);
  network.down = true;
  await progress.recordQuiz("intro", passed);
  await progress.recordQuiz("other", passed);
  await assert.rejects(progress.reset("intro"), { status: 0 });
  assert.equal(progress.waiting, 2);
  network.down = false;

  await progress.reset("intro");
  await progress.flush();

  assert.deepEqual((await progress.get("intro")).quizScores, []);
  assert.equal((await progress.get("other")).quizScores.length, 1);
});

test("what another client kept on the device is imported, once", async (t) => {
  const progress = connect(t);
  const kept = {
    tutorialId: "intro",
    userId: "anonymous",
    chaptersCompleted: 1,
    totalChapters: 1,
    completionPercentage: 100,
    certificateEarned: true,
    lastWatchedAt: "2026-01-02T03:04:05.678Z",
    totalWatchTime: 90,
    chapterProgress: [{ chapterId: "one", completed: true, watchTime: 90, lastPosition: 88 }],
    quizScores: [{ ...passed, attempts: 3, completedAt: "2026-01-02T03:05:00Z" }],
  };

  await progress.importLocal(kept);
  await progress.importLocal(kept);
  await progress.flush();
  await progress.importLocal(kept);
  await progress.flush();

  const intro = await progress.get("intro");
  assert.equal(intro.certificateEarned, true);
  assert.deepEqual(intro.chapterProgress, kept.chapterProgress);
  assert.equal(intro.quizScores[0]?.attempts, 1);
});

test("a hundred events go in a few requests, in the order in which they happened", async (t) => {
  const network = new Network();
  const progress = connect(t, { fetch: network.fetch });
  network.down = true;
  for (let n = 0; n < 250; n += 1)
    await progress.recordQuiz("intro", { ...passed, quizId: `quiz-${n}` });
  network.down = false;

  assert.equal(await progress.flush(), 0);

  assert.ok(network.posts().length <= 4, String(network.posts()));
  const sent = network.requests.flatMap(({ body }) => body?.events ?? []).map((one) => one.quizId);
  assert.deepEqual(sent, Array.from({ length: 250 }, (_, n) => `quiz-${n}`));
  const bytes = network.requests.map(({ body }) => JSON.stringify(body).length);
  assert.ok(Math.max(...bytes) < 32_000);
});

test("two clients that share a store send each event once in the end", async (t) => {
  const storage = new Memory();
  const name = newName();
  const clients = [1, 2].map(() => connect(t, { userId: name, storage }));

  await Promise.all(clients.map((one) => one.recordQuiz("intro", passed)));
  await Promise.all(clients.map((one) => one.flush()));

  assert.equal((await clients[0]?.get("intro"))?.quizScores[0]?.attempts, 2);
});

test("an old event moves nothing back that another device has recorded since", async (t) => {
  const name = newName();
  const network = new Network();
  const laptop = connect(t, { userId: name, fetch: network.fetch });
  const phone = connect(t, { userId: name });
  network.down = true;
  await laptop.recordChapter("intro", { ...watched, watchTime: 90, lastPosition: 20 });
  await phone.recordChapter("intro", { ...watched, watchTime: 30, lastPosition: 45 });
  network.down = false;

  await laptop.flush();

  const one = (await phone.get("intro")).chapterProgress[0];
  assert.deepEqual([one?.watchTime, one?.lastPosition], [90, 45]);
});

test("an answer that is not the service's loses nothing", async (t) => {
  /** @type {typeof fetch} */
  const portal = async (address, options) =>
    options?.method === "POST" ? new Response("<p>Please pay.</p>") : fetch(address, options);
  const progress = connect(t, { url, fetch: portal });

  assert.equal(await progress.recordQuiz("intro", passed), null);
  assert.equal(progress.waiting, 1);
});
