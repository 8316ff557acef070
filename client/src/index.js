import { Api, claims, Tokens } from "./api.js";
import { ProgressError } from "./errors.js";
import { eventsOf, newEvent } from "./events.js";
import { Outbox } from "./outbox.js";
import { startOf } from "./resume.js";
import { Sender } from "./sender.js";
import { openStorage } from "./storage.js";
import { Tracker } from "./tracker.js";

export { ProgressError, Tracker };

/**
 * @import { Certificate, ChapterState, ListItem, ListOptions, Options, Outline,
 *   Page, Player, Progress, QuizAttempt, TrackOptions } from "./types.js"
 */
/** @import { Start } from "./tracker.js" */

/** @typedef {{change: Progress, queue: number, problem: ProgressError}} Events */

const START_MS = 3000;

/**
 * Records a learner's progress. It dispatches `change` with a progress object as its detail,
 * `queue` with the number of events that wait, and `problem` with a ProgressError.
 */
export class TutorialProgress extends EventTarget {
  #tokens;
  #api;
  #outbox;
  #sender;
  /** @type {Map<Player, Tracker>} */
  #trackers = new Map();
  #ready;
  #until = new AbortController();

  /** @param {Options} options */
  constructor({ url, token = null, userId = null, storage = openStorage(), fetch }) {
    super();
    this.#tokens = new Tokens(token);
    this.#api = new Api(url, this.#tokens, fetch);
    this.#outbox = new Outbox(url, storage, (waiting) => this.#dispatch("queue", waiting));
    this.#sender = new Sender(this.#outbox, this.#api, {
      change: (progress) => this.#dispatch("change", progress),
      problem: (problem) => this.#dispatch("problem", problem),
    });
    this.#ready = this.#begin(userId);
    this.#listen();
  }

  /**
   * @template {keyof Events} Type
   * @overload
   * @param {Type} type
   * @param {(event: CustomEvent<Events[Type]>) => void} listener
   * @param {boolean | AddEventListenerOptions} [options]
   * @returns {void}
   */
  /**
   * @overload
   * @param {string} type
   * @param {EventListenerOrEventListenerObject | null} listener
   * @param {boolean | AddEventListenerOptions} [options]
   * @returns {void}
   */
  /**
   * @param {string} type
   * @param {any} listener
   * @param {boolean | AddEventListenerOptions} [options]
   */
  addEventListener(type, listener, options) {
    super.addEventListener(type, listener, options);
  }

  /** How many events wait to be sent. */
  get waiting() {
    return this.#outbox.size;
  }

  /** The learner; empty for a visitor. */
  get userId() {
    return this.#outbox.owner;
  }

  /**
   * Return the learner's progress in a tutorial.
   * @param {string} tutorialId
   * @returns {Promise<Progress>}
   * @throws {ProgressError}
   */
  async get(tutorialId) {
    const progress = await this.#read(tutorialId);
    this.#dispatch("change", progress);
    return progress;
  }

  /**
   * Return a page of the learner's tutorials, those watched last first.
   * @param {ListOptions} [options]
   * @returns {Promise<Page>}
   * @throws {ProgressError}
   */
  async list({ status, limit, cursor } = {}) {
    await this.#ready;
    const query = this.#query({ status, limit, cursor });
    return this.#api.send("GET", query);
  }

  /**
   * Iterate over all of the learner's tutorials, those watched last first.
   * @param {ListOptions} [options]
   * @returns {AsyncGenerator<ListItem, void, void>}
   * @throws {ProgressError}
   */
  async *all(options = {}) {
    let cursor = options.cursor;
    do {
      const page = await this.list({ ...options, cursor });
      yield* page.items;
      cursor = page.next;
    } while (cursor);
  }

  /**
   * Record an attempt at a quiz. It counts once, however often it has to be sent.
   * @param {string} tutorialId
   * @param {QuizAttempt} attempt
   * @returns {Promise<Progress | null>} null if it waits for the network, or for signing in
   * @throws {ProgressError} if the service refused it
   */
  recordQuiz(tutorialId, { quizId, score, maxScore, passed }) {
    const fields = { type: /** @type {const} */ ("quiz"), quizId, score, maxScore, passed };
    return this.#record(newEvent(tutorialId, fields));
  }

  /**
   * Record a chapter that is not played, such as a text that was read.
   * @param {string} tutorialId
   * @param {ChapterState} state
   * @returns {Promise<Progress | null>} null if it waits for the network, or for signing in
   * @throws {ProgressError} if the service refused it
   */
  recordChapter(tutorialId, state) {
    return this.#record(newEvent(tutorialId, { ...state, type: "chapter" }));
  }

  /**
   * Complete a tutorial, which earns the certificate.
   * @param {string} tutorialId
   * @param {{holderName?: string}} [options] holderName: the name that the certificate shows
   * @returns {Promise<Progress | null>} null if it waits for the network, or for signing in
   * @throws {ProgressError} if the learner is not eligible yet; its detail says what is missing
   */
  complete(tutorialId, { holderName } = {}) {
    const name = holderName ? { holderName } : {};
    return this.#record(newEvent(tutorialId, { type: "complete", ...name }));
  }

  /**
   * Return the learner's certificate.
   * @param {string} tutorialId
   * @returns {Promise<Certificate>}
   * @throws {ProgressError} of status 404 if it does not exist
   */
  certificate(tutorialId) {
    return this.#about(tutorialId, "/certificate");
  }

  /**
   * Return the chapters and quizzes of a tutorial.
   * @param {string} tutorialId
   * @returns {Promise<Outline>}
   * @throws {ProgressError} of status 404 if it does not exist
   */
  outline(tutorialId) {
    return this.#about(tutorialId, "/outline");
  }

  /**
   * Remove what is recorded for a tutorial, and what waits to be.
   * @param {string} tutorialId
   * @returns {Promise<void>}
   * @throws {ProgressError}
   */
  async reset(tutorialId) {
    await this.#ready;
    await this.#api.send("DELETE", `/${encodeURIComponent(tutorialId)}${this.#query({})}`);
    await this.#outbox.forget(tutorialId);
    for (const tracker of this.#trackers.values())
      if (tracker.tutorialId === tutorialId) tracker.reset();
  }

  /**
   * Follow a player: resume, count what is played, and record it.
   * @param {Player} player an HTMLMediaElement, or an adapter
   * @param {TrackOptions} options
   * @returns {Tracker} call its `stop()` before the page removes the player
   */
  track(player, options) {
    this.#trackers.get(player)?.stop();
    /** @type {string | undefined} */
    let last;
    const tracker = new Tracker(player, options, {
      start: () => this.#start(options),
      record: async (state, mark, unbased, within) => {
        const event = newEvent(options.tutorialId, { ...state, type: "chapter" });
        const stored = this.#outbox.put(event, { replaces: last, unbased, mark });
        last = event.id;
        this.#sender.schedule(within);
        await stored;
      },
      stopped: async () => {
        if (this.#trackers.get(player) === tracker) this.#trackers.delete(player);
        await this.#sender.flush();
      },
    });
    this.#trackers.set(player, tracker);
    return tracker;
  }

  /**
   * Send what waits.
   * @returns {Promise<number>} how many events wait still
   */
  async flush() {
    await this.#ready;
    await this.#sender.wake();
    return this.waiting;
  }

  /**
   * Name the learner who has signed in. What a visitor watched before becomes the learner's; what
   * another learner left stays until that learner is back. Null after signing out.
   * @param {string | null} userId
   * @returns {Promise<void>}
   */
  async adopt(userId) {
    await this.#ready;
    if (userId === this.userId) return void this.#sender.wake();
    if (this.userId) await Promise.all([...this.#trackers.values()].map((one) => one.stop()));
    this.#tokens.forget();
    await this.#outbox.adopt(userId ?? "");
    this.#sender.wake();
  }

  /**
   * Record what another client kept on this device, such as a progress object in localStorage.
   * The same object, imported again, counts once.
   * @param {Progress} progress
   * @returns {Promise<void>} resolves when it is stored; it is sent at once
   */
  async importLocal(progress) {
    await this.#ready;
    await Promise.all(eventsOf(progress).map((event) => this.#outbox.put(event)));
    this.#sender.schedule(0);
  }

  /** Save, and stop everything. What waits is sent by the next client that is created. */
  async close() {
    this.#until.abort();
    await Promise.all([...this.#trackers.values()].map((tracker) => tracker.stop()));
    this.#sender.close();
  }

  /** @param {string | null} userId */
  async #begin(userId) {
    this.#outbox.owner = userId ?? (await this.#subject());
    await this.#outbox.load();
    this.#sender.schedule(0);
  }

  /** Return the learner of the token; empty if it does not come in time. */
  async #subject() {
    /** @type {Promise<string>} */
    const late = new Promise((resolve) => setTimeout(resolve, START_MS, ""));
    const token = await Promise.race([this.#tokens.get().catch(() => ""), late]);
    return String(claims(token).sub ?? "");
  }

  /**
   * Return what is known of a chapter, from the service and from this browser.
   * @param {TrackOptions} options
   * @returns {Promise<Start>}
   */
  async #start({ tutorialId, chapterId }) {
    await this.#ready;
    /** @param {{tutorialId: string, chapterId?: string} | undefined} one */
    const isThis = (one) => one?.tutorialId === tutorialId && one.chapterId === chapterId;
    const entries = await this.#outbox.entries();
    const mark = entries.find((entry) => isThis(entry.mark))?.mark;
    const waits = entries.filter((entry) => isThis(/** @type {any} */ (entry.event))).at(-1);
    return startOf(await this.#recorded(tutorialId, chapterId), waits, mark);
  }

  /**
   * Return what the service has of a chapter; null if it does not say.
   * @param {string} tutorialId
   * @param {string} chapterId
   */
  async #recorded(tutorialId, chapterId) {
    if (!this.userId) return null;
    const late = new Promise((resolve) => setTimeout(resolve, START_MS, null));
    /** @type {any} */
    const progress = await Promise.race([this.get(tutorialId).catch(() => null), late]);
    const none = { watchTime: 0, lastPosition: 0, completed: false };
    /** @type {Progress["chapterProgress"] | undefined} */
    const chapters = progress?.chapterProgress;
    return chapters ? (chapters.find((one) => one.chapterId === chapterId) ?? none) : null;
  }

  /** @param {import("./types.js").OutboxEvent} event */
  async #record(event) {
    await this.#ready;
    await this.#outbox.put(event);
    const result = await this.#sender.deliver(event.id);
    return result === undefined ? this.get(event.tutorialId) : result;
  }

  /** @param {string} tutorialId */
  #read(tutorialId) {
    return this.#about(tutorialId, "");
  }

  /**
   * @param {string} tutorialId
   * @param {string} path
   */
  async #about(tutorialId, path) {
    await this.#ready;
    return this.#api.send("GET", `/${encodeURIComponent(tutorialId)}${path}${this.#query({})}`);
  }

  /** @param {Record<string, string | number | null | undefined>} fields */
  #query(fields) {
    const given = Object.entries({ ...fields, userId: this.userId }).filter(([, value]) => value);
    return given.length ? `?${new URLSearchParams(given.map(([k, v]) => [k, String(v)]))}` : "";
  }

  #listen() {
    if (!globalThis.document) return;
    const { signal } = this.#until;
    const leave = (gone = true) => {
      for (const tracker of this.#trackers.values()) tracker.leave();
      this.#sender.leave(gone);
    };
    const back = () => this.#ready.then(() => this.#sender.wake());
    document.addEventListener("visibilitychange", () => (document.hidden ? leave(false) : back()), { signal });
    document.addEventListener("freeze", () => leave(), { signal });
    addEventListener("pagehide", () => leave(), { signal });
    addEventListener("pageshow", back, { signal });
    addEventListener("online", back, { signal });
  }

  /**
   * @param {"change" | "queue" | "problem"} type
   * @param {Progress | number | ProgressError} detail
   */
  #dispatch(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
