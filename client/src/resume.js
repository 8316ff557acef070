/** @import { Start } from "./tracker.js" */
/** @import { ChapterEvent, Entry, Mark } from "./types.js" */

/**
 * Return where a chapter starts.
 * @param {{watchTime: number, lastPosition: number, completed: boolean} | null} recorded by the
 *   service
 * @param {Entry | undefined} waits the newest event of the chapter that is not sent yet
 * @param {Mark | undefined} mark
 * @returns {Start}
 */
export function startOf(recorded, waits, mark) {
  const event = /** @type {ChapterEvent | undefined} */ (waits?.event);
  const known = waits?.unbased ? 0 : (event?.watchTime ?? 0);
  const added = waits?.unbased ? (event?.watchTime ?? 0) : 0;
  // The service keeps whole seconds; this browser remembers the rest.
  const exact = mark?.watchTime ?? 0;
  const same = !recorded || Math.floor(exact) === recorded.watchTime;
  const base = Math.max(recorded?.watchTime ?? 0, known, same ? exact : 0);
  const latest = event ?? recorded ?? mark;
  return {
    watchTime: base + added,
    unbased: !recorded && (waits ? Boolean(waits.unbased) : mark?.watchTime === undefined),
    lastPosition: latest?.lastPosition ?? 0,
    completed: Boolean(recorded?.completed || event?.completed || mark?.completed),
    seen: mark?.seen ?? [],
  };
}
