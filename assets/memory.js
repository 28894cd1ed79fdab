// What this browser remembers: the name, and which messages were its own.

/** Own messages that a reload still knows as own. */
const MAX_OWN = 200;

/** What this browser remembers. Storage may be forbidden or full: then it lasts as long as the page. */
export const memory = {
  values: new Map(),
  get(key) {
    try {
      return localStorage.getItem(`sse-chat.${key}`) ?? this.values.get(key) ?? null;
    } catch {
      return this.values.get(key) ?? null;
    }
  },
  set(key, value) {
    this.values.set(key, value);
    try {
      localStorage.setItem(`sse-chat.${key}`, value);
    } catch {
      // Kept in `values`.
    }
  },
};

/** The client ids that this browser has sent under. */
export const own = {
  ids: new Set((memory.get('own') ?? '').split(' ').filter(Boolean)),
  add(clientId) {
    this.ids.add(clientId);
    memory.set('own', [...this.ids].slice(-MAX_OWN).join(' '));
  },
};

/** Not crypto.randomUUID, which plain HTTP on a local network does not have. */
export function makeClientId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
