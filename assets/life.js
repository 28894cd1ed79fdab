// Whether another page of this browser is still there. A page holds a lock
// under a name of its own, and a browser ends the locks of a page that crashed
// at once. Plain HTTP on a network has no locks (they need a secure context).

const lockOf = (/** @type {string} */ name) => `sse-chat.life.${name}`;

/** Whether there are locks. */
export const canTell = navigator.locks !== undefined;

/** This page lives under a name. @param {string} name @returns {() => void} ends it: a page that holds a lock is not kept for the back button */
export function live(name) {
  let isOver = false;
  let end = () => {};
  void navigator.locks?.request(lockOf(name), () => new Promise((done) => {
    end = () => done(undefined);
    if (isOver) end();
  })).catch(() => {});
  return () => {
    isOver = true;
    end();
  };
}

/** Calls `gone` as soon as no page lives under a name, in one page at a time. @param {string} name @param {AbortSignal} signal @param {() => void} gone */
export function whenGone(name, signal, gone) {
  void navigator.locks?.request(lockOf(name), { signal }, gone).catch(() => {});
}
