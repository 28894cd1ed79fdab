// JSON values in localStorage. If storage is forbidden or full, values last as long
// as the page.

const PREFIX = 'sse-chat.';

/** @type {Map<string, string | null>} values that storage did not accept */
const unstored = new Map();

/** @param {unknown} value */
const kindOf = (value) => (Array.isArray(value) ? 'array' : value === null ? 'object' : typeof value);

/** A part of a stored value, which may be of any type. @template T @param {unknown} value @param {T} absent @returns {string | T} */
export const stringOr = (value, absent) => (typeof value === 'string' ? value : absent);

/** @param {unknown} value @returns {number} 0 if it is no number */
export const numberOf = (value) => (typeof value === 'number' && !Number.isNaN(value) ? value : 0);

export const memory = {
  /**
   * Returns `absent` if the key is missing or its value is null or has another type than `absent`.
   * @template T
   * @param {string} key
   * @param {T} absent
   * @returns {T}
   */
  get(key, absent) {
    let text = unstored.get(key);
    try {
      if (text === undefined) text = localStorage.getItem(PREFIX + key);
      const value = text == null ? absent : JSON.parse(text);
      return value !== null && kindOf(value) === kindOf(absent) ? value : absent;
    } catch {
      return absent;
    }
  },

  /** @param {string} key @param {unknown} value null removes it */
  set(key, value) {
    const text = value === null ? null : JSON.stringify(value);
    try {
      if (text === null) localStorage.removeItem(PREFIX + key);
      else localStorage.setItem(PREFIX + key, text);
      unstored.delete(key);
    } catch {
      unstored.set(key, text);
    }
  },

  /** @param {string} start @returns {string[]} the keys that begin with it */
  keys(start) {
    const keys = new Set([...unstored.keys()]);
    try {
      for (const key of Object.keys(localStorage)) if (key.startsWith(PREFIX)) keys.add(key.slice(PREFIX.length));
    } catch {
      // Storage is unavailable: only the keys in `unstored`.
    }
    return [...keys].filter((key) => key.startsWith(start));
  },

  /** Calls `changed` when another tab has changed `key`. @param {string} key @param {() => void} changed */
  watch(key, changed) {
    addEventListener('storage', (event) => {
      if (event.key === PREFIX + key || event.key === null) changed();
    });
  },
};
