// The settings dialog: theme, language, alerts.

import { showDialog } from './ask.js';
import { button, make } from '../view/dom.js';
import { language, setLanguage, translate, translatorOf } from '../words/language.js';
import { more } from '../words/more_words.js';
import { memory } from '../state/memory.js';
import { notice } from '../view/notice.js';
import { isOn, paint, themeOf } from '../view/settings.js';

export const en = {
  theme: 'Theme',
  themeAuto: 'System',
  themeLight: 'Light',
  themeDark: 'Dark',
  language: 'Language',
  showComings: 'Show when people join and leave',
  sound: 'Play a sound',
  notify: 'Show notifications',
  alertsHint: 'When you’re mentioned, or as set by a room’s bell.',
  notifyInsecure: 'Notifications need an https address.',
  notifyInstall: 'Add this page to your home screen to get notifications.',
  notifyDenied: 'Notifications are blocked in your browser’s settings for this site.',
};

/** @type {Record<keyof typeof en, string>} */
export const zh = {
  theme: '主题',
  themeAuto: '跟随系统',
  themeLight: '浅色',
  themeDark: '深色',
  language: '语言',
  showComings: '显示加入和离开的提示',
  sound: '播放提示音',
  notify: '显示通知',
  alertsHint: '默认仅在有人@你时提醒，可用各房间的铃铛更改。',
  notifyInsecure: '通知仅在 https 地址下可用。',
  notifyInstall: '请先将本页添加到主屏幕，才能收到通知。',
  notifyDenied: '浏览器设置已禁止本站发送通知。',
};

/** @typedef {keyof typeof en} Word */

const say = translatorOf(en, zh);

/** @type {readonly (readonly [string, Word])[]} */
const THEMES = [['auto', 'themeAuto'], ['light', 'themeLight'], ['dark', 'themeDark']];
/** In themselves. */
const LANGUAGES = [['en', 'English'], ['zh-CN', '简体中文']];

/** @param {{session: HTMLElement | null, changed(): void, help(): void}} on `session`: a row about it; `changed`: what the page shows */
export function showSettings(on) {
  if (document.getElementById('settings-dialog')) return;
  const close = button('main', more('close'), () => dialog.close());
  const help = button('quiet', translate('help'), () => {
    dialog.close();
    on.help();
  });
  const dialog = showDialog(
    translate('settings'),
    labeled('theme', themes()),
    labeled('language', languages(() => {
      on.changed();
      // In the chosen language.
      dialog.remove();
      showSettings(on);
      document.getElementById('language')?.focus();
    })),
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
    make('div', 'actions', help, close),
  );
  [dialog.id, help.id] = ['settings-dialog', 'open-help'];
  dialog.querySelector('select')?.focus();
}

/** @param {Word} word @param {HTMLElement} field */
const labeled = (word, field) => make('label', 'row', make('span', '', say(word)), field);

/** @param {string} id @param {HTMLOptionElement[]} options @param {string} value */
function selectOf(id, options, value) {
  const select = make('select', '', ...options);
  select.id = id;
  select.value = value;
  return select;
}

/** @param {string} value @param {string} text */
function optionOf(value, text) {
  const option = make('option', '', text);
  option.value = value;
  return option;
}

function themes() {
  const select = selectOf('theme', THEMES.map(([value, word]) => optionOf(value, say(word))), themeOf());
  select.addEventListener('change', () => {
    memory.set('theme', select.value);
    paint();
  });
  return select;
}

/** @param {() => void} changed */
function languages(changed) {
  const options = LANGUAGES.map(([value = '', name]) => {
    const option = optionOf(value, name ?? value);
    option.lang = value;
    return option;
  });
  const select = selectOf('language', options, language());
  select.addEventListener('change', async () => {
    await setLanguage(/** @type {import('../words/language.js').Language} */ (select.value)).catch(() => notice(translate('notNow')));
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
  const hint = make('p', 'note', say('alertsHint'));
  const note = make('p', 'note', why ?? '');
  [hint.id, note.id] = ['alerts-hint', 'notify-note'];
  note.hidden = why === null;
  box.setAttribute('aria-describedby', `${hint.id} ${note.id}`);
  return [labeled('notify', box), hint, note];
}

/** Why notifications are unavailable; null if they are available. */
function whyNoNotifications() {
  if (!isSecureContext) return say('notifyInsecure');
  // iOS has notifications only for pages on the home screen.
  if (typeof Notification !== 'function') return say('notifyInstall');
  return Notification.permission === 'denied' ? say('notifyDenied') : null;
}

/** @returns {Promise<boolean>} */
async function allowNotifications() {
  return whyNoNotifications() === null && await Notification.requestPermission() === 'granted';
}
