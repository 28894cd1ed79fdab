// Messages as they will be once this browser's changes of them are made, and which
// reactions are own ones.

import { memory } from './memory.js';

/**
 * @typedef {import('../server/protocol.js').Message} Message
 * @typedef {import('../server/protocol.js').Reaction} Reaction
 * @typedef {import('./letters.js').Entry} Entry
 */

/** The most own reactions that are stored. */
const MAX_REACTED = 500;
/** The most names that the server sends with a reaction. */
const MAX_NAMES = 10;

/** Own reactions as `id emoji`. The server tells nobody whose they are. @type {Set<string>} */
let own = new Set(memory.get('reacted', /** @type {string[]} */ ([])));

memory.watch('reacted', () => {
  own = new Set(memory.get('reacted', /** @type {string[]} */ ([])));
});

export const reacted = {
  /** @param {string} id @param {string} emoji */
  has: (id, emoji) => own.has(`${id} ${emoji}`),

  /** @param {string} id @param {string} emoji @param {boolean} on */
  set(id, emoji, on) {
    if (on) own.add(`${id} ${emoji}`);
    else own.delete(`${id} ${emoji}`);
    own = new Set([...own].slice(-MAX_REACTED));
    memory.set('reacted', [...own]);
  },
};

/** A message with changes of it. @param {Message} message @param {Entry[]} changes in order @returns {Message} */
export function withChanges(message, changes) {
  let changed = message;
  for (const { kind, target, text, name, on } of changes) {
    if (target !== message.id || message.deleted) continue;
    if (kind === 'edit') changed = { ...changed, message: text };
    else if (kind === 'delete') changed = { ...changed, deleted: true };
    else if (kind === 'react') changed = { ...changed, reactions: withReaction(changed.reactions ?? [], text, name, on) };
  }
  return changed;
}

/**
 * Reactions with or without one of a name. If the server's state has it already, nothing changes.
 * @param {Reaction[]} reactions @param {string} emoji @param {string} name @param {boolean} on
 */
function withReaction(reactions, emoji, name, on) {
  const known = reactions.find((reaction) => reaction.emoji === emoji);
  if ((known?.names.includes(name) ?? false) === on) return reactions;
  if (!known) return on ? [...reactions, { emoji, count: 1, names: [name] }] : reactions;
  const names = on ? [...known.names, name].slice(0, MAX_NAMES) : known.names.filter((other) => other !== name);
  const changed = { emoji, count: known.count + (on ? 1 : -1), names };
  return reactions.flatMap((reaction) => (reaction !== known ? [reaction] : changed.count > 0 ? [changed] : []));
}
