// Records a learner's progress from a page. How to use it: docs/frontend.md.

const AGAIN = [429, 500, 502, 503, 504]; // any other refusal stays a refusal
const TRIES = 4;

export class Refused extends Error {
  constructor(response, { detail, requestId, fields }) {
    super(detail); // a sentence to show to the learner
    const retryAfter = Number(response.headers.get("Retry-After"));
    Object.assign(this, { status: response.status, requestId, fields, retryAfter });
  }
}

export class Progress {
  #sending = new Map();

  // url: ends in /progress. token: a function that returns the token of the learner; it is called
  // with true when the last token was refused, and then returns a new one.
  constructor({ url, learner, token }) {
    Object.assign(this, { url, token, prefix: JSON.stringify(["progress", learner]) });
    addEventListener("online", () => this.resend());
    this.resend();
  }

  get = (tutorial) => this.#send("GET", tutorial);

  complete = (tutorial) => this.#send("POST", tutorial, "/complete", {});

  chapter = (tutorial, body, leaving = false) =>
    this.#post({ tutorial, path: "/chapter", name: body.chapterId, body }, leaving);

  // The name is the key of this attempt: a new one for each attempt, the same for its repeats.
  quiz = (tutorial, body) =>
    this.#post({ tutorial, path: "/quiz", name: crypto.randomUUID(), body });

  // Send what an earlier page, or this one while offline, could not send.
  resend() {
    const kept = Object.keys(localStorage).filter((key) => key.startsWith(this.prefix));
    return Promise.all(kept.map((key) => this.#deliver(key).catch(console.warn)));
  }

  #post(entry, leaving = false) {
    const key = this.prefix + JSON.stringify([entry.tutorial, entry.path, entry.name]);
    localStorage.setItem(key, JSON.stringify(entry));
    return leaving ? this.#repeat(key, 1) : this.#deliver(key);
  }

  #deliver(key) {
    if (!this.#sending.has(key)) {
      const sent = this.#repeat(key, TRIES).finally(() => this.#sending.delete(key));
      this.#sending.set(key, sent);
    }
    return this.#sending.get(key);
  }

  async #repeat(key, most) {
    for (let tries = 1; ; tries += 1) {
      const entry = localStorage.getItem(key); // it may be newer than at the last try
      if (!entry) return null; // another tab has sent it
      try {
        const progress = await this.#sendEntry(JSON.parse(entry), most === 1);
        if (localStorage.getItem(key) !== entry) continue;
        localStorage.removeItem(key);
        return progress;
      } catch (error) {
        const final = error instanceof Refused && !AGAIN.includes(error.status);
        if (final && error.status !== 401) localStorage.removeItem(key);
        if (final || tries >= most) throw error;
        const seconds = Math.max(error.retryAfter ?? 0, Math.random() * 2 ** tries);
        await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
      }
    }
  }

  #sendEntry({ tutorial, path, name, body }, keepalive) {
    const headers = path === "/quiz" ? { "Idempotency-Key": name } : {};
    return this.#send("POST", tutorial, path, body, { headers, keepalive });
  }

  async #send(method, tutorial, path = "", body = undefined, { headers = {}, keepalive = false } = {}) {
    const address = `${this.url}/${encodeURIComponent(tutorial)}${path}`;
    const request = { method, keepalive, body: JSON.stringify(body) };
    let response;
    for (const refused of [false, true]) {
      const Authorization = `Bearer ${await this.token(refused)}`;
      const sent = { "Content-Type": "application/json", Authorization, ...headers };
      response = await fetch(address, { ...request, headers: sent });
      if (response.status !== 401) break;
    }
    const answer = await response.json();
    if (!response.ok) throw new Refused(response, answer);
    return answer;
  }
}

// Record what is played of a chapter. It returns a function that saves the rest and stops.
export async function watch(video, progress, tutorial, chapterId, totalChapters, every = 10) {
  const { chapterProgress } = await progress.get(tutorial);
  const before = chapterProgress.find((chapter) => chapter.chapterId === chapterId);
  if (before && !before.completed) video.currentTime = before.lastPosition;
  const body = { chapterId, watchTime: before?.watchTime ?? 0, totalChapters };
  let position = video.currentTime;
  let clock = performance.now();
  const written = () => JSON.stringify({ ...body, lastPosition: position });
  let saved = { at: clock, text: written() };

  const count = () => {
    const [now, here] = [performance.now(), video.currentTime];
    const possible = ((now - clock) / 1000) * video.playbackRate + 0.25;
    const played = here - position;
    if (!video.seeking && played > 0 && played <= possible) body.watchTime += played; // no jumps
    [clock, position] = [now, here];
  };
  const save = (leaving = false) => {
    count();
    if (saved.text === written()) return saved.sent;
    const text = written();
    const sent = progress.chapter(tutorial, JSON.parse(text), leaving).catch(console.warn);
    saved = { at: clock, text, sent };
    return sent;
  };
  const saveInTime = () => (performance.now() - saved.at < every * 1000 ? count() : save());

  const until = new AbortController();
  const on = (target, event, act) => target.addEventListener(event, act, { signal: until.signal });
  on(video, "timeupdate", saveInTime);
  on(video, "seeking", count);
  on(video, "pause", () => save());
  on(video, "ended", () => {
    body.completed = true;
    save();
  });
  on(document, "visibilitychange", () => document.hidden && save(true));
  on(window, "pagehide", () => save(true));
  return () => {
    until.abort();
    return save();
  };
}
