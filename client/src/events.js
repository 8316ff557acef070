/** @import { ChapterEvent, ChapterState, Entry, LocalProgress, OutboxEvent, QuizAttempt } from "./types.js" */

let count = 0;

/**
 * Return a new id. Ids of one page sort in the order in which they were made.
 * @returns {string}
 */
export function newId() {
  count += 1;
  // Not randomUUID, which pages without HTTPS do not have.
  const random = crypto.getRandomValues(new Uint32Array(3));
  return [Date.now(), count, ...random].map((part) => part.toString(36).padStart(7, "0")).join("-");
}

/**
 * Return an event that happens now.
 * @param {string} tutorialId
 * @param {{type: "chapter"} & ChapterState | {type: "quiz"} & QuizAttempt | {type: "complete", holderName?: string}} fields
 * @returns {OutboxEvent}
 */
export function newEvent(tutorialId, fields) {
  const event = { ...fields, id: newId(), tutorialId, at: new Date().toISOString() };
  return JSON.parse(JSON.stringify(event)); // fails now rather than at each try to send it
}

/**
 * Return the key of a chapter.
 * @param {{tutorialId: string, chapterId: string}} chapter
 */
export const slotOf = ({ tutorialId, chapterId }) => JSON.stringify([tutorialId, chapterId]);

/**
 * Compare entries by time, those of one moment by id.
 * @param {Entry} one
 * @param {Entry} other
 */
export function byTime(one, other) {
  const key = (/** @type {Entry} */ { event, id }) => `${event?.at} ${id}`;
  return key(one) < key(other) ? -1 : 1;
}

/**
 * Merge the entries of each chapter into its newest one.
 * @param {Entry[]} entries sorted by time
 * @returns {{puts: Entry[], removals: string[]}}
 */
export function compact(entries) {
  /** @type {Map<string, Entry>} */
  const newest = new Map();
  const puts = new Set();
  const removals = [];
  for (const entry of entries) {
    if (entry.event?.type !== "chapter") continue;
    const key = slotOf(entry.event);
    const old = newest.get(key);
    if (old?.event?.type === "chapter") {
      merge(entry.event, old.event);
      puts.delete(old);
      puts.add(entry);
      removals.push(old.id);
    }
    newest.set(key, entry);
  }
  return { puts: [...puts], removals };
}

/**
 * @param {ChapterEvent} event
 * @param {ChapterEvent} old
 */
function merge(event, old) {
  event.watchTime = Math.max(event.watchTime, old.watchTime);
  event.lastPosition ??= old.lastPosition;
  event.completed ??= old.completed;
  const total = Math.max(event.totalChapters ?? 0, old.totalChapters ?? 0);
  if (total) event.totalChapters = total;
}

/**
 * Return the events that make a progress object, with ids that are the same each time. What others
 * kept may have any form: the service refuses what it cannot take.
 * @param {LocalProgress} progress
 * @returns {OutboxEvent[]}
 */
export function eventsOf(progress) {
  const { tutorialId, totalChapters, lastWatchedAt, certificateEarned } = Object(progress);
  const watched = instant(lastWatchedAt) ?? new Date(0).toISOString();
  const chapters = listOf(progress?.chapterProgress).map((chapter) => ({
    type: /** @type {const} */ ("chapter"),
    tutorialId,
    at: watched,
    chapterId: chapter.chapterId,
    watchTime: chapter.watchTime ?? 0,
    lastPosition: chapter.lastPosition ?? 0,
    completed: Boolean(chapter.completed) || undefined,
    totalChapters: totalChapters || undefined,
  }));
  const quizzes = listOf(progress?.quizScores).map((quiz) => ({
    type: /** @type {const} */ ("quiz"),
    tutorialId,
    at: instant(quiz.completedAt),
    quizId: quiz.quizId,
    score: quiz.score,
    maxScore: quiz.maxScore,
    passed: quiz.passed,
    // It marks the attempt, which may have been posted with it already.
    completedAt: quiz.completedAt || undefined,
  }));
  const complete = { type: /** @type {const} */ ("complete"), tutorialId, at: undefined };
  const all = [...chapters, ...quizzes, ...(certificateEarned ? [complete] : [])];
  // A borrowed time makes no other event: a copy that has grown has the same attempts.
  return all.map((event) => ({ ...event, at: event.at ?? watched, id: `import-${hash(JSON.stringify(event))}` }));
}

/**
 * Return the objects of a list; an empty list for any other value.
 * @template Item
 * @param {Item[] | undefined} list
 */
const listOf = (list) => (Array.isArray(list) ? list.filter((one) => one && typeof one === "object") : []);

/**
 * Return a time as the service reads it; undefined for an invalid one.
 * @param {string | number | null | undefined} time
 */
function instant(time) {
  const at = new Date(time ?? NaN);
  return Number.isNaN(+at) ? undefined : at.toISOString();
}

/**
 * Return 64 bits that a text decides (FNV-1a).
 * @param {string} text
 */
function hash(text) {
  let bits = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text))
    bits = BigInt.asUintN(64, (bits ^ BigInt(byte)) * 0x100000001b3n);
  return bits.toString(36);
}
