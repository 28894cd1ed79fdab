// What can be done with a message, from its buttons, its menu and its sheet.

import { wordsOfAnswer } from '../words/answers.js';
import { onlyTouch } from '../view/composer.js';
import { byId, copy, icon, make } from '../view/dom.js';
import { Intent } from './intent.js';
import { isolated } from '../words/language.js';
import { LongPress } from './long_press.js';
import { openBelow, showMenu, showSheet } from './menu.js';
import { ban, openBans, remove } from './moderation.js';
import { more } from '../words/more_words.js';
import { announce, notice } from '../view/notice.js';
import { emojiButton, pickerFor, recentEmoji, useEmoji } from './picker.js';
import { server } from '../server/server.js';
import { reacted } from '../state/changes.js';

/**
 * @typedef {import('../server/protocol.js').Message} Message
 * @typedef {import('../state/letters.js').Entry} Entry
 * @typedef {import('./menu.js').Item} Item
 */

/** How long a deletion can be undone. */
const UNDO_MS = 8_000;
/** How long a link stays visible if the user has to copy it. */
const BY_HAND_MS = 60_000;

const ICONS = {
  react: 'M21 12a9 9 0 1 1-4-7.500M8.500 14.500a4.500 4.500 0 0 0 7 0M9 9.500h.01M15 9.500h.01M20 2v5M17.500 4.500h5',
  reply: 'M10 6 4 12l6 6M4 12h10a6 6 0 0 1 6 6v1',
};

export class Actions {
  #parts;
  intent;
  longPress;

  /** @param {import('../view/message_actions.js').Parts} parts @param {(row: HTMLElement) => Message | undefined} messageAt */
  constructor(parts, messageAt) {
    this.#parts = parts;
    this.intent = new Intent(parts.composer);
    this.longPress = new LongPress(byId('log'), (row) => {
      const message = messageAt(row);
      if (message) this.openSheet(message);
      return message !== undefined;
    });
  }

  /** Adds the buttons of a message's bar. @param {HTMLElement} bar */
  fill(bar) {
    if (bar.childElementCount > 1) return;
    const before = /** @type {const} */ (['react', 'reply']).map((word) => {
      const added = make('button', `icon ${word}`, icon(ICONS[word]));
      added.type = 'button';
      added.tabIndex = -1;
      added.title = added.ariaLabel = more(word);
      if (word === 'react') added.ariaHasPopup = 'dialog';
      return added;
    });
    bar.prepend(...before);
  }

  /** A button of a message was pressed. @param {HTMLElement} used @param {Message} message @param {boolean} byKey */
  press(used, message, byKey) {
    if (used.matches('.react')) this.#openPicker(used, message);
    else if (used.matches('.reply')) this.intent.answer(message);
    else if (used.matches('.more')) this.#open(used, message, byKey);
    else this.#react(message, used.dataset.emoji ?? '');
  }

  /** Moves the focus between the buttons of messages. @param {HTMLElement} used @param {string} key */
  move(used, key) {
    const row = used.closest('li.message');
    const log = byId('log');
    const [rows, controls] = [
      [...log.querySelectorAll('li.message:not([hidden])')],
      /** @type {HTMLElement[]} */ ([...row?.querySelectorAll('.answered:enabled, .bar button, .reactions button:enabled') ?? []]),
    ];
    const [at, inRow] = [rows.findIndex((other) => other === row), controls.indexOf(used)];
    if (key === 'ArrowLeft' || key === 'ArrowRight') return controls[inRow + (key === 'ArrowLeft' ? -1 : 1)]?.focus();
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: rows.length - 1 }[key];
    /** @type {HTMLElement | null | undefined} */ (rows[to ?? -1]?.querySelector('.more'))?.focus();
  }

  /** Opens the menu, or where nothing can hover, the sheet. @param {HTMLElement} opener @param {Message} message @param {boolean} byKey */
  #open(opener, message, byKey) {
    if (!byKey && matchMedia('(hover: none) and (pointer: coarse)').matches) this.openSheet(message);
    else showMenu(opener, this.#itemsOf(message));
  }

  /** @param {Message} message */
  openSheet(message) {
    const mayWrite = this.#parts.access.mayWrite(message.room);
    const react = (/** @type {string} */ emoji) => {
      sheet.close();
      this.#react(message, emoji, true);
    };
    const choice = make('div', 'recent', ...mayWrite ? recentEmoji().map((emoji) => emojiButton(emoji, react)) : []);
    const others = make('button', 'pick', '+');
    others.type = 'button';
    others.title = others.ariaLabel = more('otherEmoji');
    others.addEventListener('click', () => sheet.replaceChildren(pickerFor(react).content));
    if (mayWrite) choice.append(others);
    const reply = { label: more('reply'), act: () => this.intent.answer(message) };
    const sheet = showSheet(more('actionsOf', { name: isolated(message.name) }), mayWrite ? [choice] : [],
      [...mayWrite ? [reply] : [], ...this.#itemsOf(message)]);
  }

  /** @param {Message} message @returns {Item[]} */
  #itemsOf(message) {
    const { outbox, access } = this.#parts;
    const { room } = message;
    const own = outbox.isOwn(message);
    return [
      { label: more('copyText'), act: () => void this.#copy(message.message, more('textCopied')) },
      { label: more('copyLink'), act: () => void this.#copy(`${server.pageOf(room)}#${message.id}`, more('linkCopied')) },
      ...own && access.mayWrite(room) ? [{ label: more('edit'), act: () => this.edit(message) }] : [],
      ...own ? [{ label: more('delete'), act: () => this.#delete(message), isHarmful: true }] : [],
      ...!own && access.moderates(room) ? [
        { label: more('deleteAsk'), act: () => void remove(message, this.#parts.changed), isHarmful: true },
        { label: more('ban'), act: () => void ban(message), isHarmful: true },
      ] : [],
    ];
  }

  /** @param {HTMLElement} opener @param {Message} message */
  #openPicker(opener, message) {
    const { field, content } = pickerFor((emoji) => {
      content.hidePopover();
      this.#react(message, emoji, true);
    });
    content.classList.add('menu');
    content.role = 'dialog';
    content.ariaLabel = more('react');
    openBelow(opener, content);
    field.focus({ preventScroll: true });
  }

  /** @param {Message} message @param {string} emoji @param {boolean} [on] otherwise the opposite of what it is */
  #react(message, emoji, on = !reacted.has(message.id, emoji)) {
    if (on) useEmoji(emoji);
    if (on === reacted.has(message.id, emoji)) return;
    this.#parts.outbox.react(message, emoji, on);
    announce(more(on ? 'reactedWith' : 'tookBack', { emoji }));
  }

  /** Puts the text of an own message into the box. @param {Message | Entry} own of the server, or on its way */
  edit(own) {
    const { outbox } = this.#parts;
    if (!('client_id' in own && 'kind' in own)) return this.intent.edit(own.id, own.message, (text) => outbox.edit(own, text));
    const entry = own;
    this.intent.edit(entry.target || entry.client_id, entry.text, (text) => {
      if (entry.kind === 'edit') outbox.edit({ id: entry.target, room: entry.room }, text);
      else outbox.editEntry(entry, text);
    });
  }

  /** @param {Message} message an own one */
  #delete(message) {
    this.intent.cancel(message.id);
    const undo = this.#parts.outbox.delete(message, UNDO_MS);
    const restore = () => {
      if (undo()) announce(more('undone'));
      else notice(more('undoLate'));
      // The button that had the focus is hidden.
      if (!onlyTouch()) this.#parts.composer.focus();
    };
    notice(more('deleted'), UNDO_MS, { label: more('undo'), act: restore });
  }

  /** @param {string} text @param {string} done */
  async #copy(text, done) {
    if (await copy(text)) notice(done);
    else notice(more('copyByHand', { text }), BY_HAND_MS);
  }

  /** A change could not be made. @param {Entry} change @param {import('../server/server.js').Failure} failure */
  dropped({ kind, text }, failure) {
    const isGone = failure.code === 'not_found';
    if (kind === 'delete') notice(isGone || failure.code === 'forbidden' ? more('deleteGone') : wordsOfAnswer(failure));
    else if (kind === 'react' && failure.code === 'invalid_reaction') notice(more('tooManyReactions'));
    else if (kind === 'edit' && isGone) notice(more('editGone'), BY_HAND_MS, { label: more('copyText'), act: () => void this.#copy(text, more('textCopied')) });
    else notice(isGone ? more('gone') : wordsOfAnswer(failure));
  }

  /** @param {string} room */
  openBans(room) {
    return openBans(room);
  }
}
