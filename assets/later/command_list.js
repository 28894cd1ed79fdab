// The commands of the message box, as the help and the completion list them.

import { translatorOf } from '../words/language.js';

export const en = {
  me: 'say what you’re doing',
  name: 'change your name',
  join: 'join or create a room',
  leave: 'leave this room',
  search: 'search this room',
  invite: 'invite people to this room',
  clear: 'clear this page; messages stay on the server',
  help: 'keys, commands and formatting',
};

/** @type {Record<keyof typeof en, string>} */
export const zh = {
  me: '描述你的动作',
  name: '修改名字',
  join: '加入或创建房间',
  leave: '退出当前房间',
  search: '搜索当前房间',
  invite: '邀请他人加入当前房间',
  clear: '清空本页，不影响服务器上的消息',
  help: '快捷键、命令和消息格式',
};

const say = translatorOf(en, zh);

/** Those that need or take a text after them. */
const WITH_TEXT = new Set(['me', 'name', 'join', 'search']);

/** @returns {{command: string, takesText: boolean, words: string}[]} */
export const listCommands = () => /** @type {(keyof typeof en)[]} */ (Object.keys(en))
  .map((command) => ({ command: `/${command}`, takesText: WITH_TEXT.has(command), words: say(command) }));
