// The real service that `make test-client` starts, and learners that nobody has heard of.
import { createHmac, randomUUID } from "node:crypto";
import { TutorialProgress } from "../src/index.js";

export const url = process.env.PROGRESS_URL ?? "";
const secret = process.env.PROGRESS_SECRET ?? "";

/**
 * Sign a token.
 * @param {string} sub
 * @param {number} [seconds] until it ends
 * @param {object} [more] further claims
 */
export function sign(sub, seconds = 3600, more = {}) {
  const encode = (/** @type {object} */ part) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const claims = { sub, exp: Math.floor(Date.now() / 1000) + seconds, ...more };
  const signed = `${encode({ alg: "HS256", typ: "JWT" })}.${encode(claims)}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

/**
 * Write the outline of a tutorial, as an author does.
 * @param {string} tutorialId
 * @param {object} outline
 */
export async function writeOutline(tutorialId, outline) {
  const token = sign(newName(), 60, { scope: "progress:author" });
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const body = JSON.stringify(outline);
  const response = await fetch(`${url}/${tutorialId}/outline`, { method: "PUT", headers, body });
  if (!response.ok) throw new Error(await response.text());
}

/** Return the name of a learner that no other test uses. */
export const newName = () => `learner-${randomUUID()}`;

/** A network that can be cut or made slow, and what went through it. */
export class Network {
  down = false;
  /** @type {(request: {method: string, path: string}) => Promise<void> | void} what a request waits for */
  slow = () => {};
  /** @type {{method: string, path: string, status: number, body: any}[]} */
  requests = [];

  /** @type {typeof globalThis.fetch} */
  fetch = async (address, options) => {
    if (this.down) throw new TypeError("fetch failed");
    const path = String(address).slice(url.length);
    const method = options?.method ?? "";
    await this.slow({ method, path });
    const response = await fetch(address, options);
    const body = options?.body ? JSON.parse(String(options.body)) : null;
    this.requests.push({ method, path, status: response.status, body });
    return response;
  };

  /** Return the statuses of the requests that post events. */
  posts() {
    return this.requests.filter(({ method }) => method === "POST").map(({ status }) => status);
  }
}

/**
 * Return a network with something before the service that may answer itself.
 * @param {(options: RequestInit) => Response | null} answer
 */
export function behind(answer) {
  const network = new Network();
  /** @type {typeof fetch} */
  const asked = async (address, options) =>
    (network.down ? null : answer(options ?? {})) ?? network.fetch(address, options);
  return { network, fetch: asked };
}

/** Return a gate, closed at first: a promise, and what opens it. */
export function gate() {
  let open = () => {};
  /** @type {Promise<void>} */
  const opened = new Promise((resolve) => {
    open = () => resolve();
  });
  return { opened, open };
}

/**
 * Return a client of a learner, closed after the test.
 * @param {import("node:test").TestContext} test
 * @param {Partial<import("../src/types.js").Options>} [options]
 */
export function connect(test, options = {}) {
  const name = options.userId ?? newName();
  const client = new TutorialProgress({ url, token: sign(name), userId: name, ...options });
  test.after(() => client.close());
  return client;
}

/**
 * Return what a client dispatches, as it comes.
 * @param {TutorialProgress} client
 * @param {"change" | "queue" | "problem"} type
 */
export function heard(client, type) {
  /** @type {any[]} */
  const details = [];
  client.addEventListener(type, (event) => details.push(event.detail));
  return details;
}

/**
 * Ask again until something is so.
 * @param {() => unknown} happens
 * @param {number} [seconds]
 */
export async function until(happens, seconds = 20) {
  const end = Date.now() + seconds * 1000;
  while (!(await happens())) {
    if (Date.now() > end) throw new Error(`not after ${seconds} s: ${happens}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
