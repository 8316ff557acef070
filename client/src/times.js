/**
 * Return what a promise brings, if that is soon.
 * @template Value
 * @param {Value | Promise<Value>} promise
 * @param {number} most milliseconds
 * @returns {Promise<Value>}
 * @throws {Error} if it is not
 */
export async function soon(promise, most) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {Promise<never>} */
  const late = new Promise((_, reject) => {
    timer = setTimeout(reject, most, new Error("Not in time"));
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
