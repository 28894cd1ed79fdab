// The dialogs with one field: another name, and a room to join.

import { showDialog } from './ask.js';
import { button, make } from '../view/dom.js';
import { onSubmit } from '../view/forms.js';
import { translate } from '../words/language.js';
import { more } from '../words/more_words.js';

/**
 * @param {{id: string, title: string, label: string, field: HTMLInputElement, note: HTMLElement, hint: string, accept: HTMLElement}} parts
 *   `hint`: the id of what is wrong with the field
 */
function show({ id, title, label, field, note, hint, accept }) {
  const labeled = make('label', '', label);
  labeled.htmlFor = field.id;
  const wrong = make('p', 'hint');
  wrong.id = hint;
  wrong.role = 'alert';
  wrong.hidden = true;
  field.type = 'text';
  field.dir = 'auto';
  field.lang = '';
  field.spellcheck = false;
  field.autocapitalize = 'off';
  field.setAttribute('aria-describedby', `${note.id} ${hint}`);
  const cancel = button('quiet', more('cancel'), () => dialog.close());
  const form = make('form', '', labeled, field, note, wrong, make('div', 'actions', cancel, accept));
  form.autocomplete = 'off';
  form.id = `${id}-form`;
  const dialog = showDialog(title, form);
  dialog.id = `${id}-dialog`;
  field.focus();
}

/** @param {string} words */
function submit(words) {
  const accept = make('button', 'main', words);
  accept.type = 'submit';
  return accept;
}

/** @param {string} name in the field @param {string} fixed why it can't be changed; empty if it can @param {() => void} watch the form */
export function showNameDialog(name, fixed, watch) {
  if (document.getElementById('name-dialog')) return;
  const field = make('input');
  [field.id, field.maxLength, field.enterKeyHint] = ['new-name', 64, 'done'];
  const note = make('p', 'note', fixed);
  note.id = 'fixed-name';
  const accept = submit(more('save'));
  note.hidden = !fixed;
  accept.hidden = field.readOnly = fixed !== '';
  field.value = name;
  show({ id: 'name', title: translate('rename'), label: translate('name'), field, note, hint: 'new-name-hint', accept });
  watch();
}

/** @param {(typed: string, complain: (text: string) => void) => boolean} join whether the room can be joined */
export function showRoomDialog(join) {
  if (document.getElementById('join-dialog')) return;
  const field = make('input');
  [field.id, field.enterKeyHint] = ['new-room', 'go'];
  const note = make('p', 'note', more('joinRoomHint'));
  note.id = 'room-note';
  show({ id: 'join', title: translate('joinRoom'), label: more('room'), field, note, hint: 'room-hint', accept: submit(translate('join')) });
  onSubmit('join-form', field.id, 'room-hint', join);
}
