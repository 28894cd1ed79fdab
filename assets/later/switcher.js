// The dialog that jumps to a room or a person, by typing the beginning of a name.

import { showDialog } from './ask.js';
import { fold } from './matching.js';
import { OptionList } from './option_list.js';
import { readRoom } from '../server/input.js';
import { isBefore } from '../server/ids.js';
import { unread } from '../state/rooms.js';
import { isComposing } from '../view/composer.js';
import { tint } from '../view/colour.js';
import { foreign, make } from '../view/dom.js';
import { personOf } from '../view/people_view.js';
import { isolated, translate, translatorOf } from '../words/language.js';

export const en = {
  title: 'Jump to a room or person',
  here: 'you are here',
  join: 'Join {room}',
  nothing: 'Nothing matches. A room’s name has no spaces.',
};

/** @type {Record<keyof typeof en, string>} */
export const zh = {
  title: '跳转到房间或成员',
  here: '当前房间',
  join: '加入 {room}',
  nothing: '没有匹配项。房间名称不能有空格。',
};

const say = translatorOf(en, zh);

/** The most people that are listed, without and with a query. */
const [FEW, MANY] = [5, 20];

/**
 * @typedef {import('../state/rooms.js').Room} Room
 * @typedef {{rooms: Room[], open: string, names: string[], go(room: string): void, mention(name: string): void}} Host
 *   `open`: the open room; `names`: the others in it
 * @typedef {{content: (Node | string)[], choose(): void}} Option
 */

/** @param {Host} host */
export function showSwitcher(host) {
  const field = make('input');
  const list = make('ul');
  const none = make('p', 'note', say('nothing'));
  const dialog = showDialog(say('title'), field, list, none);
  dialog.id = 'switcher';
  field.role = 'combobox';
  field.autocomplete = 'off';
  field.spellcheck = false;
  field.autocapitalize = 'off';
  field.dir = 'auto';
  field.enterKeyHint = 'go';
  field.ariaLabel = say('title');
  field.ariaExpanded = 'true';
  list.id = 'switcher-list';
  list.ariaLabel = say('title');
  none.role = 'status';

  /** @type {Option[]} */
  let options = [];
  const choose = (/** @type {number} */ index) => {
    const option = options[index];
    if (!option) return;
    // The dialog returns the focus before.
    dialog.close();
    option.choose();
  };
  const shown = new OptionList(field, list, choose);
  const show = () => {
    options = optionsFor(field.value, host);
    shown.show(options.map(({ content }) => content), 0);
    none.hidden = options.length > 0;
  };
  field.addEventListener('input', show);
  field.addEventListener('keydown', (event) => {
    if (isComposing(event)) return;
    if (event.key === 'Enter') choose(shown.at);
    else if (!shown.move(event.key)) return;
    event.preventDefault();
  });
  show();
  field.focus();
}

/** @param {string} typed @param {Host} host @returns {Option[]} */
function optionsFor(typed, host) {
  const kind = /^[#@]/.exec(typed.trim())?.[0];
  const query = fold(typed.trim().replace(/^[#@]/, ''));
  const rooms = kind === '@' ? [] : best(query, sorted(host.rooms, host.open), ({ name }) => name);
  const people = kind === '#' ? [] : best(query, host.names, (name) => name).slice(0, query ? MANY : FEW);
  const room = query && kind !== '@' ? readRoom(typed) : null;
  return [
    ...rooms.map((room) => roomOption(room, host)),
    ...people.map((name) => ({ content: [tint(make('span', 'person', ...personOf(name)), name)], choose: () => host.mention(name) })),
    ...room !== null && !host.rooms.some(({ name }) => name === room)
      ? [{ content: [make('span', 'to-room', say('join', { room: `#${isolated(room)}` }))], choose: () => host.go(room) }] : [],
  ];
}

/** @param {Room} room @param {Host} host @returns {Option} */
function roomOption(room, { open, go }) {
  const count = unread(room);
  const note = room.name === open ? say('here') : room.mentions > 0 ? translate('mentioned', { n: room.mentions }) : count > 0 ? translate('unread', { n: count }) : '';
  return { content: [make('span', 'to-room', '# ', foreign('bdi', count > 0 ? 'news' : '', room.name)), make('span', 'note', note)], choose: () => go(room.name) };
}

/** Those whose names begin with a query, then those that contain it. @template T @param {string} query @param {T[]} all @param {(one: T) => string} nameOf */
function best(query, all, nameOf) {
  const found = all.filter((one) => fold(nameOf(one)).includes(query));
  const begins = (/** @type {T} */ one) => fold(nameOf(one)).startsWith(query);
  return [...found.filter(begins), ...found.filter((one) => !begins(one))];
}

/** Mentions first, then unread rooms, then the latest; the open room last. @param {Room[]} rooms @param {string} open */
function sorted(rooms, open) {
  const rank = (/** @type {Room} */ room) => (room.name === open ? 3 : room.mentions > 0 ? 0 : unread(room) > 0 ? 1 : 2);
  const age = (/** @type {Room} */ a, /** @type {Room} */ b) => {
    if (!a.newest || !b.newest) return Number(!a.newest) - Number(!b.newest);
    return isBefore(a.newest, b.newest) ? 1 : -1;
  };
  return rooms.toSorted((a, b) => rank(a) - rank(b) || age(a, b));
}
