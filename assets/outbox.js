// What is on its way to the server.

import { isUpTo, make, parseId, rowOf } from './log.js';
import { makeClientId, own } from './memory.js';

/** How long a send may take before it counts as failed. */
const SEND_TIMEOUT_MS = 15_000;

/** @typedef {import('./stream.js').Message} Message */

/** A send that failed, in words for the one who sent. */
class SendError extends Error {}

/** @returns {Promise<Message>} */
async function post(url, draft) {
  let response;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(draft),
      signal: AbortSignal.timeout(SEND_TIMEOUT_MS),
    });
  } catch (error) {
    throw new SendError(error.name === 'TimeoutError' ? 'no answer came in time' : 'the server can’t be reached');
  }
  const answer = await response.json().catch(() => null);
  if (response.ok && answer) return answer;
  throw new SendError(answer?.detail ?? `the server answered with status ${response.status}`);
}

/**
 * Messages between Send and the stream. Each stays until the stream brings it,
 * so that it is shown once, at its place. One that failed waits for its
 * sender, and goes out again under the same client id: it is said once, too.
 */
export class Outbox {
  #list;
  #url;
  #edit;
  /** @type {Map<string, {text: string, row: HTMLElement, message: Message | null}>} */
  #entries = new Map();
  #last = Promise.resolve();

  /** @param {(text: string) => void} edit takes back the text of a message that failed */
  constructor(list, url, edit) {
    this.#list = list;
    this.#url = url;
    this.#edit = edit;
  }

  /** @param {() => string} name asked for when the message leaves: a refused one may be mended */
  send(text, name) {
    const clientId = makeClientId();
    own.add(clientId);
    const row = rowOf(name(), text, make('span', 'state'));
    row.classList.add('own');
    this.#entries.set(clientId, { text, row, message: null });
    this.#list.append(row);
    this.#enqueue(clientId, name);
  }

  /** The stream has brought a message: if it was one of these, it has arrived. */
  arrived(message) {
    this.#remove(message.client_id);
  }

  /** What the server has taken, but the stream will not bring, since a gap swallowed it. */
  takeLost(cursor) {
    const newest = parseId(cursor);
    const lost = [];
    for (const [clientId, { message }] of this.#entries) {
      if (!message) continue;
      const id = parseId(message.id);
      if (id.epoch === newest.epoch && !isUpTo(id, newest)) continue;
      this.#remove(clientId);
      lost.push(message);
    }
    return lost;
  }

  /** One after the other, so that what was typed first is said first. */
  #enqueue(clientId, name) {
    this.#show(clientId, 'sending…');
    this.#last = this.#last.then(() => this.#send(clientId, name));
  }

  async #send(clientId, name) {
    const entry = this.#entries.get(clientId);
    if (!entry) return;
    entry.row.querySelector('.name').textContent = name();
    try {
      entry.message = await post(this.#url, { name: name(), message: entry.text, client_id: clientId });
      this.#show(clientId, 'sent');
    } catch (error) {
      if (!(error instanceof SendError)) throw error;
      this.#show(clientId, `not sent: ${error.message}`, name);
    }
  }

  /** @param {(() => string) | undefined} retryAs the name for another try, if the message failed */
  #show(clientId, text, retryAs) {
    const row = this.#entries.get(clientId)?.row;
    if (!row) return;
    row.classList.toggle('failed', retryAs !== undefined);
    const state = row.querySelector('.state');
    state.textContent = text;
    row.querySelector('.actions')?.remove();
    if (!retryAs) return;
    const actions = make('p', 'actions');
    actions.append(
      button('Retry', () => this.#enqueue(clientId, retryAs)),
      button('Edit', () => this.#edit(this.#remove(clientId).text)),
    );
    row.append(actions);
  }

  #remove(clientId) {
    const entry = this.#entries.get(clientId);
    entry?.row.remove();
    this.#entries.delete(clientId);
    return entry;
  }
}

function button(label, onClick) {
  const element = make('button', 'quiet', label);
  element.type = 'button';
  element.addEventListener('click', onClick);
  return element;
}
