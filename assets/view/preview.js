// Shows the newest messages of the room of the address, while the rest of the page is
// being loaded. The room view takes over these rows and the view that has them.
// Without it the page is the same, later.

import { me } from '../state/me.js';
import { memory } from '../state/memory.js';
import { firstPage } from '../state/first_page.js';
import { readRoom } from '../server/input.js';
import { server } from '../server/server.js';
import { session } from '../state/session.js';
import { byId } from './dom.js';
import { LogView } from './log_view.js';
import { quoteOf, rowsOf } from './rows.js';

/**
 * @typedef {import('../server/server.js').Settings} Settings
 * @typedef {import('../server/server.js').Page} Page
 */

/** Why nothing is done with a message before the page is there. */
const NOTHING = () => {};

export const preview = {
  view: new LogView(byId('log')),
  /** The room whose messages are shown; empty for none. */
  room: '',
  /** The page is there. */
  isOver: false,

  /** @param {Promise<Settings | null>} settings @param {Promise<void>} words */
  async show(settings, words) {
    // The page begins with another message, or with a question.
    if (server.messageOf(location.href) || hasToken()) return;
    const inAddress = server.roomOf(location.href);
    const known = await settings;
    const room = readRoom(inAddress ?? known?.default_room ?? '');
    if (!known || room === null || known.anonymous === 'none' && !session.get()) return;
    const page = await firstPage.request(room);
    await words;
    if (!page || preview.isOver || page.messages.length === 0 || hasUnread(room, page)) return;
    preview.room = room;
    byId('room-title').textContent = room;
    const rows = rowsOf(page.messages.map((message) => ({ kind: /** @type {const} */ ('message'), message })), viewerOf(known, page));
    preview.view.quietly(() => preview.view.show(rows));
    byId('scroller').scrollTop = byId('scroller').scrollHeight;
  },
};

/** Whether early.js has taken a token from the address. */
const hasToken = () => /** @type {typeof globalThis & {hasToken?: () => boolean}} */ (globalThis).hasToken?.() ?? false;

/** Whether some of the messages are new to the reader: the page begins with the first one. @param {string} room @param {Page} page */
function hasUnread(room, page) {
  const stored = memory.get('rooms', /** @type {any[]} */ ([])).find((stored) => stored?.name === room);
  return stored?.read && stored.read.id !== page.newest;
}

/** @param {Settings} settings @param {Page} page @returns {import('./rows.js').LogViewer} */
function viewerOf({ tokens }, { messages }) {
  return {
    me: me.name,
    names: [],
    isOwn: me.isOwn,
    mayWrite: me.name !== '' && !tokens,
    quoted(id) {
      const message = messages.find((message) => message.id === id);
      return message ? quoteOf(message) : null;
    },
    changes: [],
    waitsFor: () => null,
    offers: { again: NOTHING, edit: NOTHING, remove: NOTHING },
    unreadAfter: null,
    isWhole: false,
  };
}
