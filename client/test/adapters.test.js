// The adapters of docs/frontend.md, over players that behave as those of the vendors do.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { connect, until } from "./service.js";

const document = await readFile(new URL("../../docs/frontend.md", import.meta.url), "utf8");

/**
 * Return a class that the document shows.
 * @param {string} name
 * @returns {any}
 */
function shown(name) {
  const block = document.split("```").find((one) => one.includes(`class ${name}`)) ?? "";
  return new Function(`${block.replace(/^js/, "")}; return ${name};`)();
}

/** A clock that plays at 16 times the speed. */
class Clock {
  playing = false;
  #at = 0;
  #since = 0;

  get time() {
    return this.#at + (this.playing ? (performance.now() - this.#since) * 0.016 : 0);
  }

  /**
   * @param {boolean} playing
   * @param {number} [at]
   */
  set(playing, at = this.time) {
    Object.assign(this, { playing });
    this.#at = at;
    this.#since = performance.now();
  }
}

const State = { ENDED: 0, PLAYING: 1, PAUSED: 2, BUFFERING: 3 };

/** A player with the interface of YouTube's. */
class FakeYouTube {
  clock = new Clock();
  /** @type {(event: {data: number}) => void} */
  #listener = () => {};
  /** @param {string} _ @param {(event: {data: number}) => void} listener */
  addEventListener(_, listener) { this.#listener = listener; }
  getCurrentTime() { return Math.floor(this.clock.time * 4) / 4; }
  getDuration() { return 60; }
  getPlayerState() { return this.clock.playing ? State.PLAYING : State.PAUSED; }
  getPlaybackRate() { return 16; }
  /** @param {number} seconds */
  seekTo(seconds) { this.clock.set(this.clock.playing, seconds); }
  /** @param {boolean} playing */
  set(playing) {
    this.clock.set(playing);
    this.#listener({ data: playing ? State.PLAYING : State.PAUSED });
  }
}

/** A player with the interface of Vimeo's. */
class FakeVimeo {
  clock = new Clock();
  /** @type {Map<string, (data: object) => void>} */
  #listeners = new Map();
  /** @param {string} type @param {(data: object) => void} listener */
  on(type, listener) { this.#listeners.set(type, listener); }
  async getDuration() { return 60; }
  async getPaused() { return !this.clock.playing; }
  /** @param {number} seconds */
  async setCurrentTime(seconds) {
    this.clock.set(this.clock.playing, seconds);
    this.#say("timeupdate"); // with the new time, before seeking
    this.#say("seeking");
    this.#say("seeked");
  }
  /** @param {boolean} playing */
  set(playing) {
    this.clock.set(playing);
    this.#say(playing ? "play" : "pause");
    clearInterval(this.ticks);
    this.ticks = playing ? setInterval(() => this.#say("timeupdate"), 250) : undefined;
  }
  /** @param {number} playbackRate */
  setPlaybackRate(playbackRate) { this.#listeners.get("playbackratechange")?.({ playbackRate }); }
  /** @param {string} type */
  #say(type) { this.#listeners.get(type)?.({ seconds: this.clock.time, duration: 60 }); }
}

/** @param {number} ms */
const pass = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

for (const [name, make] of /** @type {const} */ ([
  ["YouTubePlayer", () => new FakeYouTube()],
  ["VimeoPlayer", () => new FakeVimeo()],
])) {
  test(`${name} resumes, counts what is played, and not what is skipped`, async (t) => {
    Object.assign(globalThis, { YT: { PlayerState: State } });
    const progress = connect(t);
    await progress.recordChapter("intro", { chapterId: "one", watchTime: 12, lastPosition: 10 });
    const vendor = make();
    const player = new (shown(name))(vendor);
    if (vendor instanceof FakeVimeo) vendor.setPlaybackRate(16);
    const tracker = progress.track(player, { tutorialId: "intro", chapterId: "one" });
    await tracker.ready;
    const resumed = player.currentTime;

    vendor.set(true);
    await pass(600);
    const before = vendor.clock.time;
    player.currentTime = 50;
    await pass(300);
    vendor.set(false);
    await pass(50);
    await tracker.stop();

    const played = before - resumed + vendor.clock.time - 50;
    assert.ok(Math.abs(resumed - 10) < 1, String(resumed));
    // A jump between two samples costs the seconds since the last one: 250 ms at this speed.
    assert.ok(Math.abs(tracker.watchTime - 12 - played) < 4.5, `${tracker.watchTime - 12}, ${played}`);
    const chapter = (await progress.get("intro")).chapterProgress[0];
    assert.equal(chapter?.watchTime, Math.floor(tracker.watchTime));
  });
}

test("YouTubePlayer follows a player that plays already, until it is closed", async (t) => {
  Object.assign(globalThis, { YT: { PlayerState: State } });
  const vendor = new FakeYouTube();
  vendor.set(true);
  const player = new (shown("YouTubePlayer"))(vendor);
  let ticks = 0;
  player.addEventListener("timeupdate", () => (ticks += 1));
  const tracker = connect(t).track(player, { tutorialId: "intro", chapterId: "one" });
  await until(() => ticks > 1);
  assert.ok(tracker.watchTime > 3, String(tracker.watchTime));
  assert.equal(player.paused, false);

  await tracker.stop();
  player.close();
  const before = ticks;
  await pass(600);

  assert.equal(ticks, before);
});

test("VimeoPlayer knows that a player plays already, and takes what it refuses", async () => {
  const vendor = new FakeVimeo();
  vendor.set(true);
  const player = new (shown("VimeoPlayer"))(vendor);
  await until(() => !player.paused);
  vendor.set(false);
  vendor.setCurrentTime = () => Promise.reject(new RangeError("beyond the end"));

  player.currentTime = 70;
  await pass(50);

  assert.equal(player.duration, 60);
});
