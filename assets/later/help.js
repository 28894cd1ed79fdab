// The help dialog.

import { showDialog } from './ask.js';
import { button, make } from '../view/dom.js';
import { onlyTouch } from '../view/composer.js';
import { language, translate, translator } from '../words/language.js';

export const en = {
  keys: 'Keyboard',
  enter: 'Enter sends, Shift + Enter starts a new line',
  touchEnter: 'Enter starts a new line; the arrow button sends',
  touchTab: '@ suggests names; tap one to insert it',
  up: '↑ in an empty box edits your last message',
  actions: 'Tab goes to the last message; ↑ ↓ between messages, ← → between actions',
  press: 'Press and hold a message to reply, react, copy, edit or delete',
  tab: '@ suggests names, Tab picks one',
  page: 'Page Up and Page Down scroll, End jumps to latest',
  question: '? opens this help, / goes to the message box, Esc closes',
  commands: 'Commands',
  name: 'change your name',
  me: 'say what you’re doing',
  join: 'join or create a room',
  leave: 'leave this room',
  clear: 'clear this page; messages stay on the server',
  help: 'this help',
  text: 'Formatting',
  marks: '**bold**, _italic_, `code`, and code blocks between ``` and ```',
};

/** @type {Record<keyof typeof en, string>} */
export const zh = {
  keys: '快捷键',
  enter: 'Enter 发送，Shift + Enter 换行',
  touchEnter: '换行键用来换行，箭头按钮发送',
  touchTab: '输入 @ 提示名字，点一下插入',
  up: '输入框为空时，按 ↑ 编辑上一条消息',
  actions: 'Tab 跳到最后一条消息，↑ ↓ 切换消息，← → 切换操作',
  press: '长按消息可回复、回应、复制、编辑或删除',
  tab: '输入 @ 提示名字，按 Tab 选中',
  page: 'Page Up、Page Down 翻页，End 跳到最新消息',
  question: '? 打开帮助，/ 跳到输入框，Esc 关闭',
  commands: '命令',
  name: '修改名字',
  me: '描述你的动作',
  join: '加入或创建房间',
  leave: '退出当前房间',
  clear: '清空本页，不影响服务器上的消息',
  help: '打开帮助',
  text: '消息格式',
  marks: '**粗体**、_强调_、`代码`，多行代码放在 ``` 和 ``` 之间',
};

const say = translator(() => (language() === 'zh-CN' ? zh : en));

const KEYS = /** @type {const} */ (['enter', 'up', 'tab', 'actions', 'page', 'question']);
const TOUCH_KEYS = /** @type {const} */ (['touchEnter', 'touchTab', 'press']);
const COMMANDS = /** @type {const} */ ([
  ['/name …', 'name'], ['/me …', 'me'], ['/join …', 'join'], ['/leave', 'leave'], ['/clear', 'clear'], ['/help', 'help'],
]);

export function showHelp() {
  if (document.getElementById('help-dialog')) return;
  const list = make('ul', '', ...(onlyTouch() ? TOUCH_KEYS : KEYS).map((word) => make('li', '', say(word))));
  const commands = make('dl', '', ...COMMANDS.flatMap(([command, word]) => [make('dt', '', command), make('dd', '', say(word))]));
  const close = button('main', translate('close'), () => dialog.close());
  const dialog = showDialog(
    translate('help'),
    make('h3', '', say('keys')), list,
    make('h3', '', say('commands')), commands,
    make('h3', '', say('text')), make('p', '', say('marks')),
    make('div', 'actions', close),
  );
  dialog.id = 'help-dialog';
}
