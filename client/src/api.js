import { ProgressError } from "./errors.js";

/** @import { Options } from "./types.js" */

const TIMEOUT_MS = 30_000;
const RENEW_BEFORE_MS = 60_000;

/**
 * Return the claims of a JWT, or none of another token.
 * @param {string} token
 * @returns {{sub?: unknown, exp?: unknown}}
 */
export function claims(token) {
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
    this.#asked ??= this.#ask(this.#source).finally(() => {
      this.#asked = null;
    });
    return this.#asked;
  }

  /** Forget the token: another learner signs in. */
  forget() {
    if (typeof this.#source === "function") this.current = "";
  }

  /** @param {() => string | null | Promise<string | null>} source */
  async #ask(source) {
    try {
      this.current = (await source()) ?? "";
    } catch (cause) {
      throw new ProgressError(0, { error: "No token", detail: "Signing in failed." }, null, cause);
    }
    return this.current;
  }
}

/** Sends requests to the service. */
export class Api {
  #url;
  #tokens;
  #fetch;

  /**
   * @param {string} url
   * @param {Tokens} tokens
   * @param {typeof globalThis.fetch | undefined} fetch
   */
  constructor(url, tokens, fetch) {
    this.#url = url.replace(/\/+$/, "");
    this.#tokens = tokens;
    this.#fetch = fetch;
  }

  /**
   * Send a request, and once more with another token if the first one is refused.
   * @param {string} method
   * @param {string} path below the prefix
   * @param {object} [body]
   * @param {{keepalive?: boolean, leaving?: boolean}} [how] keepalive: the request outlives the
   *   page; leaving: there is no time to ask for a token
   * @returns {Promise<any>} the body of the response
   * @throws {ProgressError}
   */
  async send(method, path, body, { keepalive = false, leaving = false } = {}) {
    const token = leaving ? this.#tokens.current : await this.#tokens.get();
    if (!token) throw new ProgressError(401, { error: "Not signed in" });
    const response = await this.#request(token, method, path, body, keepalive);
    if (response.status !== 401) return read(response);
    const renewed = await this.#tokens.renew(token);
    if (!renewed || renewed === token) return read(response);
    await response.text(); // unread, it would count against what a page may send on leaving
    return read(await this.#request(renewed, method, path, body, keepalive));
  }

  /**
   * @param {string} token
   * @param {string} method
   * @param {string} path
   * @param {object | undefined} body
   * @param {boolean} keepalive
   */
  async #request(token, method, path, body, keepalive) {
    const fetch = this.#fetch ?? globalThis.fetch;
    try {
      return await fetch(this.#url + path, {
        method,
        keepalive,
        credentials: "omit",
        cache: "no-store",
        headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
        body: body && JSON.stringify(body),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch (cause) {
      throw unreachable(cause);
    }
  }
}

/** @param {Response} response */
async function read(response) {
  /** @type {any} */
  let body = null;
  try {
    body = JSON.parse(await response.text());
  } catch (cause) {
    if (response.ok) throw unreachable(cause); // cut off, or from something that is not the service
  }
  if (response.ok) return body;
  throw new ProgressError(response.status, Object(body), retryAfter(response));
}

/** @param {unknown} cause */
function unreachable(cause) {
  const detail = "The service cannot be reached. Check the connection.";
  return new ProgressError(0, { error: "No connection", detail }, null, cause);
}

/** @param {Response} response */
function retryAfter(response) {
  const text = response.headers.get("Retry-After");
  if (!text) return null;
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? null : Math.max(0, seconds);
}
