// Long lists of members: a filter, and who is listed when there are too many for the
// server to list.

import { server } from '../server/server.js';
import { byId, make } from '../view/dom.js';
import { translatorOf } from '../words/language.js';

export const en = {
  filter: 'Find a person',
  none: 'No matching names.',
  spoke: 'Active recently:',
  unlisted: { one: '{n} person is not listed.', other: '{n} people are not listed.' },
};

/** @type {Record<keyof typeof en, string | {one: string, other: string}>} */
export const zh = {
  filter: '查找成员',
  none: '没有匹配的名字。',
  spoke: '最近发言的人：',
  unlisted: { one: '另有 {n} 人未列出。', other: '另有 {n} 人未列出。' },
};

const say = translatorOf(en, zh);

/** @typedef {import('../server/protocol.js').Presence} Presence */

/** How long the part of a list that the server gives is valid. */
const SAMPLE_MS = 60_000;

/** What a name and a filter have in common. @param {string} text */
const fold = (text) => text.normalize('NFKC').toLowerCase();

export class Crowd {
  #field = make('input');
  #room = '';
  /** Changes of the filter. */
  #changed = () => {};
  /** Members of a room that is too large to list: the first 200 of them. @type {{room: string, at: number, names: string[]}} */
  #sample = { room: '', at: 0, names: [] };

  constructor() {
    this.#field.id = 'people-filter';
    this.#field.type = 'search';
    this.#field.autocomplete = 'off';
    this.#field.spellcheck = false;
    this.#field.dir = 'auto';
    this.#field.lang = '';
    this.#field.hidden = true;
    this.#field.addEventListener('input', () => this.#changed());
    byId('people-note').before(this.#field);
  }

  /**
   * The names to list, and what is to be said of the others; null if the list is short.
   * @param {boolean} isLong @param {string} room @param {Presence | undefined} presence
   * @param {string[]} members as far as the server lists them @param {import('../view/people_view.js').Reader} reader
   * @param {() => void} changed the filter
   */
  pick(isLong, room, presence, members, reader, changed) {
    if (room !== this.#room || !isLong) this.#field.value = '';
    this.#room = room;
    this.#field.hidden = !isLong;
    if (!isLong || !presence) return null;
    this.#changed = changed;
    this.#field.placeholder = this.#field.ariaLabel = say('filter');
    const typed = fold(this.#field.value.trim());
    const isListed = presence.members !== undefined;
    const known = isListed ? members : this.#known(room, reader, typed !== '');
    const names = typed ? known.filter((name) => fold(name).includes(typed)) : known;
    return { names, note: isListed || typed ? this.#noteOf(names, presence, known, isListed) : `${this.#unlisted(presence, known)} ${say('spoke')}` };
  }

  /** @param {string[]} names @param {Presence} presence @param {string[]} known @param {boolean} isListed */
  #noteOf(names, presence, known, isListed) {
    return [names.length === 0 ? say('none') : '', isListed ? '' : this.#unlisted(presence, known)].filter(Boolean).join(' ');
  }

  /** @param {Presence} presence @param {string[]} known */
  #unlisted({ count }, known) {
    const n = Math.max(0, count - known.length);
    return n > 0 ? say('unlisted', { n }) : '';
  }

  /** Oneself, who wrote lately, and, for a filter, those that the server lists. @param {string} room @param {import('../view/people_view.js').Reader} reader @param {boolean} isFiltered */
  #known(room, { me, speakers }, isFiltered) {
    if (isFiltered) void this.#ask(room);
    const sample = isFiltered && this.#sample.room === room ? this.#sample.names : [];
    return [...new Set([...me ? [me] : [], ...speakers(), ...sample])];
  }

  /** @param {string} room */
  async #ask(room) {
    if (this.#sample.room === room && Date.now() - this.#sample.at < SAMPLE_MS) return;
    const { names } = this.#sample.room === room ? this.#sample : { names: [] };
    this.#sample = { room, at: Date.now(), names };
    const listed = await server.members(room).catch(() => null);
    if (!listed || this.#sample.room !== room) return;
    this.#sample.names = listed.members.map(({ name }) => name);
    this.#changed();
  }
}
