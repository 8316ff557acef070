/**
 * Hear when the page is left or comes back. None of these events is sure to come, some come twice.
 * @param {AbortSignal} signal
 * @param {(gone: boolean) => void} leave called at once; `gone`: other tabs must not wait for this one
 * @param {() => void} back
 */
export function listen(signal, leave, back) {
  if (!globalThis.document) return;
  const hidden = () => (document.hidden ? leave(false) : back());
  document.addEventListener("visibilitychange", hidden, { signal });
  document.addEventListener("freeze", () => leave(true), { signal });
  addEventListener("pagehide", () => leave(true), { signal });
  addEventListener("pageshow", back, { signal });
  addEventListener("online", back, { signal });
}
