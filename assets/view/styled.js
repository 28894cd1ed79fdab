// The style of what is in later/, which is loaded together with it.

import { byId } from './dom.js';

/** @type {Promise<void> | null} */
let style = null;

/** Waits for a module of later/ and for the style. @template T @param {Promise<T>} module @returns {Promise<T>} */
export async function styled(module) {
  style ??= load();
  const [loaded] = await Promise.all([module, style]);
  return loaded;
}

/** Resolves also without the style: what works without it is better than nothing. */
function load() {
  const link = /** @type {HTMLLinkElement} */ (byId('later-style'));
  link.rel = 'stylesheet';
  return /** @type {Promise<void>} */ (new Promise((done) => {
    link.addEventListener('load', () => done());
    link.addEventListener('error', () => {
      // The next use tries again.
      link.removeAttribute('rel');
      style = null;
      done();
    });
  }));
}
