/** @import { ProgressError } from "./errors.js" */
/** @import { Progress } from "./types.js" */

/** @typedef {{change: Progress, queue: number, problem: ProgressError}} Events their details */

/** @typedef {(type: keyof Events, detail: Events[keyof Events]) => void} Dispatch */

/**
 * @template {keyof Events} Type
 * @typedef {(event: CustomEvent<Events[Type]>) => void} Listener
 */

/**
 * @typedef {{
 *   addEventListener<Type extends keyof Events>(
 *     type: Type, listener: Listener<Type>, options?: boolean | AddEventListenerOptions): void,
 *   removeEventListener<Type extends keyof Events>(
 *     type: Type, listener: Listener<Type>, options?: boolean | EventListenerOptions): void,
 * }} Listening
 */

/** An EventTarget whose listeners have types. */
export const Dispatcher = /** @type {new () => Listening & EventTarget} */ (EventTarget);
