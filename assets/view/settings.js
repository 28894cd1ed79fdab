// What is set: the switches and the theme. They are changed in later/settings_dialog.js.

import { memory } from '../state/memory.js';

/** @typedef {'sound' | 'notify' | 'comings'} Switch */

/** The chosen theme. Stored data is untrusted. */
export const themeOf = () => ['light', 'dark'].find((theme) => theme === memory.get('theme', '')) ?? 'auto';

/** @param {Switch} name */
export const isOn = (name) => memory.get(name, name === 'comings');

/** Shows the theme, also when another tab changes it. */
export function watchTheme() {
  memory.watch('theme', paint);
  paint();
}

export function paint() {
  const theme = themeOf();
  if (theme === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  // The colour of the browser's toolbar on phones.
  for (const frame of /** @type {NodeListOf<HTMLMetaElement>} */ (document.querySelectorAll('meta[data-of]'))) {
    const { of } = frame.dataset;
    frame.media = theme === 'auto' ? `(prefers-color-scheme: ${of})` : theme === of ? 'all' : 'not all';
  }
}
