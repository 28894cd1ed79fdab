// What depends on a session: its end, logging out, and which rooms may be moderated.
// Loaded only if the server takes tokens.

import { button, byId, make } from '../view/dom.js';
import { formatDate, isolated } from '../words/language.js';
import { requests } from './more_requests.js';
import { more } from '../words/more_words.js';
import { announce, notice } from '../view/notice.js';
import { Failure } from '../server/server.js';
import { session } from '../state/session.js';

/** This long before the end of a session, the page says so. */
const EARLY_MS = 5 * 60_000;
/** Timers can't wait longer than 24 days. */
const LONGEST_MS = 24 * 3_600_000;

/** Texts by the reason for which the server ended the stream. */
const ENDS = /** @type {const} */ ({
  token_required: 'endRequired',
  token_invalid: 'endInvalid',
  token_expired: 'endExpired',
  ticket_used: 'endTicket',
  forbidden: 'endForbidden',
});

export class Rights {
  #on;
  #room = '';
  /** Rooms that may be moderated. @type {Set<string>} */
  #moderated = new Set();
  /** Rooms for which it was asked. @type {Set<string>} */
  #asked = new Set();
  #ending = make('p');
  #bans = button('quiet', '', () => this.#on.openBans(this.#room));
  #session = make('div', 'row');
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer = undefined;

  /** @param {{ended(): void, found(): void, openBans(room: string): void}} on `ended`: after logging out; `found`: a room may be moderated */
  constructor(on) {
    this.#on = on;
    this.#ending.id = 'ending';
    this.#ending.hidden = true;
    byId('status').before(this.#ending);
    this.#bans.id = 'open-bans';
    this.#bans.ariaHasPopup = 'dialog';
    byId('people-title').after(this.#bans);
    this.#session.id = 'session';
    this.#watchEnd();
    this.refresh();
  }

  /** @param {string} room */
  open(room) {
    this.#room = room;
    this.refresh();
  }

  /** A session has begun or ended. */
  changed() {
    this.#moderated.clear();
    this.again();
    this.#ending.hidden = true;
    this.#watchEnd();
    this.refresh();
  }

  /** Asks again for rights that were refused. */
  again() {
    this.#asked.clear();
  }

  /** @param {string} room */
  moderates(room) {
    return this.#moderated.has(room);
  }

  /** Whether a room may be written to, as far as the session says. @param {string} room */
  mayWrite(room) {
    const { write } = session.get() ?? {};
    return !write || write.some((rooms) => (rooms.endsWith('*') ? room.startsWith(rooms.slice(0, -1)) : rooms === room));
  }

  /** Finds out whether the open room may be moderated, and so whether there is a session. */
  async ask() {
    const room = this.#room;
    if (this.#asked.has(room)) return;
    this.#asked.add(room);
    const answer = await requests.bans(room).catch((error) => error);
    const failure = answer instanceof Failure ? answer : null;
    if (!failure) this.#moderated.add(room);
    else if (failure.status === 0) this.#asked.delete(room);
    // A session that did not begin by a link to this page.
    if ((!failure || failure.code === 'forbidden') && !session.get()) session.set({ name: '', until: 0 });
    this.refresh();
    if (!failure) this.#on.found();
  }

  /** Shows that the session ends. @param {number} until by Date.now() */
  ends(until) {
    const text = more('ending', { when: formatDate(new Date(until), { timeStyle: 'short' }) });
    if (this.#ending.hidden) announce(text);
    this.#ending.textContent = text;
    this.#ending.hidden = false;
  }

  /** Why the server has ended the stream, and what can be done. @param {string | null} reason @param {string} room @returns {{text: string, action: HTMLElement | null} | null} */
  wordsOfEnd(reason, room) {
    // A browser drops the cookie of a session that is over.
    const cause = reason === 'token_required' && session.get() ? 'token_expired' : reason;
    const word = Object.entries(ENDS).find(([known]) => known === cause)?.[1];
    if (!word) return null;
    this.#ending.hidden = true;
    return { text: more(word, { room }), action: session.get() ? button('link', more('logOut'), () => void this.#logOut()) : null };
  }

  /** The session with a button to end it, for the settings. */
  get row() {
    this.refresh();
    return this.#session;
  }

  /** Why a name can't be chosen; empty if it can. @param {string} name */
  refusalOf(name) {
    const fixed = session.get()?.name;
    return fixed && name !== fixed ? more('fixedName', { name: fixed }) : '';
  }

  /** The language, the room or the session has changed. */
  refresh() {
    const present = session.get();
    const { name = '', until = 0 } = present ?? {};
    const when = until ? more('ends', { when: formatDate(new Date(until), { dateStyle: 'medium', timeStyle: 'short' }) }) : '';
    const words = [more('session'), name && isolated(name), when].filter(Boolean).join(' · ');
    this.#session.hidden = present === null;
    this.#session.replaceChildren(make('span', '', words), button('quiet', more('logOut'), () => void this.#logOut()));
    this.#bans.textContent = more('bans');
    this.#bans.hidden = !this.moderates(this.#room);
  }

  async #logOut() {
    try {
      await requests.endSession();
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      notice(more('notLoggedOut'));
      return;
    }
    session.set(null);
    notice(more('loggedOut'));
    this.#on.ended();
  }

  #watchEnd() {
    clearTimeout(this.#timer);
    const until = session.get()?.until ?? 0;
    const rest = until - EARLY_MS - Date.now();
    if (until <= Date.now()) return;
    if (rest <= 0) return this.ends(until);
    this.#timer = setTimeout(() => this.#watchEnd(), Math.min(rest, LONGEST_MS));
  }
}
