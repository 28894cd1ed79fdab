// The help dialog.

import { showDialog } from './ask.js';
import { button, make } from '../view/dom.js';
import { language, translate, translator } from '../words/language.js';

export const en = {
  keys: 'Keys',
  enter: 'Enter sends, Shift + Enter begins a new line',
  up: '↑ in the empty box brings back what you sent',
  tab: '@ and the beginning of a name offers names; Tab takes one',
  page: 'Page Up and Page Down scroll, End goes to the newest',
  question: '? opens this help, / goes to the message box, Esc closes',
  commands: 'Commands',
  name: 'another name',
  me: 'say what you do',
  join: 'join or create a room',
  leave: 'leave this room',
  clear: 'clear the page; the messages stay on the server',
  help: 'this help',
  text: 'In a message',
  marks: '**bold**, _emphasis_, `code`, and lines of code between ``` and ```',
};

/** @type {Record<keyof typeof en, string>} */
export const zh = {
  keys: '快捷键',
  enter: 'Enter 发送，Shift + Enter 换行',
  up: '输入框为空时按 ↑ 取回发过的消息',
  tab: '输入 @ 和名字开头会列出成员，Tab 选中',
  page: 'Page Up、Page Down 翻页，End 回到最新消息',
  question: '? 打开帮助，/ 跳到输入框，Esc 关闭',
  commands: '命令',
  name: '改名',
  me: '描述动作',
  join: '加入或新建聊天室',
  leave: '退出当前聊天室',
  clear: '清空本页，服务器上的消息不受影响',
  help: '打开帮助',
  text: '消息格式',
  marks: '**粗体**、_强调_、`代码`，多行代码放在 ``` 和 ``` 之间',
};

const say = translator(() => (language() === 'zh-CN' ? zh : en));

const KEYS = /** @type {const} */ (['enter', 'up', 'tab', 'page', 'question']);
const COMMANDS = /** @type {const} */ ([
  ['/name …', 'name'], ['/me …', 'me'], ['/join …', 'join'], ['/leave', 'leave'], ['/clear', 'clear'], ['/help', 'help'],
]);

export function showHelp() {
  if (document.getElementById('help-dialog')) return;
  const list = make('ul', '', ...KEYS.map((word) => make('li', '', say(word))));
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
