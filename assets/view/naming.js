// The name of the user: the field for the first one, the dialog for another one, and
// what follows when it has changed.

import { tint } from './colour.js';
import { closeDialog } from './dialogs.js';
import { byId, make, onClick } from './dom.js';
import { complainIn, onName } from './forms.js';
import { loaded } from './on_demand.js';
import { personOf } from './people_view.js';
import { isOn } from './settings.js';
import { isName, readName } from '../server/input.js';
import { me } from '../state/me.js';
import { memory } from '../state/memory.js';
import { translate } from '../words/language.js';

/**
 * @typedef {{rooms: import('../state/rooms.js').Rooms, people: import('../state/people.js').People, history: import('../state/history.js').History,
 *            access: import('./access.js').Access, composer: import('./composer.js').Composer}} Parts
 */

export class Naming {
  #parts;
  #changed;
  /** The name at the last check; another tab may change it. */
  #name = '';

  /** @param {Parts} parts @param {() => void} changed the name was set, changed or removed */
  constructor(parts, changed) {
    this.#parts = parts;
    this.#changed = changed;
    this.#watch('join', 'name', 'name-hint', () => parts.composer.focus());
    onClick('me', () => void this.#ask());
    memory.watch('name', () => this.check());
  }

  /** The name may have changed. */
  check() {
    const { people, history } = this.#parts;
    const { name } = me;
    if (this.#name && name && name !== this.#name) {
      people.renamed(this.#name, name);
      if (isOn('comings')) history.addRenaming({ before: this.#name, name });
    }
    this.#name = name;
    this.#show();
    this.#changed();
  }

  /** @param {string} typed @param {(hint: string) => void} complain @returns {boolean} whether it was accepted */
  rename(typed, complain) {
    const name = readName(typed);
    const refusal = this.#refusalOf(name);
    if (refusal) {
      complain(refusal);
      return false;
    }
    if (this.#isTaken(name)) void this.#ask(name);
    else this.#take(name);
    return true;
  }

  /** The server does not accept the name. */
  refused() {
    const refused = me.name;
    this.#take('');
    /** @type {HTMLInputElement} */ (byId('name')).value = refused;
    complainIn('name-hint', translate('refusedName'));
  }

  /** Opens the dialog for another name. @param {string} [typed] submitted at once */
  async #ask(typed) {
    const fixed = this.#parts.access.rights?.refusalOf('') ?? '';
    const module = await loaded(import('../later/field_dialogs.js'));
    module?.showNameDialog(fixed ? me.name : typed ?? me.name, fixed, () => {
      this.#watch('name-form', 'new-name', 'new-name-hint', () => closeDialog('name-dialog'));
      if (typed !== undefined && !fixed) /** @type {HTMLFormElement} */ (byId('name-form')).requestSubmit();
    });
  }

  /** @param {string} name */
  #take(name) {
    me.name = name;
    this.check();
  }

  /** Why a name can't be chosen; empty if it can. @param {string} name */
  #refusalOf(name) {
    return isName(name) ? this.#parts.access.rights?.refusalOf(name) ?? '' : translate('invalidName');
  }

  /** Whether somebody else in the joined rooms has this name. @param {string} name */
  #isTaken(name) {
    const { rooms, people } = this.#parts;
    return people.isTaken(name, rooms.names, me.name);
  }

  /** @param {string} form @param {string} field @param {string} hint @param {() => void} done */
  #watch(form, field, hint, done) {
    onName(form, field, hint, {
      refusalOf: (name) => this.#refusalOf(name),
      isTaken: (name) => this.#isTaken(name),
      take: (name) => {
        this.#take(name);
        done();
      },
    });
  }

  /** The message box stands where the field for the first name was. */
  #show() {
    const [mine, name] = [byId('me'), this.#name];
    byId('join').hidden = name !== '';
    byId('composer').hidden = name === '';
    mine.hidden = name === '';
    mine.replaceChildren(...personOf(name), make('span', 'sr-only', `, ${translate('rename')}`));
    mine.title = translate('rename');
    tint(mine, name);
  }
}
