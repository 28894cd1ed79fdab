// What is typed into the message box: a text that is sent, or a command, which is a
// line that begins with a slash.

import { translate } from '../words/language.js';

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

/**
 * @typedef {{rooms: import('../state/rooms.js').Rooms, outbox: import('../state/outbox.js').Outbox, view: import('./room_view.js').RoomView,
 *            composer: import('./composer.js').Composer, actions: import('./message_actions.js').MessageActions,
 *            naming: import('./naming.js').Naming, navigation: import('./navigation.js').Navigation,
 *            search: import('./search.js').Search, extras: import('./extras.js').Extras}} Parts
 */

export class Commands {
  #parts;

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /** @param {string} typed @param {boolean} isAgain sent again, unchanged, after it was rejected @returns {boolean} whether it was accepted */
  submit(typed, isAgain) {
    const { actions, composer } = this.#parts;
    if (actions.save(typed)) return true;
    const parsed = parse(typed);
    switch (parsed.kind) {
      case 'text':
        return this.#send(parsed.text);
      case 'command':
        return this.#run(parsed.command, parsed.rest);
      case 'unknown':
        if (isAgain) return this.#send(typed);
        composer.hint(translate('noCommand', { command: parsed.typed }));
        return false;
      case 'incomplete':
        composer.hint(translate('needsText', { command: parsed.typed }));
        return false;
    }
  }

  /** @param {string} text @returns {true} */
  #send(text) {
    const { rooms, outbox, actions, view } = this.#parts;
    outbox.send(rooms.open, text, actions.takeAnswered());
    view.sent();
    return true;
  }

  /** @param {Command} command @param {string} rest @returns {boolean} whether it was accepted */
  #run(command, rest) {
    const { rooms, view, composer, naming, navigation, search, extras } = this.#parts;
    const complain = (/** @type {string} */ hint) => composer.hint(hint);
    switch (command) {
      case 'name': return naming.rename(rest, complain);
      case 'join': return navigation.join(rest, complain);
      case 'leave': void navigation.leave(rooms.open); break;
      case 'clear': view.clear(); break;
      case 'search': void search.open(rest); break;
      case 'invite': void extras.invite(); break;
      case 'help': void extras.help(); break;
    }
    return true;
  }
}
