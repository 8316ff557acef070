import { TutorialProgress } from "./client/index.js";
import { clock, find, question, setState } from "./parts.js";

const view = find("#view");
const offline = find("#offline");

const json = async (address) => (await answered(fetch(address))).json();
const [{ service, learner, name }, courses] = await Promise.all([json("config.json"), json("courses.json")]);

// The switch in the page cuts off the client alone, as a dead network would.
const network = (address, options) =>
  offline.checked ? Promise.reject(new TypeError("switched off")) : fetch(address, options);
const token = async () => (await answered(network("sign-in", { method: "POST" }))).text();
const progress = new TutorialProgress({ url: service, userId: learner, token, fetch: network });

const known = new Map(); // progress objects by tutorial
const kept = new Set(); // what is completed here, and may wait to be sent
let tracker = null;
let shown = 0; // how many views were shown; what comes late for an earlier one draws nothing
let draw = () => {};

progress.addEventListener("change", ({ detail }) => {
  known.set(detail.tutorialId, detail);
  draw();
});
progress.addEventListener("queue", () => showSaved());
progress.addEventListener("problem", ({ detail }) => {
  const { status, message } = detail;
  if (status) showProblem(message);
});
offline.addEventListener("change", async () => {
  showSaved();
  if (!offline.checked) await progress.flush();
  if (location.hash.length > 2) draw();
  else await showList();
});
addEventListener("hashchange", () => {
  route();
  view.focus({ preventScroll: true });
});
route();

async function answered(asked) {
  const response = await asked;
  if (!response.ok) throw new Error(`${response.url}: ${response.status}`);
  return response;
}

function showSaved() {
  const { waiting } = progress;
  const saved = find("#saved");
  saved.classList.toggle("waits", waiting > 0);
  saved.textContent = waiting ? `${waiting} waiting on this device` : offline.checked ? "" : "All saved";
}

function showProblem(sentence = "") {
  const problem = find("#problem");
  problem.textContent = sentence;
  problem.hidden = !sentence;
}

/** Show what the address names, at once; what the service knows is drawn when it has answered. */
function route() {
  tracker?.stop(); // what it saves is sent while the next view is shown
  tracker = null;
  draw = () => {};
  showProblem();
  const [, tutorialId, chapterId] = location.hash.split("/");
  const course = courses.find((one) => one.tutorialId === tutorialId);
  if (course) showCourse(course, chapterId);
  else showList();
  showSaved();
  scrollTo(0, 0);
}

function fill(template) {
  view.replaceChildren(find(`#${template}`).content.cloneNode(true));
}

async function showList() {
  const mine = ++shown;
  fill("list");
  document.title = "Lantern – short courses";
  const cards = new Map(courses.map((course) => [course.tutorialId, card(course)]));
  find(".cards").append(...cards.values());
  const items = await started();
  if (mine !== shown) return;
  for (const item of items) if (cards.has(item.tutorialId)) setState(cards.get(item.tutorialId), item);
  const last = items.find((item) => item.lastChapter && item.completionPercentage < 100);
  if (last) showResume(last);
}

/** What the learner has begun; offline, what this page knows of it. */
async function started() {
  const items = [];
  try {
    for await (const item of progress.all()) items.push(item);
    return items;
  } catch {
    return [...known.values()];
  }
}

function card(course) {
  const made = find("#card").content.cloneNode(true).firstElementChild;
  find("a", made).href = `#/${course.tutorialId}`;
  find("video", made).src = `${course.chapters[0].video}#t=14`;
  find("strong", made).textContent = course.title;
  find(".about", made).textContent = `${course.about} ${course.chapters.length} chapters and a quiz.`;
  setState(made, known.get(course.tutorialId) ?? { completionPercentage: 0 });
  return made;
}

function showResume({ tutorialId, lastChapter }) {
  const course = courses.find((one) => one.tutorialId === tutorialId);
  const at = course?.chapters.findIndex(({ chapterId }) => chapterId === lastChapter.chapterId) ?? -1;
  if (at < 0) return;
  const next = lastChapter.completed ? (course.chapters[at + 1] ?? course.chapters[at]) : course.chapters[at];
  const resume = find(".resume");
  const from = next === course.chapters[at] ? lastChapter.lastPosition : 0;
  find("h1", resume).textContent = course.title;
  find(".where", resume).textContent = from ? `${next.title}, from ${clock(from)}` : next.title;
  find(".button", resume).href = `#/${tutorialId}/${next.chapterId}`;
  find("video", resume).src = `${next.video}#t=${from || 10}`;
  resume.hidden = false;
}

async function showCourse(course, chapterId) {
  const mine = ++shown;
  const chapter = chapterToShow(course, chapterId);
  showChapter(course, chapter);
  await tracker.ready; // it has read what is recorded, if there is a network
  if (mine !== shown) return;
  const later = chapterToShow(course, chapterId);
  if (later !== chapter && !find(".player video").played.length) {
    tracker.stop();
    showChapter(course, later);
    await tracker.ready;
  }
  if (mine === shown) showCounted();
}

function chapterToShow(course, chapterId) {
  const recorded = known.get(course.tutorialId)?.chapterProgress ?? [];
  const isDone = (chapter) => kept.has(`${course.tutorialId}/${chapter.chapterId}`) ||
    recorded.some((one) => one.chapterId === chapter.chapterId && one.completed);
  return course.chapters.find((one) => one.chapterId === chapterId) ??
    course.chapters.find((one) => !isDone(one)) ?? course.chapters[0];
}

function showChapter(course, chapter) {
  fill("tutorial");
  document.title = `${chapter.title} – ${course.title}`;
  find(".player h1").textContent = chapter.title;
  const video = find(".player video");
  video.src = chapter.video;
  const follows = progress.track(video, {
    tutorialId: course.tutorialId,
    chapterId: chapter.chapterId,
    totalChapters: course.chapters.length,
  });
  tracker = follows;
  video.addEventListener("timeupdate", () => tracker === follows && keep(course, chapter));
  showQuiz(course);
  find(".certificate button").addEventListener("click", () => complete(course));
  find(".reset").addEventListener("click", () => startOver(course));
  draw = () => drawCourse(course, chapter);
  draw();
}

function showCounted() {
  if (!tracker) return;
  find(".counted").textContent =
    `${Math.floor(tracker.watchTime)} s watched${tracker.completed ? ", completed" : ""}`;
}

function keep({ tutorialId }, { chapterId }) {
  showCounted();
  if (!tracker?.completed || kept.has(`${tutorialId}/${chapterId}`)) return;
  kept.add(`${tutorialId}/${chapterId}`);
  draw();
}

function drawCourse(course, chapter) {
  const object = known.get(course.tutorialId) ?? { completionPercentage: 0, chapterProgress: [], quizScores: [] };
  find("nav h2").textContent = course.title;
  setState(find("nav"), object);
  find(".chapters").replaceChildren(...course.chapters.map((one) => chapterLink(course, one, chapter, object)));
  const quiz = object.quizScores.find(({ quizId }) => quizId === "final");
  if (quiz) find(".result").textContent =
    `Best of ${quiz.attempts}: ${quiz.score} of ${quiz.maxScore}, ${quiz.passed ? "passed" : "not passed yet"}.`;
  drawCertificate(course, object, quiz);
}

function chapterLink(course, { chapterId, title, duration }, current, { chapterProgress }) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  const [mark, time] = [document.createElement("span"), document.createElement("small")];
  const sent = chapterProgress.some((one) => one.chapterId === chapterId && one.completed);
  const done = sent || kept.has(`${course.tutorialId}/${chapterId}`);
  item.className = done ? "done" : "";
  link.href = `#/${course.tutorialId}/${chapterId}`;
  if (chapterId === current.chapterId) link.setAttribute("aria-current", "true");
  mark.className = "mark";
  mark.textContent = done ? "✓" : "";
  time.textContent = sent ? "completed" : done ? "kept on this device" : clock(duration);
  link.append(mark, title, time);
  item.append(link);
  return item;
}

function showQuiz(course) {
  const [form, result] = [find(".quiz form"), find(".result")];
  find(".questions").replaceChildren(...course.questions.map(question));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const answers = new FormData(form);
    const score = course.questions.filter(({ right }, n) => answers.get(`q${n}`) === String(right)).length;
    const maxScore = course.questions.length;
    const attempt = { quizId: "final", score, maxScore, passed: score === maxScore };
    const recorded = await progress.recordQuiz(course.tutorialId, attempt).catch(() => ({})); // shown as a problem
    if (!recorded) result.textContent = `${score} of ${maxScore}, kept on this device.`;
  });
}

async function drawCertificate(course, { completionPercentage, certificateEarned }, quiz) {
  const [button, link] = [find(".certificate button"), find(".certificate a")];
  const eligible = completionPercentage >= 95 && quiz?.passed;
  button.disabled = !eligible;
  button.hidden = certificateEarned;
  find(".certificate .state").textContent = certificateEarned
    ? `Earned by ${name}.`
    : eligible ? "All chapters are completed and the quiz is passed." : "Complete all chapters and pass the quiz.";
  if (!certificateEarned || !link.hidden) return;
  const { url } = await progress.certificate(course.tutorialId).catch(() => ({}));
  if (url) Object.assign(link, { href: url, hidden: false });
}

async function complete(course) {
  await progress.complete(course.tutorialId, { holderName: name }).catch(() => {}); // shown as a problem
}

async function startOver(course) {
  const forget = () => {
    for (const one of kept) if (one.startsWith(`${course.tutorialId}/`)) kept.delete(one);
    return route();
  };
  await progress.reset(course.tutorialId).then(forget, ({ message }) => showProblem(message));
}
