// Makes the rows of the log from its items.

import { initialOf, tint } from './colour.js';
import { foreign, make } from './dom.js';
import { formatDate, language, translate } from './language.js';
import { isSameEpoch, isUpTo } from './protocol.js';
import { mentions, render } from './text.js';

/**
 * @typedef {import('./protocol.js').Message} Message
 * @typedef {import('./room_log.js').Item} Item
 * @typedef {{key: string, look: string, make: () => HTMLLIElement}} Row
 *   `key`: identifies the row; `look`: the row is replaced when this changes
 * @typedef {{me: string, names: string[], isOwn: (message: Message) => boolean, unreadAfter: string | null, isWhole: boolean}} Viewer the reader of the log
 *   `isWhole`: there is nothing before these items
 */

const GROUP_MS = 5 * 60_000;
/** The most names in a presence line. */
const MAX_NAMES = 5;

/** @param {Item[]} items @param {Viewer} viewer @returns {Row[]} */
export function rowsOf(items, viewer) {
  /** @type {Row[]} */
  const rows = [];
  let day = '';
  const newFrom = unreadFrom(items, viewer);
  let divided = newFrom < 0;
  /** @type {Message | null} */
  let before = null;
  for (const [at, item] of items.entries()) {
    if (item.kind === 'message') {
      const { message } = item;
      const date = new Date(message.created_at);
      if (date.toDateString() !== day) {
        day = date.toDateString();
        rows.push(dayRow(date));
        before = null;
      }
      if (!divided && at >= newFrom) {
        divided = true;
        rows.push({ key: 'unread', look: language(), make: () => make('li', 'unread', make('span', '', translate('newHere'))) });
        before = null;
      }
      const first = !before || !isOneGroup(before, message);
      rows.push(messageRow(message, first, viewer));
      before = message;
    } else {
      rows.push(item.kind === 'gap' ? gapRow(item) : peopleRow(item));
      before = null;
    }
  }
  return rows;
}

/** The index of the first unread item; -1 if it is not among the items. @param {Item[]} items @param {Viewer} viewer */
function unreadFrom(items, viewer) {
  const after = firstAfterRead(items, viewer);
  // Own messages are never unread.
  const rest = after < 0 ? -1 : items.slice(after).findIndex((item) => item.kind === 'message' && !viewer.isOwn(item.message));
  return rest < 0 ? -1 : after + rest;
}

/** @param {Item[]} items @param {Viewer} viewer */
function firstAfterRead(items, { unreadAfter, isWhole }) {
  if (unreadAfter === null) return -1;
  const read = items.findLastIndex((item) => item.kind === 'message' && isUpTo(item.message.id, unreadAfter));
  if (read >= 0 || !isWhole) return read < 0 ? -1 : read + 1;
  // Messages of an earlier epoch count as read.
  return Math.max(0, items.findIndex((item) => item.kind === 'message' && isSameEpoch(item.message.id, unreadAfter)));
}

/** @param {Message} before @param {Message} message */
const isOneGroup = (before, message) =>
  before.name === message.name && !isAction(before) && !isAction(message)
  && Date.parse(message.created_at) - Date.parse(before.created_at) < GROUP_MS;

/** @param {{message: string}} message */
const isAction = ({ message }) => message.startsWith('/me ');

/** @param {Date} date @returns {Row} */
function dayRow(date) {
  // At midnight "today" becomes "yesterday".
  const today = new Date().toDateString();
  return {
    key: `day-${date.toDateString()}`,
    look: today + language(),
    make: () => make('li', 'day', make('span', '', nameOfDay(date))),
  };
}

/** @param {Date} date */
function nameOfDay(date) {
  const yesterday = new Date();
  yesterday.setDate(yesterday.getDate() - 1);
  if (date.toDateString() === new Date().toDateString()) return translate('today');
  if (date.toDateString() === yesterday.toDateString()) return translate('yesterday');
  return formatDate(date, { dateStyle: 'full' });
}

/** @param {Message} message @param {boolean} first of a group @param {Viewer} viewer @returns {Row} */
function messageRow(message, first, viewer) {
  const own = viewer.isOwn(message);
  const forMe = !own && mentions(message.message, viewer.me, viewer.names);
  return {
    key: message.id,
    look: [first, own, forMe, language()].join(),
    make() {
      const row = rowOf(message.name, message.message, viewer, first);
      row.id = `message-${message.id}`;
      row.classList.toggle('own', own);
      row.classList.toggle('for-me', forMe);
      row.append(timeOf(message.created_at));
      return row;
    },
  };
}

/**
 * A message's row without its time. Screen readers read the name, then the text.
 * @param {string} name @param {string} text @param {{me: string, names: string[]}} viewer @param {boolean} first
 */
export function rowOf(name, text, viewer, first) {
  const row = tint(make('li', first ? 'message first' : 'message'), name);
  if (first) {
    const avatar = make('span', 'avatar', initialOf(name));
    avatar.ariaHidden = 'true';
    row.append(avatar);
  }
  row.append(foreign('bdi', first ? 'name' : 'sr-only', name));
  const action = isAction({ message: text });
  row.classList.toggle('action', action);
  row.append(foreign('div', 'text', render(action ? text.slice(4) : text, viewer)));
  return row;
}

/** @param {string} createdAt */
function timeOf(createdAt) {
  const date = new Date(createdAt);
  const time = make('time', 'time', formatDate(date, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }));
  time.dateTime = createdAt;
  time.title = formatDate(date, { dateStyle: 'full', timeStyle: 'medium' });
  return time;
}

/** @param {import('./room_log.js').GapItem} gap @returns {Row} */
function gapRow({ key, reason, lost }) {
  return {
    key,
    look: [reason, lost, language()].join(),
    make() {
      const known = reason === 'restart' || reason === 'evicted' || reason === 'lagged' ? reason : 'unknown';
      const text = lost === null ? translate('gapMaybe', { why: translate(known) }) : translate('gapLost', { n: lost, why: translate(known) });
      const row = make('li', 'gap', make('span', '', text));
      row.dataset.reason = reason;
      return row;
    },
  };
}

/** @param {import('./room_log.js').PresenceLine} comings @returns {Row} */
function peopleRow({ key, joined, left, renamed }) {
  return {
    key,
    look: JSON.stringify([joined, left, renamed, language()]),
    make() {
      const parts = [];
      if (renamed) parts.push(translate('renamed', { before: listOf([renamed.before]), name: listOf([renamed.name]) }));
      if (joined.length) parts.push(translate('joined', { names: listOf(joined) }));
      if (left.length) parts.push(translate('leftRoom', { names: listOf(left) }));
      return foreign('li', 'people-line', parts.join(' · '));
    },
  };
}

/** @param {string[]} names */
function listOf(names) {
  const shown = names.slice(0, MAX_NAMES).map((name) => `\u2068${name}\u2069`).join(language() === 'zh-CN' ? '、' : ', ');
  const more = names.length - MAX_NAMES;
  return more > 0 ? translate('andMore', { names: shown, n: more }) : shown;
}
