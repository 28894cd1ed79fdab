// The members that type: the line below the log, and the requests that announce this one.
//
// The line is not announced to screen readers, which would read it again and again.

import { ask, Failure, roomUrl } from '../server/server.js';
import { me } from '../state/me.js';
import { byId, foreign } from '../view/dom.js';
import { parse } from '../view/commands.js';
import { isolated, translatorOf } from '../words/language.js';

export const en = {
  one: '{a} is typing…',
  two: '{a} and {b} are typing…',
  many: 'Several people are typing…',
};

/** @type {Record<keyof typeof en, string>} */
export const zh = {
  one: '{a} 正在输入…',
  two: '{a} 和 {b} 正在输入…',
  many: '多人正在输入…',
};

const say = translatorOf(en, zh);

/** The page announces it at most once per interval. */
const ANNOUNCE_MS = 3_000;
/** The server has forgotten it after this time. */
const STALE_MS = 6_000;
/** In a larger room the server does not announce it. */
const MAX_MEMBERS = 50;

export class Typing {
  #rooms;
  #people;
  #status;
  #box = /** @type {HTMLTextAreaElement} */ (byId('message'));
  #line = foreign('p', '');
  /** Who types, by room. @type {Map<string, string[]>} */
  #names = new Map();
  /** When and of which room others were told last, and whether they were told that it ended. */
  #told = { room: '', at: 0, isOver: true };
  /** Whether the server takes it. */
  #isKnown = true;

  /** @param {import('../state/rooms.js').Rooms} rooms @param {import('../state/people.js').People} people @param {import('../view/status.js').Status} status */
  constructor(rooms, people, status) {
    this.#rooms = rooms;
    this.#people = people;
    this.#status = status;
    this.#line.id = 'typing';
    byId('scroller').after(this.#line);
    // Another room was opened.
    new MutationObserver(() => this.#show()).observe(byId('room-title'), { childList: true });
    new MutationObserver(() => this.#show()).observe(document.documentElement, { attributeFilter: ['lang'] });
  }

  /** Who types in a room now. @param {string} room @param {string[]} names */
  apply(room, names) {
    this.#names.set(room, names);
    this.#show();
  }

  /** Who has sent the message has typed it. @param {{room: string, name: string}} message */
  said({ room, name }) {
    const names = this.#names.get(room);
    if (names?.includes(name)) this.apply(room, names.filter((other) => other !== name));
  }

  /** The connection is lost. */
  forget() {
    this.#names.clear();
    this.#show();
  }

  /** The text of the box has changed. */
  typed() {
    const room = this.#rooms.open;
    const { value } = this.#box;
    const isSame = this.#told.room === room;
    const age = Date.now() - this.#told.at;
    if (value === '') {
      if (!isSame || this.#told.isOver || age > STALE_MS) return;
      this.#told.isOver = true;
      this.#tell(room, 'DELETE');
    } else if (!(isSame && age < ANNOUNCE_MS) && parse(value).kind === 'text' && this.#isWanted) {
      this.#told = { room, at: Date.now(), isOver: false };
      this.#tell(room, 'POST');
    }
  }

  /** Whether somebody is there to be told. */
  get #isWanted() {
    const count = this.#people.in(this.#rooms.open)?.count ?? 0;
    return this.#status.isLive && me.name !== '' && count > 1 && count <= MAX_MEMBERS;
  }

  /** @param {string} room @param {'POST' | 'DELETE'} method */
  #tell(room, method) {
    if (!this.#isKnown || me.name === '') return;
    const url = roomUrl(room, 'typing');
    url.searchParams.set('name', me.name);
    ask(url, { method }).catch((error) => {
      // An older server, or no right to write.
      if (error instanceof Failure && [401, 403, 404, 405].includes(error.status)) this.#isKnown = false;
    });
  }

  #show() {
    const names = (this.#names.get(this.#rooms.open) ?? []).filter((name) => name !== me.name);
    const [a = '', b = ''] = names.map((name) => isolated(name));
    this.#line.textContent = names.length === 0 ? '' : say(names.length === 1 ? 'one' : names.length === 2 ? 'two' : 'many', { a, b });
  }
}
