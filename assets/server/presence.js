// The members of a room, by the events of a stream.

/** @typedef {import('./protocol.js').Presence} Presence */

/** The presence of a room after a change. @param {Presence | undefined} before @param {Presence} change @returns {Presence} */
export function merge(before, change) {
  const { room, count } = change;
  if (change.members) return { room, count, members: change.members };
  // It says only who types.
  if (change.typing && !change.joined && !change.left) return { ...before, room, count };
  if (!before?.members || !change.joined || !change.left) return { room, count };
  const members = new Map(before.members.map((member) => [member.name, member]));
  for (const { name } of change.left) members.delete(name);
  for (const member of change.joined) members.set(member.name, member);
  return { room, count, members: [...members.values()] };
}
