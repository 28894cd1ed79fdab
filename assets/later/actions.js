// What can be done with a message: deleting it, banning its author. Also the list
// of bans.

import { wordsOfAnswer } from '../words/answers.js';
import { ask, showDialog } from './ask.js';
import { button, byId, foreign, make } from '../view/dom.js';
import { formatDate } from '../words/language.js';
import { me } from '../state/me.js';
import { more } from '../words/more_words.js';
import { requests } from './more_requests.js';
import { notice } from '../view/notice.js';
import { Failure } from '../server/server.js';

/** @typedef {import('../server/protocol.js').Message} Message */

const DURATIONS = /** @type {const} */ (['1h', '1d', '30d']);
/** The most characters of a message that a dialog shows. */
const MAX_QUOTE = 200;
/** Between the menu and the edge of the window, in pixels. */
const EDGE_PX = 8;

export class Actions {
  #on;

  /** @param {{deleted(message: Message): void}} on */
  constructor(on) {
    this.#on = on;
  }

  /** Opens the menu of a message. @param {HTMLElement} opener @param {Message} message @param {boolean} isOwn @param {boolean} isModerator */
  openActions(opener, message, isOwn, isModerator) {
    showMenu(opener, [
      [more('delete'), () => void this.#delete(message)],
      ...isModerator && !isOwn ? [/** @type {[string, () => void]} */ ([more('ban'), () => void this.#ban(message)])] : [],
    ]);
  }

  /** @param {Message} message */
  async #delete(message) {
    const { id, room, number } = message;
    const answer = await ask({
      title: more('deleteTitle'), text: [more('deleteText')], quote: quoteOf(message), confirm: more('delete'), isHarmful: true,
    });
    if (answer === null) return;
    await tried(async () => {
      await requests.remove(message, me.editKey);
      // Before the stream delivers it.
      this.#on.deleted({ id, room, number, deleted: true, name: '', message: '', created_at: '' });
      notice(more('deleted'));
    }, more('deleteGone'));
  }

  /** @param {Message} message */
  async #ban(message) {
    const { room, id } = message;
    const name = `\u2068${message.name}\u2069`;
    const duration = await ask({
      title: more('banTitle', { name, room }),
      text: [more('banText')],
      quote: quoteOf(message),
      confirm: more('banNow'),
      isHarmful: true,
      choice: { label: more('banFor'), options: DURATIONS.map((value) => ({ value, label: more(value) })) },
    });
    if (duration === null) return;
    await tried(async () => {
      await requests.ban(room, id, duration);
      notice(more('banned', { name }));
    });
  }

  /** Opens the list of bans of a room. @param {string} room */
  async openBans(room) {
    const list = make('ul', 'bans');
    list.tabIndex = -1;
    await tried(async () => {
      fillBans(list, await requests.bans(room));
      const close = button('main', more('close'), () => dialog.close());
      const dialog = showDialog(more('bansTitle', { room }), list, make('div', 'actions', close));
    });
  }
}

/** @param {HTMLElement} list @param {{room: string, bans: import('./more_requests.js').Ban[]}} answer */
function fillBans(list, { room, bans }) {
  const items = bans.map(({ message, name = message, until }) => {
    const when = more('until', { when: formatDate(new Date(until), { dateStyle: 'medium', timeStyle: 'short' }) });
    const lift = button('quiet', more('lift'), () => void tried(async () => {
      await requests.lift(room, message);
      fillBans(list, await requests.bans(room));
      list.focus();
      notice(more('lifted', { name: `\u2068${name}\u2069` }));
    }));
    lift.ariaLabel = more('liftOf', { name: `\u2068${name}\u2069` });
    return make('li', 'row', make('span', '', foreign('bdi', '', name), ' ', make('span', 'note', when)), lift);
  });
  list.replaceChildren(...items.length > 0 ? items : [make('li', 'note', more('noBans'))]);
}

/** Moves the focus between the buttons of messages. @param {HTMLElement[]} all @param {string} key */
export function moveFocus(all, key) {
  const at = all.findIndex((more) => more === document.activeElement);
  const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: all.length - 1 }[key];
  if (at >= 0 && to !== undefined) all[to]?.focus();
}

/** Shows why an action failed. @param {() => Promise<void>} action @param {string} [refused] if it is refused */
async function tried(action, refused = '') {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    notice((error.status === 404 || error.code === 'forbidden') && refused || wordsOfAnswer(error));
  }
}

/** @param {Message} message */
const quoteOf = ({ message }) => (message.length > MAX_QUOTE ? `${message.slice(0, MAX_QUOTE)}…` : message);

/** A menu below its button, closed by Escape, a click elsewhere or a scroll. @param {HTMLElement} opener @param {[string, () => void][]} items */
function showMenu(opener, items) {
  const menu = make('div', 'menu');
  menu.role = 'menu';
  menu.popover = 'auto';
  const buttons = items.map(([label, act]) => {
    const item = button('', label, () => {
      menu.hidePopover();
      act();
    });
    item.role = 'menuitem';
    return item;
  });
  menu.append(...buttons);
  menu.addEventListener('keydown', (event) => {
    // Elsewhere, letters go to the message box.
    event.stopPropagation();
    const at = buttons.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (event.key === 'Tab') menu.hidePopover();
    if (to === undefined) return;
    event.preventDefault();
    buttons.at(to % buttons.length)?.focus();
  });
  const hide = () => menu.hidePopover();
  byId('scroller').addEventListener('scroll', hide, { once: true });
  menu.addEventListener('toggle', (event) => {
    opener.ariaExpanded = String(event.newState === 'open');
    if (event.newState === 'open') return;
    byId('scroller').removeEventListener('scroll', hide);
    menu.remove();
  });
  document.querySelector('main')?.append(menu);
  menu.showPopover();
  const { right, bottom } = opener.getBoundingClientRect();
  menu.style.left = `${Math.max(EDGE_PX, right - menu.offsetWidth)}px`;
  menu.style.top = `${Math.min(bottom, innerHeight - menu.offsetHeight - EDGE_PX)}px`;
  buttons[0]?.focus({ preventScroll: true });
}
