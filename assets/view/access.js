// The rights of this client: by the server’s settings, and by the session if there is
// one (later/rights.js).

import { byId } from './dom.js';
import { me } from '../state/me.js';
import { session } from '../state/session.js';
import { translate } from '../words/language.js';

/** @typedef {import('../server/server.js').Settings} Settings */
/** @typedef {import('../later/rights.js').Rights} Rights */

/** Until the server has answered. @type {Settings} */
export const NO_SETTINGS = { default_room: 'lobby', max_message_bytes: 4_096, tokens: false };

export class Access {
  #settings;
  /** What depends on the session; null if the server takes no tokens. */
  rights;

  /** @param {Settings} settings @param {Rights | null} rights */
  constructor(settings, rights) {
    this.#settings = settings;
    this.rights = rights;
  }

  /** Whether messages can be sent, answered and reacted to. @param {string} room */
  mayWrite(room) {
    const { tokens, anonymous } = this.#settings;
    if (me.name === '' || tokens && !session.get() && (anonymous === 'none' || anonymous === 'read')) return false;
    return this.rights?.mayWrite(room) ?? true;
  }

  /** @param {string} room */
  moderates(room) {
    return this.rights?.moderates(room) ?? false;
  }

  /** Who can read and write here, as far as it is known. */
  get words() {
    const { tokens, anonymous } = this.#settings;
    if (this.#settings === NO_SETTINGS || tokens && !anonymous) return '';
    return translate(anonymous === 'read' ? 'anybodyReads' : anonymous === 'none' ? 'onlyTokens' : 'anybodyWrites');
  }

  /** The field for the first name shows who can read what is written. */
  show() {
    byId('access').textContent = this.words;
    byId('access').hidden = !this.words;
  }
}
