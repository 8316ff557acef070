// Who a thing is recorded for, when learners come and go in the middle of requests.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Memory } from "../src/storage.js";
import { Player } from "./player.js";
import { connect, gate, heard, Network, newName, sign, until, url } from "./service.js";

const quiz = (/** @type {string} */ quizId) => ({ quizId, score: 8, maxScore: 10, passed: true });
const chapter = { tutorialId: "intro", chapterId: "one", totalChapters: 2 };

/**
 * Return the ids of the quizzes that are recorded.
 * @param {import("../src/index.js").TutorialProgress} progress
 */
async function quizzes(progress) {
  return (await progress.get("intro")).quizScores.map(({ quizId }) => quizId);
}

test("what a visitor does while the last learner's work is still being sent is not the learner's", async (t) => {
  const ada = newName();
  const network = new Network();
  const progress = connect(t, { userId: ada, fetch: network.fetch });
  const { opened, open } = gate();
  network.slow = ({ method }) => (method === "POST" ? opened : undefined);
  const first = progress.recordQuiz("intro", quiz("learner"));
  await until(() => progress.waiting === 1);

  await progress.adopt(null);
  const second = progress.recordQuiz("intro", quiz("visitor"));
  await until(() => progress.waiting === 1);
  open();
  await Promise.all([first, second]);

  assert.deepEqual(await quizzes(connect(t, { userId: ada })), ["learner"]);
  assert.equal(progress.waiting, 1);
});

test("what a learner watched offline is not recorded for the next one who signs in meanwhile", async (t) => {
  const [ada, bob] = [newName(), newName()];
  let token = sign(ada);
  const network = new Network();
  network.down = true;
  const progress = connect(t, { userId: ada, token: () => token, fetch: network.fetch });
  const player = new Player();
  const tracker = progress.track(player, chapter);
  await tracker.ready;
  await player.playTo(3);
  await tracker.stop();
  network.down = false;
  const { opened, open } = gate();
  network.slow = ({ path }) => (path.includes(ada) ? opened : undefined);
  const flushed = progress.flush();

  token = sign(bob);
  await progress.adopt(bob);
  await progress.recordQuiz("intro", quiz("bob's"));
  open();
  await flushed;
  await progress.flush();

  const { chapterProgress, quizScores } = await progress.get("intro");
  assert.deepEqual(chapterProgress, []);
  assert.equal(quizScores.length, 1);
});

test("an answer that is about the last learner is not shown to the next one", async (t) => {
  const [ada, bob] = [newName(), newName()];
  let token = sign(ada);
  const network = new Network();
  const progress = connect(t, { userId: ada, token: () => token, fetch: network.fetch });
  const changes = heard(progress, "change");
  const { opened, open } = gate();
  network.slow = () => opened;
  const asked = [progress.get("intro"), progress.recordQuiz("intro", quiz("ada's"))];
  await until(() => progress.waiting === 1);

  token = sign(bob);
  await progress.adopt(bob);
  open();
  await Promise.allSettled(asked);

  assert.deepEqual(changes, []);
});

test("a token that was asked for before another learner signed in is not used afterwards", async (t) => {
  const [ada, bob] = [newName(), newName()];
  const { opened, open } = gate();
  let asked = 0;
  const token = async () => {
    asked += 1;
    if (asked > 1) return sign(bob);
    await opened;
    return sign(ada);
  };
  const progress = connect(t, { userId: ada, token });
  const late = progress.get("intro");
  await until(() => asked === 1);

  await progress.adopt(bob);
  open();
  await late;

  assert.deepEqual(await progress.recordQuiz("intro", quiz("bob's")).then((one) => one?.userId), bob);
});

test("what follows adopt() at once is recorded for the learner whom it names", async (t) => {
  const [ada, bob] = [newName(), newName()];
  let token = sign(ada);
  const progress = connect(t, { userId: ada, token: () => token });
  await progress.recordQuiz("intro", quiz("ada's"));

  token = sign(bob);
  progress.adopt(bob);
  const intro = await progress.recordQuiz("intro", quiz("bob's"));

  assert.equal(intro?.userId, bob);
});

test("a visitor who signs in on another page keeps what was watched before", async (t) => {
  const storage = new Memory();
  const ada = newName();
  const before = connect(t, { userId: null, token: null, storage });
  await before.recordQuiz("intro", quiz("visitor"));
  await before.close();

  const after = connect(t, { userId: ada, storage });
  assert.deepEqual(await quizzes(after), []);
  await after.adopt(ada);
  await after.flush();

  assert.deepEqual(await quizzes(after), ["visitor"]);
});

test("what is recorded before a late token says who the learner is, is the learner's", async (t) => {
  const ada = newName();
  const { opened, open } = gate();
  const token = () => opened.then(() => sign(ada));
  const progress = connect(t, { userId: null, token });
  const recorded = progress.recordQuiz("intro", quiz("final"));
  await recorded;
  assert.equal(progress.waiting, 1);

  open();

  await until(() => progress.userId === ada && progress.waiting === 0);
  assert.deepEqual(await quizzes(progress), ["final"]);
});

test("after signing out nothing is asked for the learner who left, though the token is text", async (t) => {
  const network = new Network();
  const progress = connect(t, { fetch: network.fetch });
  await progress.get("intro");

  await progress.adopt(null);

  for (const refused of [progress.get("intro"), progress.list(), progress.reset("intro"), progress.certificate("intro")])
    await assert.rejects(refused, { status: 401 });
  await progress.adopt(newName());
  await assert.rejects(progress.outline("intro"), { status: 401 });
  assert.equal(network.requests.length, 1);
});

test("a text token of a visitor belongs to the learner who is named later", async (t) => {
  const ada = newName();
  const progress = connect(t, { userId: "", token: sign(ada) });

  await progress.adopt(ada);

  assert.equal((await progress.recordQuiz("intro", quiz("final")))?.userId, ada);
});

test("recordQuiz returns null, not another learner's progress, if that learner signs in meanwhile", async (t) => {
  const [ada, bob] = [newName(), newName()];
  let token = sign(ada);
  const network = new Network();
  const progress = connect(t, { userId: ada, token: () => token, fetch: network.fetch });
  const { opened, open } = gate();
  network.slow = ({ method }) => (method === "POST" ? opened : undefined);
  const recorded = progress.recordQuiz("intro", quiz("ada's"));
  await until(() => progress.waiting === 1);

  token = sign(bob);
  await progress.adopt(bob);
  open();

  assert.equal(await recorded, null);
});

test("waiting events are found again if the service's address is written in another way", async (t) => {
  const [ada, storage] = [newName(), new Memory()];
  const network = new Network();
  network.down = true;
  const before = connect(t, { url: `${url}/`, userId: ada, storage, fetch: network.fetch });
  await before.recordQuiz("intro", quiz("final"));
  await before.close();

  const after = connect(t, { userId: ada, storage });
  await after.flush();

  assert.deepEqual(await quizzes(after), ["final"]);
});
