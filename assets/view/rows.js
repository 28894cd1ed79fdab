// Makes the rows of the log from its items.

import { initialOf, tint } from './colour.js';
import { foreign, make } from './dom.js';
import { foldLater, mayFold } from './folding.js';
import { clockOf, formatDate, language, translate } from '../words/language.js';
import { isSameEpoch, isUpTo } from '../server/protocol.js';
import { isEmojiOnly, mentions, render } from './text.js';

/**
 * @typedef {import('../server/protocol.js').Message} Message
 * @typedef {import('../state/room_log.js').Item} Item
 * @typedef {{key: string, look: string, make: () => HTMLLIElement, detail?: string, update?: (row: HTMLLIElement) => void}} Row
 *   `key`: identifies the row; `look`: the row is replaced when this changes; `detail`: it is updated in place
 * @typedef {{me: string, names: string[], isOwn: (message: Message) => boolean, mayAct: (message: Message) => boolean,
 *            unreadAfter: string | null, isWhole: boolean}} Viewer the reader of the log
 *   `mayAct`: whether the message has actions; `isWhole`: there is nothing before these items
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
      // When a deleted message was sent is not always known.
      const isNewDay = message.created_at !== '' && date.toDateString() !== day;
      const isUnread = !divided && at >= newFrom;
      if (isUnread) rows.push(unreadRow(isNewDay ? date : null));
      else if (isNewDay) rows.push(dayRow(date));
      if (isNewDay) day = date.toDateString();
      divided ||= isUnread;
      if (isNewDay || isUnread) before = null;
      if (message.deleted) {
        rows.push(deletedRow(message));
        before = null;
        continue;
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
const isOneGroup = (before, message) => before.verified === message.verified
  && isGrouped({ ...before, at: Date.parse(before.created_at) }, { ...message, at: Date.parse(message.created_at) });

/** @typedef {{name: string, message: string, at: number}} Said `at`: in ms */
/** @param {Said} before @param {Said} message */
export const isGrouped = (before, message) =>
  before.name === message.name && !isAction(before) && !isAction(message) && message.at - before.at < GROUP_MS;

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

/** The divider above the first unread message, which is also that of its day. @param {Date | null} day @returns {Row} */
function unreadRow(day) {
  return {
    key: 'unread',
    look: `${day ? `${day.toDateString()} ${new Date().toDateString()}` : ''}${language()}`,
    make() {
      const row = make('li', 'unread', make('span', 'new', translate('newHere')));
      if (day) row.prepend(make('span', 'date', nameOfDay(day)), ' ');
      return row;
    },
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
  const mayAct = viewer.mayAct(message);
  const update = (/** @type {HTMLLIElement} */ row) => {
    row.querySelector('.reactions')?.remove();
    if (message.reactions?.length) row.append(reactionsOf(message.reactions));
  };
  return {
    key: message.id,
    look: [first, own, forMe, mayAct, message.edited_at, language()].join(),
    make() {
      const row = rowOf(message.name, message.message, viewer, first);
      row.id = `message-${message.id}`;
      row.classList.toggle('own', own);
      row.classList.toggle('for-me', forMe);
      if (message.verified && first) row.querySelector('.name')?.after(verifiedMark());
      row.append(timeOf(message.created_at));
      if (message.edited_at) row.append(editedMark(message.edited_at));
      if (mayAct) row.append(moreButton());
      update(row);
      return row;
    },
    detail: JSON.stringify(message.reactions),
    update,
  };
}

/** @param {Message} message @returns {Row} */
function deletedRow({ id, created_at }) {
  return {
    key: id,
    look: language(),
    make() {
      const row = make('li', 'deleted', make('span', '', translate('deleted')));
      row.id = `message-${id}`;
      if (created_at) row.append(' ', timeOf(created_at));
      return row;
    },
  };
}

function verifiedMark() {
  const mark = make('span', 'verified', '✓');
  mark.role = 'img';
  mark.title = mark.ariaLabel = translate('verified');
  return mark;
}

/** @param {string} editedAt */
function editedMark(editedAt) {
  const time = timeOf(editedAt);
  time.className = 'edited';
  time.textContent = translate('edited', { time: time.textContent ?? '' });
  return time;
}

/** Opens the actions of a message (message_actions.js). */
function moreButton() {
  const more = make('button', 'icon more', '⋯');
  more.type = 'button';
  more.tabIndex = -1;
  more.ariaHasPopup = 'menu';
  more.title = more.ariaLabel = translate('actions');
  return more;
}

/** Not announced to screen readers, who find them below the message. @param {import('../server/protocol.js').Reaction[]} reactions */
function reactionsOf(reactions) {
  const list = make('ul', 'reactions');
  list.ariaLabel = translate('reactions');
  list.ariaLive = 'off';
  list.append(...reactions.map(({ emoji, count, names }) => {
    const by = count > names.length ? translate('andMore', { names: listOf(names, names.length), n: count - names.length }) : listOf(names, names.length);
    const item = make('li', '', `${emoji} `, count.toLocaleString(language()), make('span', 'sr-only', ` ${by}`));
    item.title = by;
    return item;
  }));
  return list;
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
  row.classList.toggle('emoji', isEmojiOnly(text));
  row.append(foreign('div', 'text', render(action ? text.slice(4) : text, viewer)));
  if (mayFold(text)) foldLater(row);
  return row;
}

/** @param {string} createdAt */
function timeOf(createdAt) {
  const date = new Date(createdAt);
  const time = make('time', 'time', ...clockOf(date).map(({ type, value }) => (type === 'dayPeriod' ? make('span', 'period', value) : value)));
  time.dateTime = createdAt;
  time.title = formatDate(date, { dateStyle: 'full', timeStyle: 'medium' });
  return time;
}

/** @param {import('../state/room_log.js').GapItem} gap @returns {Row} */
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

/** @param {import('../state/room_log.js').PresenceLine} comings @returns {Row} */
function peopleRow({ key, joined, left, renamed }) {
  return {
    key,
    look: JSON.stringify([joined, left, renamed, language()]),
    make() {
      const parts = [];
      for (const { before, name } of renamed) parts.push(translate('renamed', { before: listOf([before]), name: listOf([name]) }));
      if (joined.length) parts.push(translate('joined', { names: listOf(joined) }));
      if (left.length) parts.push(translate('leftRoom', { names: listOf(left) }));
      return foreign('li', 'people-line', parts.join(' · '));
    },
  };
}

/** @param {string[]} names @param {number} [most] */
function listOf(names, most = MAX_NAMES) {
  const shown = names.slice(0, most).map((name) => `\u2068${name}\u2069`).join(language() === 'zh-CN' ? '、' : ', ');
  const more = names.length - most;
  return more > 0 ? translate('andMore', { names: shown, n: more }) : shown;
}
