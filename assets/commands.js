// The commands of the message box: a line that begins with a slash.

/** @typedef {'name' | 'join' | 'leave' | 'clear' | 'help'} Command */

/** By what is typed; more than one way to say the same is for old habits. @type {Record<string, Command>} */
const COMMANDS = { name: 'name', nick: 'name', join: 'join', leave: 'leave', part: 'leave', clear: 'clear', help: 'help' };
const WITH_TEXT = new Set(['name', 'join', 'me']);

/**
 * @param {string} text
 * @returns {{kind: 'say', text: string} | {kind: 'command', command: Command, rest: string}
 *   | {kind: 'unknown' | 'incomplete', typed: string}}
 */
export function parse(text) {
  const [, slashes, word = '', rest = ''] = /^(\/+)(\S*)\s*([\s\S]*)$/.exec(text) ?? [];
  if (slashes === undefined) return { kind: 'say', text };
  // Two slashes are one that is meant; and a path is no command.
  if (slashes.length > 1) return { kind: 'say', text: text.slice(1) };
  const typed = `/${word}`;
  if (WITH_TEXT.has(COMMANDS[word] ?? word) && !rest.trim()) return { kind: 'incomplete', typed };
  if (word === 'me') return { kind: 'say', text: `/me ${rest}` };
  const command = Object.hasOwn(COMMANDS, word) ? COMMANDS[word] : undefined;
  return command ? { kind: 'command', command, rest: rest.trim() } : { kind: 'unknown', typed };
}
