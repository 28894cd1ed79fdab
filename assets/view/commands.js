// The commands of the message box: lines that begin with a slash.

/** @typedef {'name' | 'join' | 'leave' | 'clear' | 'search' | 'invite' | 'help'} Command */

/** Commands by their typed names, including aliases from other chats. @type {Record<string, Command>} */
const COMMANDS = {
  name: 'name', nick: 'name', join: 'join', leave: 'leave', part: 'leave', clear: 'clear', search: 'search', invite: 'invite', help: 'help',
};
const WITH_TEXT = new Set(['name', 'join', 'me']);

/** A possible command: a slash, letters, then white space or the end. */
const COMMAND = /^\/([A-Za-z]+)(?:\s+([^]*))?$/;

/** @param {string} word */
const isCommand = (word) => word === 'me' || Object.hasOwn(COMMANDS, word);

/**
 * Anything that does not look like `/word` is text.
 * @param {string} text
 * @returns {{kind: 'text', text: string} | {kind: 'command', command: Command, rest: string}
 *   | {kind: 'unknown' | 'incomplete', typed: string}}
 */
export function parse(text) {
  // A second slash escapes a command.
  const escaped = COMMAND.exec(text.slice(1))?.[1];
  if (text.startsWith('//') && escaped !== undefined && isCommand(escaped)) return { kind: 'text', text: text.slice(1) };
  const [, word, rest = ''] = COMMAND.exec(text) ?? [];
  if (word === undefined) return { kind: 'text', text };
  const typed = `/${word}`;
  if (!isCommand(word)) return { kind: 'unknown', typed };
  if (WITH_TEXT.has(COMMANDS[word] ?? word) && !rest.trim()) return { kind: 'incomplete', typed };
  const command = COMMANDS[word];
  return word === 'me' || !command ? { kind: 'text', text: `/me ${rest}` } : { kind: 'command', command, rest: rest.trim() };
}
