// The texts of the search.

import { translatorOf } from '../words/language.js';

export const en = {
  placeholder: 'Search in {room}',
  results: 'Results',
  found: { one: '{n} found', other: '{n} found' },
  nothing: 'Nothing found',
  searching: 'Searching…',
  searched: { one: '{n} message searched, back to {when}', other: '{n} messages searched, back to {when}' },
  all: { one: 'all {n} messages searched', other: 'all {n} messages searched' },
  wait: { one: 'the server asks to wait {n} second', other: 'the server asks to wait {n} seconds' },
  failed: 'the server can’t be reached',
  stop: 'Stop',
  further: 'Search further back',
  again: 'Try again',
};

/** @type {Record<keyof typeof en, string | {one: string, other: string}>} */
export const zh = {
  placeholder: '在 {room} 中搜索',
  results: '搜索结果',
  found: '找到 {n} 条',
  nothing: '没有找到',
  searching: '正在搜索…',
  searched: '已搜索 {n} 条消息，最早到{when}',
  all: '已搜索全部 {n} 条消息',
  wait: '服务器要求等待 {n} 秒',
  failed: '无法连接服务器',
  stop: '停止',
  further: '继续往前搜索',
  again: '重试',
};

export const find = translatorOf(en, zh);
