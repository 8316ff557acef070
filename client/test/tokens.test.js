// Token functions that fail, hang, or return something else than a token.
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, heard, newName, sign, until } from "./service.js";

const passed = { quizId: "final", score: 8, maxScore: 10, passed: true };
const page = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n</html>";

for (const wrong of [page, "Service unavailable", '{"error":"late"}'])
  test(`a value that is not a token is not sent, and a token is asked for again: ${wrong.slice(0, 9)}`, async (t) => {
    const userId = newName();
    let asked = 0;
    const token = () => ((asked += 1) === 1 ? wrong : sign(userId));
    const progress = connect(t, { userId, token });
    const problems = heard(progress, "problem");

    assert.equal(await progress.recordQuiz("intro", passed), null);
    assert.equal(await progress.flush(), 0);

    assert.deepEqual(problems.map(({ status, error }) => [status, error]), [[0, "No token"]]);
    assert.equal((await progress.get("intro")).quizScores[0]?.attempts, 1);
  });

test("adopt() asks for a new token, also for the same learner, and waits for no older call", async (t) => {
  const userId = newName();
  let asked = 0;
  const token = () => ((asked += 1) === 2 ? new Promise(() => {}) : sign(userId));
  const progress = connect(t, { userId, token });
  await progress.get("intro");
  await progress.adopt(userId);
  progress.get("intro").catch(() => {});
  await until(() => asked === 2);

  await progress.adopt(userId);
  await progress.get("intro");

  assert.equal(asked, 3);
});

test("a call that hangs is given up after half a minute", async (t) => {
  const userId = newName();
  let asked = 0;
  const token = () => ((asked += 1) === 1 ? new Promise(() => {}) : sign(userId));
  const progress = connect(t, { userId, token });
  progress.get("intro").catch(() => {});
  await until(() => asked === 1);

  const { now } = performance;
  t.mock.method(performance, "now", () => now.call(performance) + 30_001);

  assert.equal((await progress.get("intro")).userId, userId);
});
