// The status line of the connection. A short loss shows nothing.

import { wordsOfAnswer } from '../words/answers.js';
import { byId, button, make } from './dom.js';
import { translate } from '../words/language.js';
import { announce } from './notice.js';

/** A shorter loss is not shown. */
const QUIET_MS = 3_000;
const RESTORED_MS = 2_500;

/** @typedef {import('../stream/connection.js').StateEvent} StateEvent */

/** Texts by the reason of a stream's end. @type {Record<string, import('../words/language.js').Word>} */
const REASONS = {
  bye: 'bye',
  'busy connections': 'busy',
  'busy address': 'busyAddress',
  'busy members': 'busyMembers',
  'busy history': 'busyHistory',
};

/** @typedef {{text: string, action: HTMLElement | null}} End why the server has ended the stream, and what can be done */

export class Status {
  #line = byId('status');
  /** Not announced to screen readers: it changes each second. */
  #text = make('span');
  #tryNow;
  #endOf;
  #action = make('span');
  /** The open room. */
  #room = '';
  /** Of the connection. @type {StateEvent | null} */
  state = null;
  #since = Date.now();
  #wasEverLive = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer = undefined;
  /** Since when the server is cut off from others, by its clock; null if it is not. @type {number | null} */
  #staleSince = null;
  /** Whether the line says so. */
  #saysStale = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #staleTimer = undefined;

  /** @param {() => void} now reconnects at once @param {(reason: string | null, room: string) => End | null} endOf */
  constructor(now, endOf) {
    this.#endOf = endOf;
    this.#tryNow = button('link', translate('tryNow'), now);
    this.#text.ariaHidden = 'true';
    this.#line.append(this.#text, ' ', this.#tryNow, ' ', this.#action);
    this.#show();
  }

  /** @param {StateEvent} state */
  set(state) {
    const wasLive = this.isLive;
    this.state = state;
    document.documentElement.dataset.connection = state.state;
    if (state.state === 'live') {
      this.#wasEverLive = true;
      if (this.#isForbidden) return this.#show();
      if (!this.#saysStale) this.#restored('restored');
      return this.#showStale();
    }
    // The next stream says whether it still is.
    this.#staleSince = null;
    this.#showStale();
    if (wasLive) this.#since = Date.now();
    this.#show();
  }

  /** What is said elsewhere does not arrive for now, `since` then; null if it does. @param {number | null} since */
  setStale(since) {
    this.#staleSince = since;
    if (this.isLive && !this.#isForbidden) this.#showStale();
  }

  /** @param {string} room */
  open(room) {
    const wasForbidden = this.#isForbidden;
    this.#room = room;
    if (this.#isForbidden) this.#show();
    else if (wasForbidden && this.isLive) {
      this.#line.hidden = true;
      this.#showStale();
    }
  }

  get isLive() {
    return this.state?.state === 'live';
  }

  /** The language or the room has changed. */
  refresh() {
    this.#tryNow.textContent = translate('tryNow');
    if (!this.isLive || this.#isForbidden) this.#show();
    else if (this.#saysStale) this.#sayStale();
  }

  /** Whether the open room may not be read. */
  get #isForbidden() {
    return this.state?.forbidden.includes(this.#room) ?? false;
  }

  /** @param {'restored' | 'fresh'} word */
  #restored(word) {
    clearTimeout(this.#timer);
    if (this.#line.hidden) return;
    this.#say(translate(word), false);
    this.#timer = setTimeout(() => { this.#line.hidden = true; }, RESTORED_MS);
  }

  /** Says that the server is cut off from others, if that takes long, or that it is not any more. */
  #showStale() {
    clearTimeout(this.#staleTimer);
    if (this.#staleSince !== null) {
      if (this.#saysStale) return;
      const quiet = Math.min(QUIET_MS, this.#staleSince + QUIET_MS - Date.now());
      if (quiet > 0) this.#staleTimer = setTimeout(() => this.#sayStale(), quiet);
      else this.#sayStale();
    } else if (this.#saysStale) {
      if (this.isLive) this.#restored('fresh');
      else this.#line.hidden = true;
      this.#saysStale = false;
    }
  }

  #sayStale() {
    clearTimeout(this.#timer);
    this.#say(translate('stale'), false);
    this.#line.classList.remove('good');
    this.#saysStale = true;
  }

  #show() {
    clearTimeout(this.#timer);
    clearTimeout(this.#staleTimer);
    const quiet = this.#since + QUIET_MS - Date.now();
    const isFinal = this.state?.state === 'closed' || this.isLive;
    if (quiet > 0 && !isFinal) {
      this.#timer = setTimeout(() => this.#show(), quiet);
      return;
    }
    if (isFinal) return this.#showEnd();
    this.#say(this.#words(), true);
    this.#timer = setTimeout(() => this.#show(), 1_000);
  }

  /** The server has ended the stream, or does not permit the open room. */
  #showEnd() {
    const end = this.#endOf(this.#isForbidden ? 'forbidden' : this.state?.reason ?? null, this.#room);
    this.#say(end?.text ?? translate('closed'), false);
    this.#line.classList.remove('good');
    this.#tryNow.hidden = !end;
    this.#action.replaceChildren(...end?.action ? [end.action] : []);
  }

  #words() {
    const { retryAt = null, reason = null, refusal = null } = this.state ?? {};
    if (reason === 'offline') return translate('offline');
    const seconds = retryAt === null ? 0 : Math.ceil((retryAt - Date.now()) / 1_000);
    const said = reason === null ? undefined : REASONS[reason];
    const why = said ? translate(said) : refusal ? wordsOfAnswer(refusal) : '';
    const isLost = this.#wasEverLive && !why;
    const what = seconds > 0 ? translate(isLost ? 'reconnectIn' : 'tryIn', { n: seconds }) : translate(isLost ? 'reconnecting' : 'connecting');
    return why ? `${why} ${what}` : what;
  }

  /** @param {string} text @param {boolean} mayTry */
  #say(text, mayTry) {
    this.#saysStale = false;
    // Announced without the seconds, which change.
    const isLost = mayTry && this.#wasEverLive && this.state?.reason !== 'offline';
    if (this.#line.hidden || !mayTry) announce(isLost ? translate('reconnecting') : text);
    this.#line.hidden = false;
    this.#line.classList.toggle('good', this.isLive);
    this.#text.textContent = text;
    this.#tryNow.hidden = !mayTry;
    this.#action.replaceChildren();
  }
}
