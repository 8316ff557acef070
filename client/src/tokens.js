import { ProgressError } from "./errors.js";
import { soon } from "./times.js";

/** @import { Options } from "./types.js" */

const RENEW_BEFORE_MS = 60_000;
const ASK_MS = 10_000;
const HANG_MS = 30_000;
const TOKEN = /^[\w.~+/-]+=*$/; // what a header may have (RFC 6750)

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
  #askedAt = 0;
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
    if (performance.now() - this.#askedAt > HANG_MS) this.#asked = null;
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

  /**
   * Forget the token, and a token that is requested now: a learner signs in.
   * @param {boolean} another whether it is another learner, for whom a token given as text is wrong
   */
  forget(another) {
    if (typeof this.#source === "function" || another) this.current = "";
    this.#asked = null;
  }

  /** @param {() => string | null | Promise<string | null>} source */
  #ask(source) {
    this.#askedAt = performance.now();
    const asked = Promise.resolve()
      .then(source)
      .then((token) => {
        if (token && !TOKEN.test(token)) throw new Error("This is not a token");
        if (this.#asked === asked) this.current = token ?? "";
        return token ?? "";
      })
      .finally(() => {
        if (this.#asked === asked) this.#asked = null;
      });
    return asked;
  }
}
