// Requests to the server other than the stream.

import { readMessage } from './protocol.js';

/** @typedef {import('./protocol.js').Message} Message */
/**
 * @typedef {{room: string, messages: Message[], limit: number, size: number, from: string, to: string, oldest: string | null, newest: string | null}} Page
 *   `limit`: the most entries that were requested; `size`, `from` and `to`: the entries, including events of programs, which are no messages: their count, the ids of the first and the last
 */

/**
 * @typedef {{default_room: string, max_message_bytes: number, tokens: boolean, anonymous?: string}} Settings
 *   `tokens`: whether the server takes tokens; `anonymous`: what may be done without one: `none`, `read` or `write`
 */

const TIMEOUT_MS = 15_000;
/** Timeout for the settings, which the page needs to start. */
const SETTINGS_MS = 3_000;

/** The root URL of the server, which may be below a path. Read once: the page's address changes with the room. */
const root = new URL(/** @type {HTMLMetaElement} */ (document.querySelector('meta[name=root]')).content, location.href);

/** A request that failed. */
export class Failure extends Error {
  /**
   * @param {string} code of a problem; `unreachable`, `timeout` or `status` without one
   * @param {string} detail of a problem @param {number} status 0 without a response
   */
  constructor(code, detail, status, retryAfter = 0) {
    super(detail || String(status));
    this.detail = detail;
    this.code = code;
    this.status = status;
    /** seconds */
    this.retryAfter = retryAfter;
  }

  /** Whether the same request may succeed later. */
  get isPassing() {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** Retry-After: seconds, or, from some proxies, a date. @param {string} after */
const secondsOf = (after) => Number(after) || Math.max(0, (Date.parse(after) - Date.now()) / 1_000) || 0;

/** @param {URL} url @param {RequestInit} [init] @param {number} [timeoutMs] */
export async function ask(url, init, timeoutMs = TIMEOUT_MS) {
  let response;
  try {
    const late = AbortSignal.timeout(timeoutMs);
    response = await fetch(url, { ...init, signal: init?.signal ? AbortSignal.any([init.signal, late]) : late });
  } catch (error) {
    // Aborted by either signal; network errors are a TypeError.
    const late = error instanceof DOMException;
    throw new Failure(late ? 'timeout' : 'unreachable', '', 0);
  }
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => null);
  if (response.ok && answer) return answer;
  const retryAfter = secondsOf(response.headers.get('retry-after') ?? '');
  throw new Failure(answer?.code ?? 'status', answer?.detail ?? '', response.status, retryAfter);
}

/** @param {string} room @param {string} what */
export const roomUrl = (room, what) => new URL(`rooms/${encodeURIComponent(room)}/${what}`, root);

/** @returns {never} */
function unreadable() {
  throw new Failure('status', '', 502);
}

export const server = {
  root,

  /** @returns {Promise<Settings>} */
  settings: () => ask(new URL('assets/settings.json', root), {}, SETTINGS_MS),

  /**
   * @param {string} room @param {{name?: string, message: string, client_id: string, edit_key?: string, reply_to?: string}} draft without a name, that of the session
   * @param {number} timeoutMs in ms @param {AbortSignal} signal
   * @returns {Promise<Message>}
   */
  publish: async (room, draft, timeoutMs, signal) => readMessage(await ask(roomUrl(room, 'messages'), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(draft),
    signal,
  }, timeoutMs)) ?? unreadable(),

  /**
   * Edits or deletes a message, or adds or takes back a reaction. It goes on when the page is left.
   * @param {string} room @param {string} path below the room's messages
   * @param {{method: string, editKey: string, body?: object}} change @param {number} timeoutMs @param {AbortSignal} signal
   */
  change: (room, path, { method, editKey, body }, timeoutMs, signal) => ask(roomUrl(room, `messages/${path}`), {
    method,
    headers: { 'edit-key': editKey, ...body && { 'content-type': 'application/json' } },
    body: body && JSON.stringify(body),
    keepalive: true,
    signal,
  }, timeoutMs),

  /**
   * A page of history, oldest first.
   * @param {string} room @param {{before?: string, after?: string, limit: number}} query
   * @returns {Promise<Page>}
   */
  async messages(room, query) {
    const url = roomUrl(room, 'messages');
    for (const [key, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(key, String(value));
    const { messages: entries, oldest, newest } = await ask(url);
    const messages = entries.flatMap((/** @type {any} */ entry) => readMessage(entry) ?? []);
    return { room, messages, limit: query.limit, size: entries.length, from: entries[0]?.id ?? '', to: entries.at(-1)?.id ?? '', oldest, newest };
  },

  /**
   * The members of a room, at most 200 of them.
   * @param {string} room
   * @returns {Promise<{room: string, count: number, members: import('./protocol.js').Member[]}>}
   */
  members: (room) => ask(roomUrl(room, 'members')),

  /** The page of a room. @param {string} room */
  pageOf: (room) => new URL(`r/${encodeURIComponent(room)}`, root).href,

  /** The room of a URL; null for the default room. @param {string} href */
  roomOf(href) {
    const [, room] = /^r\/([^/]+)\/?$/.exec(new URL(href).pathname.slice(root.pathname.length)) ?? [];
    try {
      return room === undefined ? null : decodeURIComponent(room).normalize('NFC');
    } catch {
      return null;
    }
  },

  /** The message to which a link to a room leads; empty for none. A hash may also have a token. @param {string} href */
  messageOf: (href) => /^#([a-z0-9]{1,16}-[1-9]\d{0,18})$/.exec(new URL(href).hash)?.[1] ?? '',

  /**
   * Parses a pasted invitation link, with or without a scheme; null if it is no link.
   * @param {string} typed
   * @returns {{host: string, isOurs: boolean, room: string | null} | null} `room`: null for the default room, empty for none
   */
  linkIn(typed) {
    const text = typed.trim();
    const isAddress = /^https?:\/\//i.test(text);
    // Without a scheme, the part before the first slash must look like a host.
    const host = text.slice(0, Math.max(0, text.indexOf('/')));
    if (!isAddress && !text.startsWith('/') && !/[.:]/.test(host)) return null;
    try {
      const url = new URL(isAddress || text.startsWith('/') ? text : `${location.protocol}//${text}`, root);
      const isHome = `${url.pathname}/`.replace('//', '/') === root.pathname;
      const isOurs = url.host === root.host && (isHome || url.pathname.startsWith(root.pathname));
      return { host: url.host, isOurs, room: isHome ? null : this.roomOf(url.href) ?? '' };
    } catch {
      return null;
    }
  },
};
