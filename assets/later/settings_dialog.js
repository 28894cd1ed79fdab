// The settings dialog: theme, language, alerts.

import { showDialog } from './ask.js';
import { allowNotifications, whyNoNotifications } from '../view/alerts.js';
import { button, make } from '../view/dom.js';
import { fillWords, language, setLanguage, translate } from '../words/language.js';
import { memory } from '../state/memory.js';
import { notice } from '../view/notice.js';
import { isOn, paint, themeOf } from '../view/settings.js';

/** @typedef {import('../words/language.js').Word} Word */

/** @type {readonly (readonly [string, Word])[]} */
const THEMES = [['auto', 'themeAuto'], ['light', 'themeLight'], ['dark', 'themeDark']];
/** In themselves. */
const LANGUAGES = [['en', 'English'], ['zh-CN', '简体中文']];

/** @param {{session: HTMLElement | null, changed(): void, help(): void}} on `session`: a row about it; `changed`: what the page shows */
export function showSettings(on) {
  if (document.getElementById('settings-dialog')) return;
  const close = button('main', '', () => dialog.close());
  const help = button('quiet', '', () => {
    dialog.close();
    on.help();
  });
  const dialog = showDialog(
    translate('settings'),
    labeled('theme', themes()),
    labeled('language', languages(on.changed)),
    labeled('showComings', switchOf('comings', async (checked) => {
      on.changed();
      return checked;
    })),
    labeled('sound', switchOf('sound', async (checked) => {
      if (checked) (await import('./ring.js').catch(() => null))?.chime();
      return checked;
    })),
    ...notifications(),
    ...on.session ? [on.session] : [],
    make('div', 'actions', worded(help, 'help'), worded(close, 'close')),
  );
  [dialog.id, help.id] = ['settings-dialog', 'open-help'];
  worded(/** @type {HTMLElement} */ (dialog.firstElementChild), 'settings');
  fillWords(dialog);
  dialog.querySelector('select')?.focus();
}

/** The text changes with the language. @template {HTMLElement} E @param {E} element @param {Word} word */
function worded(element, word) {
  element.dataset.word = word;
  return element;
}

/** @param {Word} word @param {HTMLElement} field */
const labeled = (word, field) => make('label', 'row', worded(make('span'), word), field);

/** @param {string} id @param {HTMLOptionElement[]} options @param {string} value */
function selectOf(id, options, value) {
  const select = make('select', '', ...options);
  select.id = id;
  select.value = value;
  return select;
}

/** @param {string} value @param {string} [text] */
function optionOf(value, text = '') {
  const option = make('option', '', text);
  option.value = value;
  return option;
}

function themes() {
  const select = selectOf('theme', THEMES.map(([value, word]) => worded(optionOf(value), word)), themeOf());
  select.addEventListener('change', () => {
    memory.set('theme', select.value);
    paint();
  });
  return select;
}

/** @param {() => void} changed */
function languages(changed) {
  const options = LANGUAGES.map(([value = '', name]) => {
    const option = optionOf(value, name);
    option.lang = value;
    return option;
  });
  const select = selectOf('language', options, language());
  select.addEventListener('change', async () => {
    await setLanguage(/** @type {import('../words/language.js').Language} */ (select.value)).catch(() => notice(translate('notNow')));
    select.value = language();
    changed();
  });
  return select;
}

/** @param {import('../view/settings.js').Switch} name @param {(checked: boolean) => Promise<boolean>} wanted returns the resulting state */
function switchOf(name, wanted) {
  const box = make('input');
  box.type = 'checkbox';
  box.id = name;
  box.checked = isOn(name);
  box.addEventListener('change', async () => {
    memory.set(name, box.checked);
    box.checked = await wanted(box.checked);
    memory.set(name, box.checked);
  });
  return box;
}

function notifications() {
  const why = whyNoNotifications();
  const box = switchOf('notify', async (checked) => checked && await allowNotifications());
  box.disabled = why !== null;
  const hint = worded(make('p', 'note'), 'alertsHint');
  const note = make('p', 'note', why ?? '');
  [hint.id, note.id] = ['alerts-hint', 'notify-note'];
  note.hidden = why === null;
  box.setAttribute('aria-describedby', `${hint.id} ${note.id}`);
  return [labeled('notify', box), hint, note];
}
