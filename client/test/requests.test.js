import assert from "node:assert/strict";
import { test } from "node:test";
import { ProgressError, TutorialProgress } from "../src/index.js";
import { connect, heard, Network, newName, sign, url, writeOutline } from "./service.js";

test("nothing is recorded at first", async (t) => {
  const progress = connect(t, { userId: newName() });

  const intro = await progress.get("intro");

  assert.equal(intro.userId, progress.userId);
  assert.deepEqual(intro.chapterProgress, []);
});

test("the learner is the token's sub where the page names nobody", async (t) => {
  const name = newName();
  const progress = connect(t, { userId: null, token: async () => sign(name) });

  assert.equal((await progress.get("a/b c")).userId, name);
  assert.equal(progress.userId, name);
});

test("every progress object that arrives is dispatched", async (t) => {
  const progress = connect(t);
  const changes = heard(progress, "change");

  const intro = await progress.get("intro");

  assert.deepEqual(changes, [intro]);
});

test("an error has what the service says about it", async (t) => {
  const progress = connect(t);

  const error = await progress.get("x".repeat(256)).catch((problem) => problem);

  assert.ok(error instanceof ProgressError && error instanceof Error);
  assert.equal(error.status, 400);
  assert.equal(error.message, error.detail);
  assert.ok(error.detail.length > 10);
  assert.deepEqual(Object.keys(error.fields), ["tutorialId"]);
  assert.equal(error.requestId?.length, 32);
  assert.equal(error.retryAfter, null);
});

test("a limit's error says how long to wait", async (t) => {
  const progress = connect(t);
  const reset = () => progress.reset("intro").then(() => null, (problem) => problem);
  let error = null;
  for (let n = 0; !error && n < 200; n += 1) error = await reset();

  assert.equal(error.status, 429);
  assert.ok(error.retryAfter > 0 && error.retryAfter <= 60);
});

test("a service that is not there is an error without a status", async (t) => {
  const nowhere = connect(t, { url: "http://127.0.0.1:9/v1/tutorials/progress" });

  const error = await nowhere.get("intro").catch((problem) => problem);

  assert.ok(error instanceof ProgressError);
  assert.equal(error.status, 0);
  assert.match(error.message, /cannot be reached/);
});

test("a token that was refused is asked for again once, for all requests", async (t) => {
  const name = newName();
  let asked = 0;
  const token = async () => ((asked += 1) === 1 ? `${sign(name)}x` : sign(name));
  const progress = connect(t, { userId: name, token });

  const all = await Promise.all(["a", "b", "c"].map((tutorial) => progress.get(tutorial)));

  assert.equal(all.length, 3);
  assert.equal(asked, 2);
});

test("a token that is refused again is an error of status 401", async (t) => {
  const name = newName();
  let asked = 0;
  const token = () => `${sign(name)}${(asked += 1)}`;
  const progress = connect(t, { userId: name, token });

  const error = await progress.get("intro").catch((problem) => problem);

  assert.equal(error.status, 401);
  assert.equal(asked, 2);
});

test("a token in text is not tried twice", async (t) => {
  const network = new Network();
  const progress = connect(t, { token: "wrong", fetch: network.fetch });

  await assert.rejects(progress.get("intro"), { status: 401 });

  assert.deepEqual(network.requests.map(({ status }) => status), [401]);
});

test("a token is renewed before it ends", async (t) => {
  const name = newName();
  let asked = 0;
  const token = () => sign(name, (asked += 1) === 1 ? 30 : 3600);
  const network = new Network();
  const progress = connect(t, { userId: name, token, fetch: network.fetch });

  for (const tutorial of ["a", "b", "c"]) await progress.get(tutorial);

  assert.equal(asked, 2);
  assert.deepEqual(network.requests.map(({ status }) => status), [200, 200, 200]);
});

test("the learner's tutorials come in pages, those watched last first", async (t) => {
  const progress = connect(t);
  for (const tutorial of ["one", "two", "three"])
    await progress.recordChapter(tutorial, { chapterId: "a", watchTime: 5, lastPosition: 4 });

  const page = await progress.list({ limit: 2, status: "in_progress" });
  const rest = await progress.list({ limit: 2, status: "in_progress", cursor: page.next });
  const all = [];
  for await (const item of progress.all({ limit: 1 })) all.push(item);

  assert.deepEqual(page.items.map(({ tutorialId }) => tutorialId), ["three", "two"]);
  assert.deepEqual(rest.items.map(({ tutorialId }) => tutorialId), ["one"]);
  assert.equal(rest.next, null);
  assert.deepEqual(all, [...page.items, ...rest.items]);
  assert.deepEqual(all[0]?.lastChapter, { chapterId: "a", lastPosition: 4, completed: false });
  assert.deepEqual(await progress.list({ status: "completed" }), { items: [], next: null });
});

test("an outline says what a tutorial consists of, and a certificate what was earned", async (t) => {
  const progress = connect(t);
  const tutorial = newName();
  await assert.rejects(progress.outline(tutorial), { status: 404 });
  await assert.rejects(progress.certificate(tutorial), { status: 404 });
  const quizzes = [{ quizId: "final" }];
  await writeOutline(tutorial, { title: "Git", chapters: [{ chapterId: "a", duration: 60 }], quizzes });

  const outline = await progress.outline(tutorial);
  const error = await progress.complete(tutorial).catch((problem) => problem);
  await progress.recordChapter(tutorial, { chapterId: "a", watchTime: 60, completed: true });
  await progress.recordQuiz(tutorial, { quizId: "final", score: 1, maxScore: 1, passed: true });
  await progress.complete(tutorial, { holderName: "Ada" });
  const certificate = await progress.certificate(tutorial);

  assert.deepEqual([outline.title, outline.chapters[0]?.duration], ["Git", 60]);
  assert.equal(error.status, 400);
  assert.deepEqual([certificate.title, certificate.holderName], ["Git", "Ada"]);
  assert.match(certificate.certificateId, /^[0-9A-HJKMNP-TV-Z]{26}$/);
});

test("an invalid cursor is an error that names it", async (t) => {
  const progress = connect(t);

  const error = await progress.list({ cursor: "damaged" }).catch((problem) => problem);

  assert.equal(error.status, 400);
  assert.deepEqual(Object.keys(error.fields), ["cursor"]);
});

test("importing the client touches nothing, and creating one needs no browser", () => {
  const progress = new TutorialProgress({ url });
  assert.equal(progress.waiting, 0);
  return progress.close();
});
