const PACE_MS = 5000; // 12 requests a minute, so that two tabs stay below the service's 30
const BACKOFF_MS = 1000;
const BACKOFF_CAP_MS = 60_000;
const WAIT_CAP_MS = 3_600_000; // a longer Retry-After is a mistake

/** Decides when to act next, after what has happened. */
export class Pace {
  #act;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #timerAt = Infinity;
  // Times of the clock that never jumps, in milliseconds.
  #pacedUntil = 0;
  #backOffUntil = 0;
  #refusedUntil = 0; // by the service, with Retry-After
  #failures = 0;

  /** @param {() => void} act */
  constructor(act) {
    this.#act = act;
  }

  /** Whether the last try has failed. */
  get fails() {
    return this.#failures > 0;
  }

  /** Whether the service has asked to wait. */
  get isRefused() {
    return performance.now() < this.#refusedUntil;
  }

  /**
   * Act in so many milliseconds at the earliest, or before if that is planned already.
   * @param {number} within
   */
  schedule(within) {
    const now = performance.now();
    const at = Math.max(now + within, this.#pacedUntil, this.#backOffUntil, this.#refusedUntil);
    if (at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(() => {
      this.#timerAt = Infinity;
      this.#act();
    }, at - now);
  }

  /** A request was sent. */
  sent() {
    this.#pacedUntil = performance.now() + PACE_MS;
  }

  succeeded() {
    this.#failures = this.#backOffUntil = 0;
  }

  /** @param {number | null} retryAfter seconds */
  failed(retryAfter) {
    const now = performance.now();
    this.#failures += 1;
    const most = Math.min(BACKOFF_CAP_MS, BACKOFF_MS * 2 ** this.#failures);
    this.#backOffUntil = now + Math.random() * most;
    const until = now + Math.min((retryAfter ?? 0) * 1000, WAIT_CAP_MS);
    this.#refusedUntil = Math.max(this.#refusedUntil, until); // two tries may fail at once
  }

  /** Wait no longer after a failure: the network may be back. */
  wake() {
    this.#backOffUntil = 0;
  }

  /** Act no more. */
  close() {
    clearTimeout(this.#timer);
    this.#timerAt = -Infinity;
  }
}
