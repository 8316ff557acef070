// Learners who watch: `node bench/watching.mjs client | guide URL SECONDS`, tokens on standard input.
// It prints "begin" when all of them play, and the requests and bytes of so many seconds after that.
import { readFileSync } from "node:fs";
import { TutorialProgress } from "../client/src/index.js";
import { Memory } from "../client/src/storage.js";
import { Player } from "../client/test/player.js";

const SETTLED_SECONDS = 30;
const EVERY_SECONDS = 10;
const [way, url, seconds] = process.argv.slice(2);
const tokens = readFileSync(0, "utf8").trim().split("\n");
const spent = { requests: 0, bytes: 0, failed: 0 };

const size = (headers) => [...headers].reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0);

async function counted(address, options) {
  const response = await fetch(address, options);
  const answer = await response.clone().text();
  spent.requests += 1;
  spent.failed += response.ok ? 0 : 1;
  spent.bytes += size(Object.entries(options.headers)) + (options.body?.length ?? 0);
  spent.bytes += size(response.headers) + answer.length;
  return response;
}

function play() {
  const player = Object.assign(new Player(), { playbackRate: 1, duration: 3600 });
  player.play();
  return player;
}

function withClient(token) {
  const progress = new TutorialProgress({ url, token, storage: new Memory(), fetch: counted });
  progress.track(play(), { tutorialId: "python-basics", chapterId: "variables", totalChapters: 8 });
}

function asTheGuideSays(token) {
  const player = play();
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  setInterval(() => {
    const { currentTime } = player;
    const state = { chapterId: "variables", watchTime: currentTime, lastPosition: currentTime, totalChapters: 8 };
    counted(`${url}/python-basics/chapter`, { method: "POST", headers, body: JSON.stringify(state) });
  }, EVERY_SECONDS * 1000);
}

const pass = (length) => new Promise((resolve) => setTimeout(resolve, length * 1000));

for (const token of tokens) (way === "client" ? withClient : asTheGuideSays)(token);
await pass(SETTLED_SECONDS);
Object.assign(spent, { requests: 0, bytes: 0, failed: 0 });
console.log("begin");
await pass(Number(seconds));
console.log(JSON.stringify(spent));
process.exit();
