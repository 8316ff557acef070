/** A player that is no element: an adapter as docs/frontend.md describes it, over a clock. */
export class Player extends EventTarget {
  duration = 60;
  playbackRate = 16;
  paused = true;
  #at = 0;
  #since = 0;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #ticks;

  get currentTime() {
    const played = this.paused ? 0 : ((performance.now() - this.#since) / 1000) * this.playbackRate;
    return Math.min(this.duration || Infinity, this.#at + played);
  }

  set currentTime(seconds) {
    this.#at = seconds;
    this.#since = performance.now();
    this.#say("seeking");
    this.#say("timeupdate");
  }

  play() {
    this.#since = performance.now();
    this.paused = false;
    this.#say("play");
    this.#ticks = setInterval(() => this.#tick(), 50);
  }

  pause() {
    this.#at = this.currentTime;
    this.paused = true;
    clearInterval(this.#ticks);
    this.#say("pause");
  }

  /**
   * Play up to a position; return how many seconds were played.
   * @param {number} seconds
   */
  async playTo(seconds) {
    const from = this.currentTime;
    this.play();
    while (this.currentTime < seconds && !this.paused)
      await new Promise((resolve) => this.addEventListener("timeupdate", resolve, { once: true }));
    if (!this.paused) this.pause();
    return this.currentTime - from;
  }

  #tick() {
    this.#say("timeupdate");
    if (this.currentTime < (this.duration || Infinity)) return;
    this.pause();
    this.#say("ended");
  }

  /** @param {string} type */
  #say(type) {
    this.dispatchEvent(new Event(type));
  }
}
