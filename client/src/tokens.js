import { ProgressError } from "./errors.js";
import { soon } from "./times.js";

/** @import { Options } from "./types.js" */

const RENEW_BEFORE_MS = 60_000;
const ASK_MS = 10_000;

/**
 * Return the claims of a JWT, or none of another token.
 * @param {string} token
 * @returns {{sub?: unknown, exp?: unknown}}
 */
function claims(token) {
  try {
    const encoded = (token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
    const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
    return Object(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return {};
  }
}

/** Keeps the learner's token, and asks for a new one once however many requests need it. */
export class Tokens {
  /** The token in memory; empty for a visitor. */
  current = "";
  /** @type {Promise<string> | null} */
  #asked = null;
  #times = 0; // that it was forgotten
  #source;

  /** @param {Options["token"]} source */
  constructor(source) {
    this.#source = source;
    if (typeof source === "string") this.current = source;
  }

  /** Return a token, a new one if the one in memory ends within a minute. */
  async get() {
    const { exp } = claims(this.current);
    const left = typeof exp === "number" ? exp * 1000 - Date.now() : Infinity;
    if (this.current && left > RENEW_BEFORE_MS) return this.current;
    return this.renew(this.current).catch((error) => {
      if (this.current && left > 0) return this.current;
      throw error;
    });
  }

  /**
   * Return a new token after the service has refused the current one.
   * @param {string} refused
   */
  async renew(refused) {
    if (this.current !== refused || typeof this.#source !== "function") return this.current;
    this.#asked ??= this.#ask(this.#source);
    try {
      // A request stops waiting soon, and the next one waits for the same call of the source.
      return await soon(this.#asked, ASK_MS);
    } catch (cause) {
      throw new ProgressError(0, { error: "No token", detail: "Signing in failed." }, null, cause);
    }
  }

  /** Return the learner whom the token names; empty if it names nobody. */
  async learner() {
    return String(claims(await this.get()).sub ?? "");
  }

  /** Forget the token, and a token that is requested now: another learner signs in. */
  forget() {
    if (typeof this.#source !== "function") return;
    this.current = "";
    this.#asked = null;
    this.#times += 1;
  }

  /** @param {() => string | null | Promise<string | null>} source */
  async #ask(source) {
    const times = this.#times;
    try {
      const token = (await Promise.resolve().then(source)) ?? "";
      if (times === this.#times) this.current = token;
      return token;
    } finally {
      if (times === this.#times) this.#asked = null;
    }
  }
}
