// Refusals that are not about an event: nothing is dropped for what something before the service says.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Player } from "./player.js";
import { behind, connect, heard, newName, sign } from "./service.js";

const quiz = (/** @type {number} */ n) => ({ quizId: `quiz-${n}`, score: 8, maxScore: 10, passed: true });
const guard = { error: "Bad Request", detail: "The CSRF token is missing.", requestId: "7f" };
const cut = { error: "Incomplete request body", detail: "Send it again.", requestId: "7f" };
const passing = {
  "a gateway's 404": () => new Response("404 page not found", { status: 404 }),
  "a gateway's 400": () => new Response("<h1>Bad request</h1>", { status: 400 }),
  "the service's 404, at a wrong prefix": () =>
    Response.json({ error: "Not Found", detail: "Check its path.", requestId: "7f" }, { status: 404 }),
  "the service's 405, at a wrong prefix": () =>
    Response.json({ error: "Method Not Allowed", detail: "Not here.", requestId: "7f" }, { status: 405 }),
  "the 400 of a host app's guard": () => Response.json(guard, { status: 400 }),
  "a body that was cut off": () => Response.json(cut, { status: 400 }),
};

for (const [what, answer] of Object.entries(passing))
  test(`${what} loses nothing, and is not asked for again at once`, async (t) => {
    let asked = 0;
    const { network, fetch } = behind(({ method }) =>
      method === "POST" && (asked += 1) === 1 ? answer() : null,
    );
    const progress = connect(t, { fetch });
    const problems = heard(progress, "problem");
    network.down = true;
    for (let n = 0; n < 5; n += 1) await progress.recordQuiz("intro", quiz(n));
    network.down = false;

    assert.equal(await progress.flush(), 5);
    assert.deepEqual([asked, problems.at(-1).event], [1, null]);
    assert.equal(await progress.flush(), 0);

    assert.equal((await progress.get("intro")).quizScores.length, 5);
  });

test("an answer that is not the service's is no watch time of zero", async (t) => {
  const userId = newName();
  await connect(t, { userId }).recordChapter("intro", { chapterId: "one", watchTime: 100 });
  let away = true;
  const { network, fetch } = behind(({ method }) =>
    away && method === "GET" ? new Response("404 page not found", { status: 404 }) : null,
  );
  const progress = connect(t, { userId, fetch });
  network.down = true;
  const player = new Player();
  const tracker = progress.track(player, { tutorialId: "intro", chapterId: "one" });
  await tracker.ready;
  await player.playTo(10);
  await tracker.stop();
  network.down = false;

  assert.equal(await progress.flush(), 1);
  away = false;
  assert.equal(await progress.flush(), 0);

  const watched = (await progress.get("intro")).totalWatchTime;
  assert.ok(watched >= 109, String(watched));
});

test("an event that alone is too large for a gateway is dropped, and no others at once", async (t) => {
  let asked = 0;
  const { network, fetch } = behind(({ method }) => {
    if (method !== "POST") return null;
    asked += 1;
    return new Response("<h1>Too large</h1>", { status: 413 });
  });
  const progress = connect(t, { fetch });
  network.down = true;
  for (let n = 0; n < 4; n += 1) await progress.recordQuiz("intro", quiz(n));
  network.down = false;

  assert.equal(await progress.flush(), 3);

  assert.equal(asked, 3); // with 4, 2 and 1
});

test("a learner whose name is a number is a learner", async (t) => {
  const id = Math.floor(Math.random() * 1e15);
  const progress = connect(t, { userId: /** @type {any} */ (id), token: sign(String(id)) });
  await progress.recordQuiz("intro", quiz(1));
  await progress.adopt(/** @type {any} */ (id));
  await progress.recordQuiz("intro", quiz(2));

  assert.equal(progress.userId, String(id));
  assert.equal((await progress.get("intro")).quizScores.length, 2);
});
