// Detects whether another page of this browser still exists. Each page holds a
// named lock, which the browser releases when the page ends or crashes. Locks
// need a secure context, so plain HTTP on a network has none.

const lockOf = (/** @type {string} */ name) => `sse-chat.life.${name}`;

/** Whether the browser has locks here. */
export const hasLocks = navigator.locks !== undefined;

/** Holds the lock of this page. @param {string} name @returns {() => void} releases it, as the back/forward cache requires */
export function holdLock(name) {
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

/** Calls `gone` once no page holds the lock, in one page at a time. @param {string} name @param {AbortSignal} signal @param {() => void} gone */
export function whenGone(name, signal, gone) {
  void navigator.locks?.request(lockOf(name), { signal }, gone).catch(() => {});
}
