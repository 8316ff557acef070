const LOCK_MS = 15_000;

/** Lets one tab after the other act, where the browser has locks. */
export class Turn {
  /** Let other tabs act, although this one is not done. */
  release = () => {};

  /**
   * Act while no other tab does. After 15 seconds the lock of a tab that hangs is
   * ignored: it only saves requests, and each event counts once because of its id.
   * @param {string} name
   * @param {() => Promise<void>} act
   * @returns {Promise<void>}
   */
  take(name, act) {
    const locks = globalThis.navigator?.locks;
    if (!locks) return act();
    const released = new Promise((resolve) => {
      this.release = () => resolve(undefined);
    });
    return new Promise((resolve, reject) => {
      const options = { signal: AbortSignal.timeout(LOCK_MS) };
      const hold = () => {
        const acted = act();
        acted.then(resolve, reject);
        return Promise.race([acted.catch(() => {}), released]);
      };
      const granted = locks.request(`tutorial-progress ${name}`, options, hold);
      granted.catch(() => act().then(resolve, reject));
    });
  }
}
