// The order of ids, and the ids before and after others. Whether two ids are of one
// epoch is in protocol.js, which the first part of the page needs.

import { parseId } from './protocol.js';

/** Whether an id comes before another: by epoch as text, then by number. Of two histories of a server, the later one has later epochs. @param {string} id @param {string} other */
export function isBefore(id, other) {
  const [a, b] = [parseId(id), parseId(other)];
  return a.epoch < b.epoch || a.epoch === b.epoch && a.seq < b.seq;
}

/** Whether an id is of an earlier epoch than another; epochs sort as text. @param {string} id @param {string} other */
export const isOfEarlierEpoch = (id, other) => parseId(id).epoch < parseId(other).epoch;

/** A cursor after all ids of an epoch. @param {string} id */
export const endOf = (id) => `${parseId(id).epoch}-Infinity`;

/** The cursor before the first entry of an id's epoch. @param {string} id */
export const startOf = (id) => `${parseId(id).epoch}-0`;

/** The id directly before another. @param {string} id */
export const idBefore = (id) => `${parseId(id).epoch}-${parseId(id).seq - 1}`;
