/** @import { Missing } from "./types.js" */

/** A request that failed, or an event that the service refused. */
export class ProgressError extends Error {
  /**
   * @param {number} status of the response; 0 without one
   * @param {{error?: string, detail?: string, fields?: Record<string, string[]>, requestId?: string,
   *   missing?: Missing}} body of the response
   * @param {number | null} retryAfter seconds that the service asks to wait
   * @param {unknown} [cause]
   */
  constructor(status, body, retryAfter = null, cause = undefined) {
    super(body.detail ?? body.error ?? `HTTP ${status}`, { cause });
    this.name = "ProgressError";
    this.status = status;
    /** A short text. */
    this.error = body.error ?? `HTTP ${status}`;
    /** A sentence for the learner. */
    this.detail = this.message;
    /** Messages by the name of an invalid field. */
    this.fields = body.fields ?? {};
    /** Chapters and quizzes that a certificate still needs, where the service says so. */
    this.missing = body.missing ?? null;
    /** @type {string | null} by which operators find the request in their logs */
    this.requestId = body.requestId ?? null;
    this.retryAfter = retryAfter;
    /** @type {import("./types.js").OutboxEvent | null} what was dropped, if it was refused for good */
    this.event = null;
  }

  /**
   * Whether the same request may succeed later, or after signing in. Only an error of the service,
   * which has a request id, can rule that out: a gateway may answer wrongly for a while.
   */
  get isTemporary() {
    return !this.event && this.status !== 413 && !(this.requestId && /^Invalid /.test(this.error));
  }
}
