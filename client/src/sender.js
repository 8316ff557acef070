import { ProgressError } from "./errors.js";
import { Pace } from "./pace.js";
import { Turn } from "./turn.js";

/** @import { Api } from "./api.js" */
/** @import { Dispatch } from "./dispatcher.js" */
/** @import { Outbox } from "./outbox.js" */
/** @import { Entry, Progress } from "./types.js" */

// What a page may have in flight when it is left is 64 KiB; this leaves room for a second request.
const BATCH_BYTES = 30_000;
const BATCH_EVENTS = 100;
const SKEW_MS = 5000;

/** Sends what an outbox holds, and tries again until the service has answered. */
export class Sender {
  #outbox;
  #api;
  #dispatch;
  /** @type {Map<string, ProgressError | Progress | undefined>} results that somebody waits for */
  #results = new Map();
  /** @type {Promise<void> | null} */
  #sending = null;
  #pace = new Pace(() => this.flush());
  #skew = 0;
  #most = BATCH_EVENTS;
  #turn = new Turn();

  /**
   * @param {Outbox} outbox
   * @param {Api} api
   * @param {Dispatch} dispatch
   */
  constructor(outbox, api, dispatch) {
    this.#outbox = outbox;
    this.#api = api;
    this.#dispatch = dispatch;
  }

  /**
   * Send an event of the outbox, now if the service allows it.
   * @param {string} id
   * @returns {Promise<Progress | null | undefined>} null if it waits; undefined if another tab sent it
   * @throws {ProgressError} if it was refused
   */
  async deliver(id) {
    this.#results.set(id, undefined);
    await this.flush();
    // A flush that had begun before may have missed it.
    if (this.#outbox.has(id) && !this.#pace.fails) await this.flush();
    const result = this.#results.get(id);
    this.#results.delete(id);
    if (result instanceof ProgressError) throw result;
    return this.#outbox.has(id) ? null : result;
  }

  /** Send everything that waits. A failure is reported, and another try is made later. */
  flush() {
    this.#sending ??= this.#drain().finally(() => {
      this.#sending = null;
    });
    return this.#sending;
  }

  /**
   * Do something while nothing is sent, by this tab or another one.
   * @param {() => Promise<void>} act
   */
  async alone(act) {
    while (this.#sending) await this.#sending;
    const done = this.#turn.take(this.#outbox.scope, act);
    this.#sending = done.catch(() => {}).finally(() => {
      this.#sending = null;
    });
    await done.finally(() => this.schedule(0)); // what was due meanwhile was not sent
  }

  /** Try again now: the network may be back. */
  wake() {
    this.#pace.wake();
    return this.flush();
  }

  /**
   * Send what waits in so many milliseconds, or earlier with something else.
   * @param {number} within
   */
  schedule(within) {
    this.#pace.schedule(within);
  }

  /**
   * Send what this page has put, without a lock, and in one request: the page is about to go.
   * @param {boolean} gone whether other tabs must not wait for this one
   */
  leave(gone) {
    if (gone) this.#turn.release();
    const batch = choose(this.#outbox.own().reverse(), this.#most).reverse();
    if (batch.length && this.#outbox.owner && !this.#pace.isRefused)
      this.#post(batch, true).catch((error) => this.#failed(error)).then(() => this.schedule(0));
  }

  /** Send nothing any more. */
  close() {
    this.#pace.close();
    this.#turn.release();
  }

  /** @returns {Promise<void>} */
  async #drain() {
    const { owner, scope } = this.#outbox;
    if (!owner) return;
    if (this.#pace.isRefused) return this.schedule(0);
    try {
      await this.#turn.take(scope, async () => {
        while (await this.#step(owner));
      });
      this.#pace.succeeded();
    } catch (error) {
      this.#failed(error);
    }
    if (owner !== this.#outbox.owner) return this.#drain(); // another learner has signed in
    if (this.#outbox.size) this.schedule(0);
  }

  /**
   * Send one batch; return whether there may be more.
   * @param {string} owner
   */
  async #step(owner) {
    await this.#outbox.load();
    await this.#outbox.base((tutorialId) => this.#known(tutorialId));
    await this.#outbox.compact();
    const batch = choose(this.#outbox.sendable(), this.#most);
    if (!batch.length || owner !== this.#outbox.owner) return false;
    return this.#post(batch);
  }

  /**
   * @param {string} tutorialId
   * @returns {Promise<Map<string, number>>} watch times by chapter
   */
  async #known(tutorialId) {
    try {
      const query = `?userId=${encodeURIComponent(this.#outbox.owner)}`;
      /** @type {Progress} */
      const progress = await this.#api.send("GET", `/${encodeURIComponent(tutorialId)}${query}`);
      return new Map(progress.chapterProgress.map((one) => [one.chapterId, one.watchTime]));
    } catch (error) {
      if (!(error instanceof ProgressError) || error.isTemporary) throw error;
      return new Map(); // the service will refuse the event, too, and say why
    }
  }

  /**
   * Send a batch; return whether to go on at once.
   * @param {Entry[]} batch
   * @param {boolean} [leaving]
   */
  async #post(batch, leaving = false) {
    for (const { id } of batch) this.#outbox.inFlight.add(id);
    const events = batch.map(({ event }) => ({ ...event, at: this.#corrected(event?.at ?? "") }));
    const userId = this.#outbox.owner;
    const keepalive = sum(batch) <= BATCH_BYTES;
    this.#pace.sent();
    try {
      const answer = await this.#api.send("POST", "", { userId, events }, { keepalive, leaving });
      await this.#settle(batch, answer, userId);
      this.#most = Math.min(BATCH_EVENTS, 2 * this.#most);
      return true;
    } catch (error) {
      if (!(error instanceof ProgressError) || error.isTemporary) throw error;
      // It may be about one event only, or about their number.
      if (batch.length > 1) this.#most = Math.ceil(batch.length / 2);
      else await this.#refuse(batch[0], error);
      return batch.length > 1; // after an event was dropped, wait before the next try
    } finally {
      for (const { id } of batch) this.#outbox.inFlight.delete(id);
    }
  }

  /**
   * Take the answer to a batch.
   * @param {Entry[]} batch
   * @param {any} answer
   * @param {string} userId
   */
  async #settle(batch, answer, userId) {
    const sent = new Map(batch.map((entry) => [entry.id, entry]));
    /** @type {any[]} */
    const results = (answer?.results ?? []).filter((/** @type {any} */ one) => sent.has(one.id));
    if (!results.length) throw new ProgressError(0, { error: "No answer of the service" });
    this.#skew = Date.parse(answer.serverTime) - Date.now() || 0;
    /** @type {Progress[]} */
    const progress = answer.progress ?? [];
    const recorded = results.filter(({ status }) => status === "recorded").map(({ id }) => id);
    for (const id of recorded)
      this.#answer(id, progress.find(({ tutorialId }) => tutorialId === sent.get(id)?.event?.tutorialId));
    await this.#outbox.remove(recorded);
    if (userId === this.#outbox.owner) for (const one of progress) this.#dispatch("change", one);
    for (const one of results)
      if (one.status !== "recorded") await this.#refuse(sent.get(one.id), new ProgressError(400, one));
  }

  /**
   * Drop an event that the service will never take.
   * @param {Entry | undefined} entry
   * @param {ProgressError} problem
   */
  async #refuse(entry, problem) {
    if (!entry) return;
    problem.event = entry.event ?? null;
    this.#answer(entry.id, problem);
    await this.#outbox.remove([entry.id]);
    this.#dispatch("problem", problem);
  }

  /**
   * @param {string} id
   * @param {ProgressError | Progress | undefined} result
   */
  #answer(id, result) {
    if (this.#results.has(id)) this.#results.set(id, result);
  }

  /** @param {unknown} cause */
  #failed(cause) {
    const known = cause instanceof ProgressError;
    const error = known ? cause : new ProgressError(0, { error: "Not sent" }, null, cause);
    this.#pace.failed(error.retryAfter);
    this.#dispatch("problem", error);
  }

  /**
   * Return a time of this machine's clock in the service's, if they differ much.
   * @param {string} at
   */
  #corrected(at) {
    if (Math.abs(this.#skew) < SKEW_MS || !Date.parse(at)) return at;
    return new Date(Date.parse(at) + this.#skew).toISOString();
  }
}

/** @param {Entry[]} entries */
const sum = (entries) => new TextEncoder().encode(JSON.stringify(entries.map(({ event }) => event))).length;

/**
 * Return as many of the first entries as fit into one request, at least one of them.
 * @param {Entry[]} entries
 * @param {number} most
 */
function choose(entries, most) {
  let bytes = 0;
  return entries.slice(0, most).filter((entry, n) => {
    bytes += sum([entry]);
    return !n || bytes <= BATCH_BYTES;
  });
}
