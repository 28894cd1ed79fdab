// Waits for what is loaded when it is used: the modules of later/. Without the server
// they can't be loaded.

import { translate } from '../words/language.js';
import { notice } from './notice.js';
import { styled } from './styled.js';

/** A module; null without the server, which a notice says. @template T @param {Promise<T>} module @returns {Promise<T | null>} */
export async function loaded(module) {
  try {
    return await styled(module);
  } catch {
    notice(translate('notNow'));
    return null;
  }
}

/** A part of the page that is made when it is first used, and kept. @template T */
export class OnDemand {
  /** The part, once it is there. @type {T | null} */
  part = null;
  /** @type {Promise<void> | null} */
  #loading = null;
  #make;

  /** @param {() => Promise<T>} make */
  constructor(make) {
    this.#make = make;
  }

  /** Whether it was used, even if it is not there yet. */
  get isUsed() {
    return this.#loading !== null;
  }

  /** @returns {Promise<T | null>} null without the server; the next use tries again */
  async load() {
    this.#loading ??= this.#make().then((part) => { this.part = part; }, () => { this.#loading = null; });
    await this.#loading;
    return this.part;
  }

  /** Does nothing without the server. @param {(part: T) => unknown} use @returns {Promise<boolean>} whether it is there */
  async use(use) {
    const part = await this.load();
    if (part) use(part);
    return part !== null;
  }
}
