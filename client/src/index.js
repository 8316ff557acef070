import { Api } from "./api.js";
import { Dispatcher } from "./dispatcher.js";
import { ProgressError } from "./errors.js";
import { eventsOf, newEvent } from "./events.js";
import { listen } from "./leaving.js";
import { Outbox } from "./outbox.js";
import { findStart } from "./resume.js";
import { Sender } from "./sender.js";
import { openStorage } from "./storage.js";
import { soon } from "./times.js";
import { Tokens } from "./tokens.js";
import { Tracker } from "./tracker.js";

export { ProgressError, Tracker };

// Types that pages import by name.
/**
 * @typedef {import("./types.js").Certificate} Certificate
 * @typedef {import("./types.js").ChapterState} ChapterState
 * @typedef {import("./types.js").ListItem} ListItem
 * @typedef {import("./types.js").ListOptions} ListOptions
 * @typedef {import("./types.js").LocalProgress} LocalProgress
 * @typedef {import("./types.js").Options} Options
 * @typedef {import("./types.js").Outline} Outline
 * @typedef {import("./types.js").Page} Page
 * @typedef {import("./types.js").Player} Player
 * @typedef {import("./types.js").Progress} Progress
 * @typedef {import("./types.js").QuizAttempt} QuizAttempt
 * @typedef {import("./types.js").Store} Store
 * @typedef {import("./types.js").TrackOptions} TrackOptions
 */

/** @import { Dispatch } from "./dispatcher.js" */
/** @typedef {import("./dispatcher.js").Events} Events */

const START_MS = 3000;

/**
 * Records a learner's progress. It dispatches `change` with a progress object as its detail,
 * `queue` with the number of events that wait, and `problem` with a ProgressError.
 */
export class TutorialProgress extends Dispatcher {
  /** @type {Dispatch} */
  #dispatch = (type, detail) => this.dispatchEvent(new CustomEvent(type, { detail }));
  #tokens;
  #api;
  #outbox;
  #sender;
  /** @type {Map<Player, Tracker>} */
  #trackers = new Map();
  #ready;
  #named; // whether the page has said who the learner is
  #until = new AbortController();

  /** @param {Options} options */
  constructor({ url, token = null, userId = null, storage, fetch }) {
    super();
    url = url.replace(/\/+$/, ""); // one service, however its address is written
    this.#tokens = new Tokens(token);
    this.#api = new Api(url, this.#tokens, fetch);
    this.#outbox = new Outbox(url, openStorage(storage), this.#dispatch);
    this.#sender = new Sender(this.#outbox, this.#api, this.#dispatch);
    this.#named = userId !== null;
    this.#ready = this.#begin(String(userId ?? ""));
    listen(this.#until.signal, (gone) => this.#leave(gone), () => this.#back());
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
    await this.#ready;
    const { userId } = this;
    const progress = await this.#about(tutorialId, "");
    if (userId === this.userId) this.#dispatch("change", progress);
    return progress;
  }

  /**
   * Return a page of the learner's tutorials, those watched last first.
   * @param {ListOptions} [options]
   * @returns {Promise<Page>}
   * @throws {ProgressError}
   */
  async list(options = {}) {
    await this.#ready;
    return this.#api.send("GET", this.#query(options));
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
    return this.#record(tutorialId, { type: "quiz", quizId, score, maxScore, passed });
  }

  /**
   * Record a chapter that is not played, such as a text that was read.
   * @param {string} tutorialId
   * @param {ChapterState} state
   * @returns {Promise<Progress | null>} null if it waits for the network, or for signing in
   * @throws {ProgressError} if the service refused it
   */
  recordChapter(tutorialId, state) {
    return this.#record(tutorialId, { ...state, type: "chapter" });
  }

  /**
   * Complete a tutorial, which earns the certificate.
   * @param {string} tutorialId
   * @param {{holderName?: string}} [options] holderName: the name that the certificate shows
   * @returns {Promise<Progress | null>} null if it waits for the network, or for signing in
   * @throws {ProgressError} if the learner is not eligible yet; its detail says what is missing
   */
  complete(tutorialId, { holderName } = {}) {
    return this.#record(tutorialId, { type: "complete", holderName: holderName || undefined });
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
    const path = `/${encodeURIComponent(tutorialId)}${this.#query({})}`;
    await this.#sender.alone(async () => {
      await this.#api.send("DELETE", path);
      await this.#outbox.forget(tutorialId);
    });
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
  adopt(userId) {
    this.#named = true;
    this.#ready = this.#ready.then(() => this.#become(String(userId ?? "")));
    return this.#ready;
  }

  /**
   * Record what another client kept on this device, such as a progress object in localStorage.
   * The same object, imported again, counts once.
   * @param {LocalProgress} progress
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

  /** @param {string} userId */
  async #begin(userId) {
    if (!this.#named) await soon(this.#identify(), START_MS).catch(() => {});
    this.#outbox.owner ||= userId;
    await this.#outbox.tidy();
    await this.#outbox.load();
    this.#sender.schedule(0);
  }

  /** Take the learner from the token, however late it comes, unless the page says who it is. */
  async #identify() {
    const learner = await this.#tokens.learner();
    if (this.#named) return;
    this.#named = true;
    if (learner) await this.#outbox.adopt(learner, true);
    this.#sender.schedule(0);
  }

  /** @param {string} userId */
  async #become(userId) {
    const another = this.userId !== "" && this.userId !== userId;
    if (another) {
      const stopped = [...this.#trackers.values()].map((tracker) => tracker.stop());
      await soon(Promise.all(stopped), START_MS).catch(() => {});
    }
    this.#tokens.forget(another);
    await this.#outbox.adopt(userId);
    this.#sender.wake();
  }

  /** @param {boolean} gone */
  #leave(gone) {
    for (const tracker of this.#trackers.values()) tracker.leave();
    this.#sender.leave(gone);
  }

  async #back() {
    await this.#ready;
    if (!this.#named) this.#identify().catch(() => {});
    await this.#sender.wake();
  }

  /**
   * Return what is known of a chapter, from the service and from this browser.
   * @param {TrackOptions} chapter
   */
  async #start(chapter) {
    await this.#ready;
    // First what waits: read in between, it could be counted here and by the service.
    await soon(this.#sender.flush(), START_MS).catch(() => {});
    const read = this.userId && soon(this.get(chapter.tutorialId), START_MS).catch(() => null);
    return findStart(chapter, (await read) || null, await this.#outbox.entries());
  }

  /**
   * @param {string} tutorialId
   * @param {Parameters<typeof newEvent>[1]} fields
   */
  async #record(tutorialId, fields) {
    const event = newEvent(tutorialId, fields);
    await this.#ready;
    const { scope } = this.#outbox;
    await this.#outbox.put(event);
    const result = await this.#sender.deliver(event.id);
    if (scope !== this.#outbox.scope) return null; // another learner has signed in
    return result === undefined ? this.get(event.tutorialId) : result;
  }

  /**
   * @param {string} tutorialId
   * @param {string} path
   */
  async #about(tutorialId, path) {
    await this.#ready;
    return this.#api.send("GET", `/${encodeURIComponent(tutorialId)}${path}${this.#query({})}`);
  }

  /** @param {ListOptions} fields */
  #query(fields) {
    if (this.#named && !this.userId) throw new ProgressError(401, { error: "Not signed in" });
    const given = Object.entries({ ...fields, userId: this.userId }).filter(([, value]) => value);
    return given.length ? `?${new URLSearchParams(given.map(([k, v]) => [k, String(v)]))}` : "";
  }
}
