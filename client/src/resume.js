import { newId } from "./events.js";

/** @import { Start } from "./tracker.js" */
/** @import { ChapterEvent, Entry, Mark, Progress } from "./types.js" */

/**
 * Find in what is known where a chapter starts.
 * @param {{tutorialId: string, chapterId: string}} chapter
 * @param {Progress | null} progress null if the service does not say
 * @param {Entry[]} entries of this browser, by time
 */
export function findStart({ tutorialId, chapterId }, progress, entries) {
  /** @param {{tutorialId: string, chapterId?: string} | undefined} one */
  const isThis = (one) => one?.tutorialId === tutorialId && one.chapterId === chapterId;
  const mark = entries.find((entry) => isThis(entry.mark))?.mark;
  const waits = entries.filter(({ event }) => event?.type === "chapter" && isThis(event)).at(-1);
  const none = { watchTime: 0, lastPosition: 0, completed: false };
  const chapters = progress?.chapterProgress;
  const recorded = chapters?.find((one) => one.chapterId === chapterId) ?? none;
  return startOf(chapters ? recorded : null, waits, mark);
}

/**
 * Return where a chapter starts.
 * @param {{watchTime: number, lastPosition: number, completed: boolean} | null} recorded by the
 *   service
 * @param {Entry | undefined} waits the newest event of the chapter that is not sent yet
 * @param {Mark | undefined} mark
 * @returns {Start}
 */
function startOf(recorded, waits, mark) {
  const event = /** @type {ChapterEvent | undefined} */ (waits?.event);
  const known = event?.watchTime ?? 0;
  // The service keeps whole seconds; this browser remembers the rest.
  const exact = mark?.watchTime ?? 0;
  const same = !recorded || Math.floor(exact) === recorded.watchTime;
  const base = Math.max(recorded?.watchTime ?? 0, known, same ? exact : 0);
  const latest = event ?? recorded ?? mark;
  return {
    // This goes on with a visit that the service may know in part.
    watchTime: waits?.unbased ? known : base,
    unbased: waits?.unbased || (recorded || waits || mark?.watchTime !== undefined ? "" : newId()),
    lastPosition: latest?.lastPosition ?? 0,
    completed: Boolean(recorded?.completed || event?.completed || mark?.completed),
    seen: mark?.seen ?? [],
  };
}
