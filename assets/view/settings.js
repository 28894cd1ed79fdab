// The settings: theme, language, alerts.

import { allowNotifications, whyNoNotifications } from './alerts.js';
import { byId } from './dom.js';
import { language, setLanguage, translate } from '../words/language.js';
import { memory } from '../state/memory.js';
import { notice } from './notice.js';

/** @typedef {'sound' | 'notify' | 'comings'} Switch */

/** @param {Switch} name */
export const isOn = (name) => memory.get(name, name === 'comings');

/** @param {() => void} changed after a change of what the page shows */
export function watchSettings(changed) {
  const theme = /** @type {HTMLSelectElement} */ (byId('theme'));
  theme.value = memory.get('theme', 'auto');
  theme.addEventListener('change', () => {
    memory.set('theme', theme.value);
    paint();
  });
  memory.watch('theme', paint);
  paint();

  const languageSelect = /** @type {HTMLSelectElement} */ (byId('language'));
  languageSelect.value = language();
  languageSelect.addEventListener('change', async () => {
    await setLanguage(/** @type {import('../words/language.js').Language} */ (languageSelect.value)).catch(() => notice(translate('notNow')));
    languageSelect.value = language();
    changed();
  });

  watchSwitch('sound', async (on) => {
    if (on) (await import('../later/ring.js').catch(() => null))?.chime();
    return on;
  });
  watchSwitch('notify', async (on) => on && await allowNotifications());
  watchSwitch('comings', async (on) => {
    changed();
    return on;
  });
  byId('open-settings').addEventListener('click', () => {
    const why = whyNoNotifications();
    byId('notify-note').textContent = why ?? '';
    byId('notify-note').hidden = why === null;
    /** @type {HTMLInputElement} */ (byId('notify')).disabled = why !== null;
  });
}

function paint() {
  const theme = memory.get('theme', 'auto');
  if (theme === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  // The colour of the browser's toolbar on phones.
  for (const frame of /** @type {NodeListOf<HTMLMetaElement>} */ (document.querySelectorAll('meta[data-of]'))) {
    const { of } = frame.dataset;
    frame.media = theme === 'auto' ? `(prefers-color-scheme: ${of})` : theme === of ? 'all' : 'not all';
  }
}

/** @param {Switch} name @param {(on: boolean) => Promise<boolean>} wanted returns the resulting state */
function watchSwitch(name, wanted) {
  const box = /** @type {HTMLInputElement} */ (byId(name));
  box.checked = isOn(name);
  box.addEventListener('change', async () => {
    memory.set(name, box.checked);
    box.checked = await wanted(box.checked);
    memory.set(name, box.checked);
  });
}
