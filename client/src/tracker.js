import { Playback } from "./playback.js";

/** @import { ChapterState, Mark, Player, TrackOptions } from "./types.js" */

/**
 * @typedef {Player & {played?: TimeRanges, seeking?: boolean, readyState?: number, currentSrc?: string}} AnyPlayer
 * @typedef {{watchTime: number, unbased: string, lastPosition: number, completed: boolean,
 *   seen: [number, number][]}} Start what is known of the chapter before it is played
 * @typedef {object} Recorder
 * @property {() => Promise<Start>} start
 * @property {(state: ChapterState, mark: Mark, unbased: string, within: number) => Promise<void>}
 *   record `within`: milliseconds until it is sent
 * @property {() => Promise<void>} stopped
 */

const EVERY_SECONDS = 10;
// Three saves in the course of play travel in one request.
const SOME_TIME_MS = 20_500;
const SOON_MS = 1000;
const RESUME_MS = 5000;
const NEAR_SECONDS = 3;
const END_SECONDS = 5;

/** Follows a player through one chapter; what `track` returns. */
export class Tracker {
  /** Resolves when the player is where the learner left, or there is nothing to resume. */
  ready;
  #player;
  #options;
  #recorder;
  #playback;
  /** @type {Start} */
  #start = { watchTime: 0, unbased: "", lastPosition: 0, completed: false, seen: [] };
  #completed = false;
  #resumed = false;
  #sought = false;
  #away = false;
  #savedPlayed = 0;
  #saved = "";
  #source;
  #duration = NaN;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #seekTimer;
  #until = new AbortController();

  /**
   * @param {AnyPlayer} player
   * @param {TrackOptions} options
   * @param {Recorder} recorder
   */
  constructor(player, options, recorder) {
    this.#player = player;
    this.#options = { completeAt: 0.9, ...options };
    this.#recorder = recorder;
    this.#source = player.currentSrc;
    this.#playback = new Playback(player, []);
    this.#listen();
    this.ready = this.#begin();
  }

  /** Seconds watched of this chapter, earlier visits included. */
  get watchTime() {
    return this.#start.watchTime + this.#playback.played;
  }

  /** Whether the chapter is completed. */
  get completed() {
    return this.#completed || this.#start.completed;
  }

  get tutorialId() {
    return this.#options.tutorialId;
  }

  /** Save what is left, and follow the player no longer. */
  async stop() {
    if (this.#until.signal.aborted) return;
    this.#sample();
    const saved = this.save(0);
    this.#until.abort();
    await saved;
    await this.#recorder.stopped();
  }

  /** Count from zero: the tutorial was reset. */
  reset() {
    this.#start = { watchTime: 0, unbased: "", lastPosition: 0, completed: false, seen: [] };
    this.#playback = new Playback(this.#player, []);
    this.#completed = false;
    this.#savedPlayed = 0;
    this.#saved = this.#state();
  }

  /** Save at once, since the page is about to go. */
  leave() {
    this.#sample();
    return this.save(SOON_MS);
  }

  /**
   * Record what changed since the last time.
   * @param {number} within milliseconds until it is sent
   */
  async save(within) {
    const state = this.#state();
    if (!this.#resumed || this.#until.signal.aborted || state === this.#saved) return;
    this.#saved = state;
    this.#savedPlayed = this.#playback.played;
    const watchTime = round(this.watchTime);
    const lastPosition = round(this.#playback.position);
    const { tutorialId, chapterId, totalChapters } = this.#options;
    const seen = this.#playback.seen();
    await this.#recorder.record(
      {
        chapterId,
        watchTime,
        lastPosition,
        completed: this.#completed || undefined,
        totalChapters: totalChapters || undefined,
      },
      { tutorialId, chapterId, seen, lastPosition, completed: this.completed },
      this.#start.unbased,
      within,
    );
  }

  async #begin() {
    const start = await this.#recorder.start();
    if (this.#until.signal.aborted) return;
    const before = this.#playback;
    before.sample();
    this.#start = start;
    this.#playback = new Playback(this.#player, [...start.seen, ...before.seen()]);
    this.#playback.played = before.played;
    await this.#resume();
  }

  /** Go to where the learner left, and save no position before the player is there. */
  async #resume() {
    const { lastPosition } = this.#start;
    if (lastPosition >= 1 && !this.completed) {
      // Some adapters never know the duration: then play is saved, from where it began.
      await this.#happens(() => this.#player.duration > 0 || this.#playback.played > END_SECONDS);
      if (this.#until.signal.aborted) return;
      const { duration } = this.#player;
      const end = duration - Math.min(END_SECONDS, duration / 10);
      const target = lastPosition > end ? 0 : lastPosition;
      if (target && !this.#sought && this.#playback.played < NEAR_SECONDS) await this.#seek(target);
    }
    this.#playback.sample();
    this.#resumed = true;
    if (this.#playback.played < 1 && !this.#completed) this.#saved = this.#state();
  }

  /** @param {number} target seconds */
  async #seek(target) {
    this.#player.currentTime = target;
    const there = () =>
      !this.#player.seeking && Math.abs(this.#player.currentTime - target) < NEAR_SECONDS;
    await this.#happens(there, RESUME_MS);
    this.#sought = false;
  }

  /**
   * Wait for a condition that an event of the player fulfils.
   * @param {() => boolean} condition
   * @param {number} [most] milliseconds after which it is given up
   * @returns {Promise<void>}
   */
  #happens(condition, most) {
    return new Promise((resolve) => {
      const until = new AbortController();
      const done = () => {
        until.abort();
        resolve();
      };
      const check = () => condition() && done();
      for (const event of ["loadedmetadata", "durationchange", "canplay", "seeked", "timeupdate"])
        this.#player.addEventListener(event, check, { signal: until.signal });
      this.#until.signal.addEventListener("abort", done, { signal: until.signal });
      if (most) setTimeout(done, most);
      check();
    });
  }

  #listen() {
    /** @type {Record<string, () => void>} */
    const listeners = {
      timeupdate: () => this.#sample(),
      ratechange: () => this.#sample(),
      play: () => this.#sample(),
      pause: () => this.#paused(),
      ended: () => this.#paused(),
      seeking: () => this.#seeking(),
      seeked: () => this.#sample(),
      emptied: () => this.#emptied(),
      loadedmetadata: () => this.#loaded(),
    };
    for (const [event, listener] of Object.entries(listeners))
      this.#player.addEventListener(event, listener, { signal: this.#until.signal });
  }

  #sample() {
    if (this.#away) return;
    this.#duration = this.#player.duration;
    this.#playback.sample();
    if (this.#completes()) {
      this.#completed = true;
      this.save(SOON_MS);
    } else if (this.#playback.played - this.#savedPlayed >= EVERY_SECONDS) this.save(SOME_TIME_MS);
  }

  #paused() {
    if (this.#away || this.#player.seeking) return; // some players pause while the learner drags
    this.#sample();
    this.save(SOON_MS);
  }

  #seeking() {
    if (this.#away) return;
    this.#sought = true;
    this.#playback.jump();
    clearTimeout(this.#seekTimer);
    this.#seekTimer = setTimeout(() => this.save(SOON_MS), SOON_MS);
  }

  /** The player changes its source, and its position is 0 already: save the last sample. */
  #emptied() {
    if (this.#playback.played) {
      this.save(SOON_MS);
      this.#away = true;
    } else this.#sought = false;
  }

  #loaded() {
    const { currentSrc, duration } = this.#player;
    // Libraries such as hls.js make a blob: address, and another one when they attach again.
    const made = /^blob:.* blob:/.test(`${currentSrc} ${this.#source}`);
    if (currentSrc === this.#source || (made && Math.abs(duration - this.#duration) < 1)) this.#away = false;
    if (this.#away) return; // another chapter, which the page tracks or not
    this.#source = currentSrc;
    this.#playback.restart();
    if (this.#resumed && !this.#playback.played) this.#resume();
  }

  #completes() {
    if (this.completed || !this.#playback.played) return false;
    const { duration } = this.#player;
    if (!(duration > 0 && duration < Infinity)) return false;
    const needed = this.#options.completeAt * (Math.floor(duration) || duration);
    return this.#playback.covered() >= needed || this.#playback.reachedEnd();
  }

  /** What is compared to see whether something changed. */
  #state() {
    const seconds = [this.watchTime, this.#playback.position].map(Math.floor);
    return [...seconds, this.#completed].join();
  }
}

/** @param {number} seconds */
const round = (seconds) => Math.round(seconds * 100) / 100;
