// What this browser remembers, as JSON in localStorage. Storage may be
// forbidden or full: then it lasts as long as the page.

const PREFIX = 'sse-chat.';

/** @type {Map<string, string | null>} what storage did not take */
const kept = new Map();

/** @param {unknown} value */
const kindOf = (value) => (Array.isArray(value) ? 'array' : value === null ? 'object' : typeof value);

export const memory = {
  /**
   * What is of another kind than `absent` was written by somebody else, and is as good as nothing.
   * @template T
   * @param {string} key
   * @param {T} absent
   * @returns {T}
   */
  get(key, absent) {
    let text = kept.get(key);
    try {
      if (text === undefined) text = localStorage.getItem(PREFIX + key);
      const value = text == null ? absent : JSON.parse(text);
      return kindOf(value) === kindOf(absent) ? value : absent;
    } catch {
      return absent;
    }
  },

  /** @param {string} key @param {unknown} value null forgets it */
  set(key, value) {
    const text = value === null ? null : JSON.stringify(value);
    try {
      if (text === null) localStorage.removeItem(PREFIX + key);
      else localStorage.setItem(PREFIX + key, text);
      kept.delete(key);
    } catch {
      kept.set(key, text);
    }
  },

  /** @param {string} start @returns {string[]} the keys that begin with it */
  keys(start) {
    const keys = new Set([...kept.keys()]);
    try {
      for (const key of Object.keys(localStorage)) if (key.startsWith(PREFIX)) keys.add(key.slice(PREFIX.length));
    } catch {
      // Only what is in `kept`, then.
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
