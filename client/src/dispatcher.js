/** @import { ProgressError } from "./errors.js" */
/** @import { Progress } from "./types.js" */

/** @typedef {{change: Progress, queue: number, problem: ProgressError}} Events their details */

/** An EventTarget whose listeners have types. */
export class Dispatcher extends EventTarget {
  /**
   * @template {keyof Events} Type
   * @overload
   * @param {Type} type
   * @param {(event: CustomEvent<Events[Type]>) => void} listener
   * @param {boolean | AddEventListenerOptions} [options]
   * @returns {void}
   */
  /**
   * @overload
   * @param {string} type
   * @param {EventListenerOrEventListenerObject | null} listener
   * @param {boolean | AddEventListenerOptions} [options]
   * @returns {void}
   */
  /**
   * @param {string} type
   * @param {any} listener
   * @param {boolean | AddEventListenerOptions} [options]
   */
  addEventListener(type, listener, options) {
    super.addEventListener(type, listener, options);
  }
}
