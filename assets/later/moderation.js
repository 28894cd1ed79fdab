// What moderators do with a message: deleting it, banning its author. Also the list
// of bans.

import { wordsOfAnswer } from '../words/answers.js';
import { ask, showDialog } from './ask.js';
import { button, foreign, make } from '../view/dom.js';
import { formatDate, isolated } from '../words/language.js';
import { me } from '../state/me.js';
import { more } from '../words/more_words.js';
import { requests } from './more_requests.js';
import { notice } from '../view/notice.js';
import { deletedOf } from '../server/protocol.js';
import { Failure } from '../server/server.js';

/** @typedef {import('../server/protocol.js').Message} Message */

const DURATIONS = /** @type {const} */ (['1h', '1d', '30d']);
/** The most characters of a message that a dialog shows. */
const MAX_QUOTE = 200;

/** Deletes a message of another, after a question. @param {Message} message @param {(message: Message) => void} deleted */
export async function remove(message, deleted) {
  const answer = await ask({
    title: more('deleteTitle'), text: [more('deleteText')], quote: excerptOf(message), confirm: more('delete'), isHarmful: true,
  });
  if (answer === null) return;
  await tried(async () => {
    await requests.remove(message, me.editKey);
    // Before the stream delivers it.
    deleted(deletedOf(message));
    notice(more('deleted'));
  }, more('deleteGone'));
}

/** Bans the author of a message. @param {Message} message */
export async function ban(message) {
  const { room, id } = message;
  const name = isolated(message.name);
  const duration = await ask({
    title: more('banTitle', { name, room }),
    text: [more('banText')],
    quote: excerptOf(message),
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
export async function openBans(room) {
  const list = make('ul', 'bans');
  list.tabIndex = -1;
  await tried(async () => {
    fillBans(list, await requests.bans(room));
    const close = button('main', more('close'), () => dialog.close());
    const dialog = showDialog(more('bansTitle', { room }), list, make('div', 'actions', close));
  });
}

/** @param {HTMLElement} list @param {{room: string, bans: import('./more_requests.js').Ban[]}} answer */
function fillBans(list, { room, bans }) {
  const items = bans.map(({ message, name = message, until }) => {
    const when = more('until', { when: formatDate(new Date(until), { dateStyle: 'medium', timeStyle: 'short' }) });
    const lift = button('quiet', more('lift'), () => void tried(async () => {
      await requests.lift(room, message);
      fillBans(list, await requests.bans(room));
      list.focus();
      notice(more('lifted', { name: isolated(name) }));
    }));
    lift.ariaLabel = more('liftOf', { name: isolated(name) });
    return make('li', 'row', make('span', '', foreign('bdi', '', name), ' ', make('span', 'note', when)), lift);
  });
  list.replaceChildren(...items.length > 0 ? items : [make('li', 'note', more('noBans'))]);
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
const excerptOf = ({ message }) => (message.length > MAX_QUOTE ? `${message.slice(0, MAX_QUOTE)}…` : message);
