// What the message box offers at the cursor: members after @, commands after / at
// the beginning, emoji after : and two letters.

import { listCommands } from './command_list.js';
import { EMOJI } from './emoji_table.js';
import { tint } from '../view/colour.js';
import { foreign, make } from '../view/dom.js';
import { language } from '../words/language.js';

/**
 * @typedef {{text: string, content: Node[], isExact?: boolean}} Option
 *   `text`: replaces what was begun; `isExact`: it was typed to its end
 * @typedef {{length: number, isSure: boolean, options: Option[]}} Offer
 *   `length`: of what was begun; `isSure`: whether the first option is selected at once
 */

const [MAX_NAMES, MAX_EMOJI] = [6, 8];
/** An @ inside a word is part of an address. */
const NAME = /(?<![A-Za-z0-9_.])@([^\s@]{0,32})$/u;
const COMMAND = /^\/([A-Za-z]{0,16})$/;
/** Not in words, times and addresses. One Chinese character is a word. */
const COLON = /(?<![\p{L}\p{M}\p{N}\p{Pc}:：/\\.@#&=?%+~-])[:：]([\p{L}\p{N}_+-]{2,24}|\p{sc=Han})$/u;

/** @param {string} before the text before the cursor @param {() => string[]} names of the members @returns {Offer | null} */
export function offerAt(before, names) {
  const [, name] = NAME.exec(before) ?? [];
  if (name !== undefined) return namesLike(name, names());
  const [, command] = COMMAND.exec(before) ?? [];
  if (command !== undefined) return commandsLike(`/${command}`);
  const [begun, emoji] = COLON.exec(before) ?? [];
  return begun !== undefined && emoji !== undefined && !isInCode(before) ? emojiLike(emoji, begun.length) : null;
}

/** @param {string} begun @param {string[]} names @returns {Offer} */
function namesLike(begun, names) {
  const start = begun.normalize('NFC').toLowerCase();
  const options = names.filter((name) => name.toLowerCase().startsWith(start) && name !== begun).slice(0, MAX_NAMES)
    .map((name) => ({ text: `${name} `, content: [tint(foreign('bdi', 'name', name), name)] }));
  return { length: begun.length, isSure: true, options };
}

/** @param {string} begun @returns {Offer} */
function commandsLike(begun) {
  const options = listCommands().filter(({ command }) => command.startsWith(begun.toLowerCase())).map(({ command, takesText, words }) => ({
    text: takesText ? `${command} ` : command,
    content: [make('code', '', takesText ? `${command} …` : command), make('span', 'note', words)],
    isExact: command === begun,
  }));
  // A slash alone is a message, too.
  return { length: begun.length, isSure: begun.length > 1, options };
}

/** @param {string} begun @param {number} length with the colon @returns {Offer} */
function emojiLike(begun, length) {
  const words = begun.normalize('NFC').toLowerCase().split('_').filter(Boolean);
  const [first = ''] = words;
  const isLike = (/** @type {string} */ names) => words.every((word) => ` ${names}`.includes(` ${word}`));
  const found = EMOJI.filter(([, english, chinese]) => isLike(english) || isLike(chinese));
  // Those whose first name it is come first.
  const rank = (/** @type {string[]} */ [, english = '', chinese = '']) => Number(!english.startsWith(first) && !chinese.startsWith(first));
  const options = found.toSorted((a, b) => rank(a) - rank(b)).slice(0, MAX_EMOJI).map(([emoji, english, chinese]) => ({
    text: `${emoji} `,
    content: [make('span', 'emoji', emoji), make('span', '', language() === 'zh-CN' ? chinese.replaceAll(' ', '、') : english)],
  }));
  return { length, isSure: true, options };
}

/** Whether the end of a text is in code. @param {string} before */
function isInCode(before) {
  const [fence, tick] = ['```', '`']; // An odd number of them on a line looks to the joiner like a template that goes on.
  const outside = before.split(fence);
  return outside.length % 2 === 0 || (outside.at(-1)?.split('\n').at(-1)?.split(tick).length ?? 1) % 2 === 0;
}
