// The line above the log: what is there before the first message, or the button to
// load it.

import { byId, button, make } from './dom.js';
import { Failure } from '../server/server.js';
import { wordsOfAnswer } from '../words/answers.js';
import { translate } from '../words/language.js';

/**
 * @typedef {import('../state/room_log.js').RoomLog} RoomLog
 * @typedef {{room: string, log: RoomLog, failure: {error: unknown} | null}} State
 *   `failure`: why loading has failed
 */

export class LogTop {
  #top = byId('top');
  #on;
  /** Whether a button of it had the focus, which is restored after the button is replaced. */
  #hadFocus = false;

  /** @param {{retry(): void, older(): void}} on */
  constructor(on) {
    this.#on = on;
  }

  /** @param {State} state */
  show(state) {
    this.#hadFocus = this.#top.contains(document.activeElement) || this.#hadFocus && document.activeElement === document.body;
    this.#top.replaceChildren(...this.#content(state));
    if (this.#hadFocus) this.#top.querySelector('button')?.focus();
  }

  /** @param {State} state @returns {HTMLElement[]} */
  #content({ room, log: { loaded, loadingOlder, top, items }, failure }) {
    if (failure) {
      return [make('p', '', `${translate('loadFailed')} ${wordsOf(failure.error)}`.trim()), button('quiet', translate('tryAgain'), () => this.#on.retry())];
    }
    if (!loaded || loadingOlder) return [make('p', '', translate('loading'))];
    if (top === null) return [button('quiet', translate('loadOlder'), () => this.#on.older())];
    if (items.every(({ kind }) => kind === 'people')) return [];
    return [make('p', '', top === 'beginning' ? translate('beginning', { room }) : translate('noOlder'))];
  }
}

/** @param {unknown} error */
const wordsOf = (error) => (error instanceof Failure && error.status > 0 ? wordsOfAnswer(error) : '');
