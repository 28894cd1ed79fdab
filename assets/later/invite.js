// The dialog that invites others to a room: its link, to copy, to share and as a QR code.

import { showDialog } from './ask.js';
import { qrOf } from './qr.js';
import { server } from '../server/server.js';
import { isThisMachine } from '../stream/transport.js';
import { button, copy, make, makeSvg } from '../view/dom.js';
import { isolated, translatorOf } from '../words/language.js';
import { more } from '../words/more_words.js';

export const en = {
  title: 'Invite people to #{room}',
  link: 'Link',
  copy: 'Copy',
  share: 'Share…',
  copied: 'Copied',
  byHand: 'Press Ctrl + C, or ⌘ C, to copy the link.',
  code: 'QR code of the link',
  scan: 'Or scan this with a phone.',
  here: 'This link works only on this computer. To invite others, open the chat at an address they can reach.',
};

/** @type {Record<keyof typeof en, string>} */
export const zh = {
  title: '邀请他人加入 #{room}',
  link: '链接',
  copy: '复制',
  share: '分享…',
  copied: '已复制',
  byHand: '请按 Ctrl + C 或 ⌘ C 复制链接。',
  code: '链接的二维码',
  scan: '也可以用手机扫码加入。',
  here: '此链接只能在这台电脑上打开。要邀请他人，请先用他们能访问的地址打开聊天。',
};

const say = translatorOf(en, zh);

/** The light border that a reader needs, in modules. */
const QUIET = 4;

/** @param {string} room @param {string} [access] who can read and write, as text */
export function showInvite(room, access = '') {
  const link = server.pageOf(room);
  const isLocal = isThisMachine(location.hostname);
  // A code that leads a phone to itself is of no use.
  const modules = isLocal ? null : qrOf(link);
  const dialog = showDialog(
    say('title', { room: isolated(room) }),
    ...access ? [make('p', '', access)] : [],
    ...isLocal ? [make('p', 'caution', say('here'))] : [],
    linkField(link),
    ...modules ? [make('p', 'note', say('scan')), drawn(modules)] : [],
    make('div', 'actions', ...shareButton(room, link), button('main', more('close'), () => dialog.close())),
  );
  dialog.id = 'invite-dialog';
}

/** @param {string} link */
function linkField(link) {
  const field = make('input');
  field.id = 'invite-link';
  field.readOnly = true;
  field.value = link;
  field.spellcheck = false;
  field.addEventListener('focus', () => field.select());
  const label = make('label', '', say('link'));
  label.htmlFor = field.id;
  const hint = make('p', 'note');
  // Announced within the dialog.
  hint.role = 'status';
  const done = button('quiet', say('copy'), async () => {
    const isCopied = await copy(link);
    if (!isCopied) field.focus();
    hint.textContent = say(isCopied ? 'copied' : 'byHand');
  });
  return make('div', 'invite', label, field, done, hint);
}

/** @param {string} room @param {string} link @returns {HTMLButtonElement[]} */
function shareButton(room, link) {
  if (typeof navigator.share !== 'function') return [];
  // The user may cancel.
  return [button('quiet', say('share'), () => void navigator.share({ title: `${room} · sse-chat`, url: link }).catch(() => {}))];
}

/** Dark on light in every theme, since many readers know no other. @param {boolean[][]} modules */
function drawn(modules) {
  const size = modules.length + 2 * QUIET;
  const path = modules.flatMap((line, row) => runsOf(line).map(([from, length]) => `M${from + QUIET} ${row + QUIET}h${length}v1h-${length}z`)).join('');
  return makeSvg(
    'svg', { viewBox: `0 0 ${size} ${size}`, class: 'qr', role: 'img', 'aria-label': say('code'), 'shape-rendering': 'crispEdges' },
    makeSvg('rect', { width: `${size}`, height: `${size}`, fill: '#fff', stroke: 'none' }),
    makeSvg('path', { d: path, fill: '#000', stroke: 'none' }),
  );
}

/** The dark runs of a row: their starts and lengths. @param {boolean[]} line @returns {[number, number][]} */
function runsOf(line) {
  return [...line.map((isDark) => (isDark ? '#' : ' ')).join('').matchAll(/#+/g)].map(({ index, 0: run }) => [index, run.length]);
}
