// Makes the rows of the log from its items.

import { initialOf, tint } from './colour.js';
import { foreign, make } from './dom.js';
import { stateKey, stateOf, wordsOf } from './entry_state.js';
import { foldLater, mayFold } from './folding.js';
import { listOf, markOf, reactionsOf } from './reactions.js';
import { clockOf, formatDate, language, translate } from '../words/language.js';
import { isSameEpoch, isUpTo } from '../server/protocol.js';
import { withChanges } from '../state/changes.js';
import { isEmojiOnly, mentions, render } from './text.js';

/**
 * @typedef {import('../server/protocol.js').Message} Message
 * @typedef {import('../state/room_log.js').Item} Item
 * @typedef {{key: string, look: string, make: () => HTMLLIElement, detail?: string, update?: (row: HTMLLIElement) => void}} Row
 *   `key`: identifies the row; `look`: the row is replaced when this changes; `detail`: it is updated in place
 * @typedef {import('../state/letters.js').Entry} Entry
 * @typedef {{name: string, text: string}} Quoted the beginning of a message; without a name it is gone
 * @typedef {{me: string, names: string[], isOwn: (message: {id: string}) => boolean, mayWrite: boolean, quoted: (id: string) => Quoted | null,
 *            changes: Entry[], waitsFor: (entry: Entry) => Entry['failure'], offers: import('./entry_state.js').Offers}} Viewer the reader
 *   `quoted`: null while it is being loaded; `changes`: of messages, not made yet
 * @typedef {Viewer & {unreadAfter: string | null, isWhole: boolean}} LogViewer `isWhole`: there is nothing before these items
 */

const GROUP_MS = 5 * 60_000;
/** The most characters of a quote. */
const MAX_QUOTE = 160;

/** @param {Item[]} items @param {LogViewer} viewer @returns {Row[]} */
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
      const message = viewer.changes.length > 0 ? withChanges(item.message, viewer.changes) : item.message;
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
        rows.push(deletedRow(message, viewer));
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

/** The index of the first unread item; -1 if it is not among the items. @param {Item[]} items @param {LogViewer} viewer */
function unreadFrom(items, viewer) {
  const after = firstAfterRead(items, viewer);
  // Own messages are never unread.
  const rest = after < 0 ? -1 : items.slice(after).findIndex((item) => item.kind === 'message' && !viewer.isOwn(item.message));
  return rest < 0 ? -1 : after + rest;
}

/** @param {Item[]} items @param {LogViewer} viewer */
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

/** @typedef {{name: string, message: string, reply_to?: string | undefined, at: number}} Said `at`: in ms */
/** @param {Said} before @param {Said} message */
export const isGrouped = (before, message) =>
  before.name === message.name && !isAction(before) && !isAction(message) && !message.reply_to && message.at - before.at < GROUP_MS;

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
  const { reply_to, reactions = [] } = message;
  const answersMe = reply_to !== undefined && viewer.isOwn({ id: reply_to });
  const forMe = !own && (answersMe || mentions(message.message, viewer.me, viewer.names));
  const changes = viewer.changes.filter(({ target }) => target === message.id);
  const edit = changes.find(({ kind }) => kind === 'edit');
  const cause = edit ? viewer.waitsFor(edit) : null;
  const marks = { id: message.id, reactions, waiting: changes.map(({ text }) => text), mayReact: viewer.mayWrite };
  const quoted = reply_to && viewer.quoted(reply_to);
  const update = (/** @type {HTMLLIElement} */ row) => {
    reactionsOf(row, marks);
    const line = /** @type {HTMLButtonElement | null} */ (row.querySelector('.answered'));
    if (line && reply_to) fillAnswered(line, viewer.quoted(reply_to));
  };
  return {
    key: message.id,
    look: [first, own, forMe, message.edited_at, edit && [edit.text, stateKey(edit, cause)], viewer.mayWrite, language()].join(),
    make() {
      const row = rowOf(message, viewer, first);
      row.id = `message-${message.id}`;
      row.classList.toggle('own', own);
      row.classList.toggle('for-me', forMe);
      if (message.verified && first) row.querySelector('.name')?.after(verifiedMark());
      row.append(timeOf(message.created_at));
      if (edit) row.append(stateOf(edit, cause, viewer.offers));
      else if (message.edited_at) row.append(editedMark(message.edited_at));
      row.append(barOf());
      reactionsOf(row, marks);
      return row;
    },
    detail: JSON.stringify([reactions.map((reaction) => [reaction, markOf(marks, reaction)]), quoted]),
    update,
  };
}

/** @param {Message} message @param {Viewer} viewer @returns {Row} */
function deletedRow({ id, created_at }, viewer) {
  const change = viewer.changes.find(({ kind, target }) => kind === 'delete' && target === id);
  const cause = change ? viewer.waitsFor(change) : null;
  const state = change && cause ? wordsOf(change, cause) : '';
  return {
    key: id,
    look: state + language(),
    make() {
      const row = make('li', 'deleted', make('span', '', translate('deleted')));
      row.id = `message-${id}`;
      if (created_at) row.append(' ', timeOf(created_at));
      if (state) row.append(make('p', 'state', state));
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

/** What can be done with a message; the bar has more in it while it is used (message_actions.js). */
function barOf() {
  const more = make('button', 'icon more', '⋯');
  more.type = 'button';
  more.tabIndex = -1;
  more.ariaHasPopup = 'menu';
  more.title = more.ariaLabel = translate('actions');
  return make('div', 'bar', more);
}

/** What a message answers; leads there. @param {string} id @param {Viewer} viewer */
function answeredOf(id, viewer) {
  const line = make('button', 'answered');
  line.type = 'button';
  line.tabIndex = -1;
  line.dataset.id = id;
  line.ariaLive = 'off';
  fillAnswered(line, viewer.quoted(id));
  return line;
}

/** @param {HTMLButtonElement} line @param {Quoted | null} quoted */
function fillAnswered(line, quoted) {
  const words = !quoted ? [translate('loading')] : quoted.name ? [foreign('bdi', 'answered-name', quoted.name), ' ', foreign('span', 'answered-text', quoted.text)]
    : [translate('noMessage')];
  line.replaceChildren(make('span', 'sr-only', `${translate('answers')} `), ...words);
  line.disabled = quoted !== null && !quoted.name;
}

/**
 * A message's row without its time. Screen readers read the name, then the text.
 * @param {{name: string, message: string, reply_to?: string | undefined}} message @param {Viewer} viewer @param {boolean} first
 */
export function rowOf({ name, message: text, reply_to }, viewer, first) {
  const row = tint(make('li', first ? 'message first' : 'message'), name);
  if (first) {
    const avatar = make('span', 'avatar', initialOf(name));
    avatar.ariaHidden = 'true';
    row.append(avatar);
  }
  row.append(foreign('bdi', first ? 'name' : 'sr-only', name));
  if (reply_to) row.append(answeredOf(reply_to, viewer));
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

/** The beginning of a message that another one answers. @param {Message} message @returns {Quoted} */
export const quoteOf = ({ name, message, deleted }) => (deleted ? { name: '', text: '' }
  : { name, text: [...message.slice(0, 2 * MAX_QUOTE).replace(/^\/me /, '').replace(/\s+/g, ' ')].slice(0, MAX_QUOTE).join('') });

/** The row of a message that an element is in. @param {EventTarget | null} target */
export const rowAt = (target) => (target instanceof Element ? /** @type {HTMLElement | null} */ (target.closest('.message')) : null);
