// The help dialog.

import { showDialog } from './ask.js';
import { listCommands } from './command_list.js';
import { button, make } from '../view/dom.js';
import { onlyTouch } from '../view/composer.js';
import { isMac } from '../view/keys.js';
import { translate, translatorOf } from '../words/language.js';
import { more } from '../words/more_words.js';

export const en = {
  keys: 'Keyboard',
  enter: 'Enter sends, Shift + Enter starts a new line',
  touch: 'Touch',
  touchEnter: 'Enter starts a new line; the arrow button sends',
  offers: '@ suggests names, / at the start commands, : and two letters emoji; Tab picks one',
  touchOffers: '@ suggests names, / at the start commands, : and two letters emoji; tap one to insert it',
  up: '↑ in an empty box edits your last message',
  actions: 'Tab goes to the last message; ↑ ↓ between messages, ← → between actions',
  press: 'Press and hold a message to reply, react, copy, edit or delete',
  page: 'Page Up and Page Down scroll, End jumps to latest',
  jump: '{key} + K jumps to a room or person',
  step: 'Alt + ↑ or ↓ goes to the next room, with Shift to the next unread one',
  question: '? opens this help, / goes to the message box, Esc closes',
  commands: 'Commands',
  text: 'Formatting',
  marks: '**bold**, _italic_, `code`, and code blocks between ``` and ```',
};

/** @type {Record<keyof typeof en, string>} */
export const zh = {
  keys: '快捷键',
  enter: 'Enter 发送，Shift + Enter 换行',
  touch: '触摸操作',
  touchEnter: '换行键用来换行，箭头按钮发送',
  offers: '输入 @ 提示名字，开头输入 / 提示命令，: 加两个字母提示表情，按 Tab 选中',
  touchOffers: '输入 @ 提示名字，开头输入 / 提示命令，: 加两个字母提示表情，点一下插入',
  up: '输入框为空时，按 ↑ 编辑上一条消息',
  actions: 'Tab 跳到最后一条消息，↑ ↓ 切换消息，← → 切换操作',
  press: '长按消息可回复、添加表情、复制、编辑或撤回',
  page: 'Page Up、Page Down 翻页，End 跳到最新消息',
  jump: '{key} + K 跳转到房间或成员',
  step: 'Alt + ↑、↓ 切换房间，加 Shift 跳到下一个未读房间',
  question: '? 打开帮助，/ 跳到输入框，Esc 关闭',
  commands: '命令',
  text: '消息格式',
  marks: '**粗体**、_强调_、`代码`，多行代码放在 ``` 和 ``` 之间',
};

const say = translatorOf(en, zh);

const KEYS = /** @type {const} */ (['enter', 'offers', 'up', 'actions', 'page', 'jump', 'step', 'question']);
const TOUCH_KEYS = /** @type {const} */ (['touchEnter', 'touchOffers', 'press']);

export function showHelp() {
  if (document.getElementById('help-dialog')) return;
  const list = make('ul', '', ...(onlyTouch() ? TOUCH_KEYS : KEYS).map((word) => make('li', '', say(word, { key: isMac ? '⌘' : 'Ctrl' }))));
  const commands = make('dl', '', ...listCommands().flatMap(({ command, takesText, words }) => [make('dt', '', takesText ? `${command} …` : command), make('dd', '', words)]));
  const close = button('main', more('close'), () => dialog.close());
  const dialog = showDialog(
    translate('help'),
    make('h3', '', say(onlyTouch() ? 'touch' : 'keys')), list,
    make('h3', '', say('commands')), commands,
    make('h3', '', say('text')), make('p', '', say('marks')),
    make('div', 'actions', close),
  );
  dialog.id = 'help-dialog';
}
