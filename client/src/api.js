import { ProgressError } from "./errors.js";

/** @import { Tokens } from "./tokens.js" */

const TIMEOUT_MS = 30_000;

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
    this.#url = url;
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
  async send(method, path, body, { keepalive, leaving } = {}) {
    const token = leaving ? this.#tokens.current : await this.#tokens.get();
    if (!token) throw new ProgressError(leaving ? 0 : 401, { error: "Not signed in" });
    const response = await this.#request(token, method, path, body, keepalive);
    if (response.status !== 401) return read(response);
    const renewed = await this.#tokens.renew(token);
    if (!renewed || renewed === token) return read(response);
    await response.text().catch(() => ""); // unread, it would count against what a page may send on leaving
    return read(await this.#request(renewed, method, path, body, keepalive));
  }

  /**
   * @param {string} token
   * @param {string} method
   * @param {string} path
   * @param {object | undefined} body
   * @param {boolean | undefined} keepalive
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
  // This machine's clock may be wrong. Pages of another origin cannot read the service's `Date`.
  const now = Date.parse(response.headers.get("Date") ?? "") || Date.now();
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - now) / 1000;
  return Number.isNaN(seconds) ? null : Math.max(0, seconds);
}
