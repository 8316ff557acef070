/** @import { Player } from "./types.js" */

const GAP = 0.3;
const SLIVER = 0.1;
const MOST = 100;
const END_SECONDS = 1;
const LATE_MS = 1000; // the longest that a sample of a player that plays is late

/** @typedef {[number, number]} Interval seconds, from and to */

/**
 * Return the union of intervals, sorted, without small gaps between them.
 * @param {Interval[]} intervals
 * @returns {Interval[]}
 */
function union(intervals) {
  /** @type {Interval[]} */
  const merged = [];
  for (const [from, to] of [...intervals].sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last && from <= last[1] + GAP) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}

/** Counts the seconds that a player really plays, and which they are. */
export class Playback {
  /** Seconds played, those played twice counted twice. */
  played = 0;
  /** @type {Interval[]} */
  #seen;
  /** @type {Interval | null} what is being played without a jump */
  #run = null;
  /** The last position, in seconds. */
  position = 0;
  #player;
  #tolerance;
  #clock = 0;
  #rate = 1;
  #moving = false;
  #jumping = false;

  /**
   * @param {Player & {played?: TimeRanges, seeking?: boolean, readyState?: number}} player
   * @param {Interval[]} seen on earlier visits
   */
  constructor(player, seen) {
    this.#player = player;
    this.#seen = seen;
    // The clock of an adapter for another player moves in coarse steps.
    this.#tolerance = player.played ? 0.25 : 1;
    this.restart();
  }

  /** Go on from where the player is, without counting what lies between. */
  restart() {
    this.#interrupt();
    this.#set(this.#player.currentTime);
    this.#jumping = Boolean(this.#player.seeking);
  }

  /** Count what was played since the last sample. */
  sample() {
    // currentTime is the target already, or 0 since the source changes.
    if (this.#player.seeking || this.#player.readyState === 0) return;
    const time = this.#player.currentTime;
    if (!this.#jumping) this.#credit(time);
    this.#jumping = false;
    this.#set(time);
  }

  /** Count what was played until a jump began; called when the player says that it is seeking. */
  jump() {
    if (!this.#jumping) this.#credit(this.#left());
    this.restart();
    this.#jumping = true;
  }

  /** Return the intervals that were seen, of which there are at most 100, the longest ones. */
  seen() {
    this.#seen = union(this.#seen);
    const whole = union([...this.#seen, ...(this.#run ? [this.#run] : [])]).filter(([from, to]) => to - from >= SLIVER);
    const long = whole.sort((a, b) => b[1] - b[0] - (a[1] - a[0])).slice(0, MOST);
    return union(long);
  }

  /** Return how many seconds of the chapter were seen at least once. */
  covered() {
    return this.seen().reduce((sum, [from, to]) => sum + to - from, 0);
  }

  /** Whether the end was reached by playing into it, not by a jump. */
  reachedEnd() {
    const { duration } = this.#player;
    const last = Math.min(END_SECONDS, duration / 2);
    return this.#run !== null && this.#run[0] <= duration - last && this.#run[1] >= duration - last;
  }

  /**
   * Return where playing ended before a jump: `played` knows it better than the last sample. Where it
   * was played before, `played` goes on; then it is as far as the time since allows.
   */
  #left() {
    const { played } = this.#player;
    const since = Math.min(performance.now() - this.#clock, LATE_MS) / 1000;
    for (let n = 0; n < (played?.length ?? 0); n += 1) {
      const end = /** @type {TimeRanges} */ (played).end(n);
      if (played && played.start(n) <= this.position && this.position <= end)
        return end <= this.position + this.#possible() ? end : this.position + since * this.#rate;
    }
    return this.position;
  }

  /** Return how many seconds can have been played since the last sample. */
  #possible() {
    const rate = Math.max(this.#rate, this.#player.playbackRate);
    return ((performance.now() - this.#clock) / 1000) * rate + this.#tolerance;
  }

  /** @param {number} time up to which the player has played, if that is possible */
  #credit(time) {
    const seconds = time - this.position;
    if (!this.#moving || seconds <= 0 || seconds > this.#possible()) {
      if (seconds) this.#interrupt();
      return;
    }
    this.played += seconds;
    if (this.#run) this.#run[1] = time;
    else this.#run = [this.position, time];
  }

  /** End the run: what comes next does not follow what was played last. */
  #interrupt() {
    if (this.#run) this.#seen.push(this.#run);
    this.#run = null;
  }

  /** @param {number} time */
  #set(time) {
    this.position = time;
    this.#clock = performance.now();
    this.#rate = this.#player.playbackRate;
    this.#moving = !this.#player.paused;
  }
}
