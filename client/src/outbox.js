import { byTime, compact, slotOf } from "./events.js";

/** @import { Dispatch } from "./dispatcher.js" */
/** @import { Entry, Mark, OutboxEvent, Store } from "./types.js" */

/**
 * @typedef {object} Placing
 * @property {string} [replaces] the id of an older event that need not be sent any more
 * @property {string} [unbased] the id of the visit, if watchTime has the seconds of that visit alone
 * @property {Mark} [mark] stored with it
 */

const KEPT_MS = 90 * 86_400_000;

/** Keeps the events of one learner until they are removed. */
export class Outbox {
  /** The learner; empty for a visitor. */
  owner = "";
  /** @type {Map<string, Entry>} events that wait, as far as this tab knows */
  #waiting = new Map();
  /** @type {Set<string>} ids of events that are being sent */
  inFlight = new Set();
  /** @type {Map<string, number>} what the service knew of a chapter before a visit, in seconds */
  #bases = new Map();
  /** @type {Promise<unknown>} */
  #stored = Promise.resolve();
  /** @type {Set<string>} ids of events and marks that this page has put */
  #own = new Set();
  #version = 0;
  #counted = -1;
  #url;
  #store;
  #dispatch;

  /**
   * @param {string} url of the service
   * @param {Store} store
   * @param {Dispatch} dispatch called with each new number of events that wait
   */
  constructor(url, store, dispatch) {
    this.#url = url;
    this.#store = store;
    this.#dispatch = dispatch;
  }

  /** How many events wait. */
  get size() {
    return this.#waiting.size;
  }

  /** The service and the learner. */
  get scope() {
    return this.#scopeOf(this.owner);
  }

  /** @param {string} id */
  has(id) {
    return this.#waiting.has(id);
  }

  /** Return the events that can be sent, by time. */
  sendable() {
    const all = [...this.#waiting.values()];
    return all.filter(({ id, unbased }) => !unbased && !this.inFlight.has(id)).sort(byTime);
  }

  /** Return those of them that this page has put; other tabs may have sent the others. */
  own() {
    return this.sendable().filter(({ id }) => this.#own.has(id));
  }

  /**
   * Store an event.
   * @param {OutboxEvent} event
   * @param {Placing} [placing]
   * @returns {Promise<void>} resolves when it is stored
   */
  async put(event, { replaces = "", unbased = "", mark } = {}) {
    /** @type {Entry} */
    const entry = { id: event.id, scope: this.scope, event, unbased };
    this.#rebase(entry);
    const removals = replaces && !this.inFlight.has(replaces) ? [replaces] : [];
    for (const id of removals) this.#waiting.delete(id);
    this.#waiting.set(entry.id, entry);
    this.#version += 1;
    const marks = mark && event.type === "chapter" ? [this.#marked(entry, event, mark)] : [];
    for (const { id } of [entry, ...marks]) this.#own.add(id);
    const stored = this.#change([entry, ...marks], removals);
    this.#count();
    await stored;
  }

  /** @param {string[]} ids */
  async remove(ids) {
    for (const id of ids) this.#waiting.delete(id);
    this.#version += 1;
    await this.#change([], ids);
    this.#count();
  }

  /**
   * Return what is stored for the owner, the marks too, by time.
   * @returns {Promise<Entry[]>}
   */
  entries() {
    return this.#kept(this.scope);
  }

  /** Read again what waits: other tabs write, too. */
  async load() {
    let all;
    let version;
    do {
      version = this.#version;
      all = await this.entries();
    } while (version !== this.#version); // something has changed meanwhile
    this.#waiting = new Map(all.filter(({ event }) => event).map((entry) => [entry.id, entry]));
    this.#bases = new Map(all.flatMap(({ id, base }) => (base ? [[id, base.watchTime]] : [])));
    this.#count();
  }

  /**
   * Add to unbased events what the service knew before their visit. The first answer is stored for
   * those that come later: the service may know a part of the visit by then, from another tab.
   * @param {(tutorialId: string) => Promise<Map<string, number>>} ask returns watch times by chapter
   */
  async base(ask) {
    const unbased = () => [...this.#waiting.values()].filter((entry) => entry.unbased);
    for (const tutorialId of new Set(unbased().map(({ event }) => event?.tutorialId ?? ""))) {
      const { scope } = this;
      const watchTimes = await ask(tutorialId);
      if (scope !== this.scope) return; // another learner has signed in
      const puts = [];
      for (const entry of unbased()) {
        const { event, unbased: id = "" } = entry;
        if (event?.type !== "chapter" || event.tutorialId !== tutorialId) continue;
        const base = { tutorialId, watchTime: watchTimes.get(event.chapterId) ?? 0 };
        if (!this.#bases.has(id)) {
          this.#bases.set(id, base.watchTime);
          puts.push({ id, scope, base, at: Date.now() });
        }
        this.#rebase(entry);
        puts.push(entry);
      }
      await this.#change(puts, []);
    }
  }

  /** Keep only the newest event of each chapter. */
  async compact() {
    const { puts, removals } = compact(this.sendable());
    if (!removals.length) return;
    await this.#change(puts, removals);
    await this.load();
  }

  /**
   * Make a learner the owner. What a visitor left goes to the learner.
   * @param {string} owner
   * @param {boolean} [ownOnly] only what this page has put
   */
  async adopt(owner, ownOnly = false) {
    if (owner !== this.owner) this.#waiting.clear(); // at once, or what is sent next would be the last learner's
    this.owner = owner;
    this.#version += 1;
    if (owner) {
      const kept = await this.#kept(this.#scopeOf(""));
      const left = kept.filter(({ id }) => !ownOnly || this.#own.has(id));
      const events = left.filter(({ event }) => event);
      const marks = left.filter(({ event }) => !event).map(({ id }) => id);
      await this.#change(events.map((entry) => ({ ...entry, scope: this.#scopeOf(owner) })), marks);
    }
    await this.load();
  }

  /**
   * Forget what is kept of a tutorial.
   * @param {string} tutorialId
   */
  async forget(tutorialId) {
    const entries = await this.entries();
    const those = entries.filter(({ event, mark, base }) => (event ?? mark ?? base)?.tutorialId === tutorialId);
    await this.#change([], those.map(({ id }) => id));
    await this.load();
  }

  /**
   * Add to an event what the service knew before its visit, if that is known.
   * @param {Entry} entry
   */
  #rebase(entry) {
    const base = this.#bases.get(entry.unbased ?? "");
    if (base === undefined || entry.event?.type !== "chapter") return;
    entry.event.watchTime += base;
    entry.unbased = "";
  }

  /** Remove marks and bases that are older than 90 days, of all learners. */
  async tidy() {
    const all = await this.#store.all();
    const old = all.filter(({ event, at = 0 }) => !event && at < Date.now() - KEPT_MS);
    await this.#change([], old.map(({ id }) => id));
  }

  /** @param {string} owner */
  #scopeOf(owner) {
    return `${this.#url} ${owner}`;
  }

  /** @param {string} wanted a scope */
  async #kept(wanted) {
    await this.#stored;
    const all = await this.#store.all();
    return all.filter(({ scope }) => scope === wanted).sort(byTime);
  }

  /**
   * Return the mark of a chapter as it is stored.
   * @param {Entry} entry
   * @param {{tutorialId: string, chapterId: string, watchTime: number}} event
   * @param {Mark} mark
   * @returns {Entry}
   */
  #marked({ scope, unbased }, event, mark) {
    const watchTime = unbased ? undefined : event.watchTime;
    return { id: `mark ${scope} ${slotOf(event)}`, scope, mark: { ...mark, watchTime }, at: Date.now() };
  }

  /**
   * @param {Entry[]} puts
   * @param {string[]} removals
   */
  #change(puts, removals) {
    const changed = this.#store.change(puts, removals);
    this.#stored = Promise.allSettled([this.#stored, changed]);
    return changed;
  }

  #count() {
    if (this.size === this.#counted) return;
    this.#counted = this.size;
    this.#dispatch("queue", this.size);
  }
}
