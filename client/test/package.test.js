import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

const run = promisify(execFile);
const client = new URL("..", import.meta.url).pathname;
const programs = join(client, "node_modules", ".bin");

const PAGE = `
import { ProgressError, TutorialProgress, type Player, type Progress } from "tutorial-progress-client";

const progress = new TutorialProgress({ url: "https://api.example.com/v1/tutorials/progress" });
const tracker = progress.track(document.querySelector("video")!, { tutorialId: "a", chapterId: "b" });
progress.addEventListener("change", ({ detail }) => console.log(detail.completionPercentage.toFixed()));
progress.addEventListener("problem", ({ detail }) => console.log(detail.retryAfter, detail.missing?.chapters[0]?.length));
const hear = ({ detail }: CustomEvent<number>): void => console.log(detail.toFixed());
progress.addEventListener("queue", hear);
progress.removeEventListener("queue", hear);
const titles: (string | null)[] = [];
for await (const item of progress.all({ status: "in_progress" })) titles.push(item.title);
const quiz = await progress.recordQuiz("a", { quizId: "q", score: 1, maxScore: 1, passed: true });
const attempts: number | undefined = quiz?.quizScores[0]?.attempts;
const eligible = (one: Progress): boolean => one.certificateEligible;
const player: Player = document.querySelector("audio")!;
console.log(attempts, eligible, player, tracker.watchTime, ProgressError);
// @ts-expect-error: an attempt has to say whether it was passed
progress.recordQuiz("a", { quizId: "q", score: 1, maxScore: 1 });
`;

test("the packed package works in an empty project: TypeScript, Node.js and Vite", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "client-"));
  t.after(() => rm(directory, { recursive: true }));
  const packed = await run("npm", ["pack", "--json", "--pack-destination", directory], { cwd: client });
  const tarball = /"filename": "(.*)"/.exec(packed.stdout)?.[1] ?? "";
  await cp(join(client, "test", "empty"), directory, { recursive: true });
  await writeFile(join(directory, "page.ts"), PAGE);
  await run("npm", ["install", "--offline", "--no-audit", "--no-fund", join(directory, tarball)], { cwd: directory });

  for (const resolution of ["nodenext", "bundler"]) {
    const module = resolution === "bundler" ? "esnext" : resolution;
    const options = ["--strict", "--noEmit", "--target", "es2022", "--module", module, "--moduleResolution", resolution];
    await run(join(programs, "tsc"), ["--ignoreConfig", ...options, "page.ts"], { cwd: directory });
  }
  const script = 'import("tutorial-progress-client").then(({ TutorialProgress }) => console.log(TutorialProgress.name))';
  const { stdout } = await run("node", ["--eval", script], { cwd: directory });
  assert.equal(stdout, "TutorialProgress\n");

  await run(join(programs, "vite"), ["build", "--logLevel", "warn", "--target", "es2022"], { cwd: directory });
  const html = await readFile(join(directory, "dist", "index.html"), "utf8");
  const bundle = await readFile(join(directory, "dist", /src="\/(.*?)"/.exec(html)?.[1] ?? ""), "utf8");
  assert.match(bundle, /keepalive/);
});
