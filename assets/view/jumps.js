// Jumps of the view to a message in its place, and back to where the reader was. What
// is around the message is loaded if necessary.

import { unfold } from './folding.js';
import { Lit } from './lit.js';

/**
 * @typedef {{id: string, top: number} | null} Place of a reader; null: the end
 * @typedef {{room(): string, history: import('../state/history.js').History, find(id: string): HTMLElement | undefined,
 *            show(): void, center(row: HTMLElement): void, restore(place: Place): void, loadNewest(): void, gone(): void}} View
 *   `show`: shows what is loaded, before it is read; `center` and `restore`: move to a row or a place, which is read then;
 *   `loadNewest`: unless the reader is somewhere already; `gone`: the server does not have the message
 */

export class Jumps {
  #view;
  #lit;
  /** The message that is to be shown, until it is. */
  target = '';
  /** Jumps that were made: the newest messages that are still being loaded then do not move the view. */
  made = 0;
  /** How often the reader went elsewhere: what is being loaded then is not wanted any more. */
  #moves = 0;

  /** @param {View} view */
  constructor(view) {
    this.#view = view;
    this.#lit = new Lit((id) => view.find(id));
  }

  /** The reader goes elsewhere. */
  leave() {
    this.target = '';
    this.#moves += 1;
  }

  /** The rows were drawn again. */
  keepLit() {
    this.#lit.keep();
  }

  /** Shows a message in its place, and lights it up. @param {string} id */
  async to(id) {
    this.target = id;
    const isThere = await this.#reach(id);
    if (isThere !== null) this.target = '';
    if (isThere === false) {
      this.#view.gone();
      this.#view.loadNewest();
    }
    const row = isThere ? this.#view.find(id) : undefined;
    if (!row) return;
    unfold(row);
    this.#view.center(row);
    this.#lit.light(id);
  }

  /** @param {Exclude<Place, null>} place */
  async back(place) {
    if (await this.#reach(place.id.slice('message-'.length))) this.#view.restore(place);
  }

  /** Shows the part of history with a message. @param {string} id @returns {Promise<boolean | null>} false if there is none, null if it was not loaded or the reader has gone elsewhere */
  async #reach(id) {
    const view = this.#view;
    const room = view.room();
    const moves = this.#moves += 1;
    const isWanted = () => moves === this.#moves && room === view.room();
    const isThere = view.history.log(room).find(id) !== undefined || await view.history.around(room, id, isWanted);
    if (!isWanted()) {
      // Nothing else could be loaded meanwhile.
      if (room === view.room()) view.loadNewest();
      return null;
    }
    if (!isThere) return isThere;
    this.made += 1;
    view.show();
    return true;
  }
}
