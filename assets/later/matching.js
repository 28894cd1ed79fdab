// Compares texts without regard to case and width, for searching, and marks what
// was found.

import { make } from '../view/dom.js';

/** A character with its combining marks. */
const CLUSTER = /\P{M}\p{M}*|\p{M}+/gu;

/** The form in which texts are compared. @param {string} text */
export const fold = (text) => text.normalize('NFKC').toLowerCase().replaceAll('ς', 'σ');

/** The words of a query, all of which must be found. @param {string} query */
export const wordsOf = (query) => [...new Set(fold(query).split(/\p{White_Space}+/u).filter(Boolean))];

/** Whether all words are found. @param {string} folded @param {string[]} words */
export const hasAll = (folded, words) => words.every((word) => folded.includes(word));

/** The parts of a text, with words marked. @param {string} text @param {string[]} words @returns {(string | Node)[]} */
export function withMarks(text, words) {
  const parts = [];
  let from = 0;
  for (const [start, end] of found(text, words)) {
    parts.push(text.slice(from, start), make('mark', '', text.slice(start, end)));
    from = end;
  }
  return [...parts, text.slice(from)];
}

/** Where the first of the words begins; -1 if there is none. @param {string} text @param {string[]} words */
export const firstMark = (text, words) => found(text, words)[0]?.[0] ?? -1;

/** Where words are in a text, in order and without overlap. @param {string} text @param {string[]} words @returns {[number, number][]} */
function found(text, words) {
  const { folded, starts } = mapped(text);
  const hits = words.flatMap((word) => {
    const all = [];
    for (let at = folded.indexOf(word); at >= 0; at = folded.indexOf(word, at + word.length)) all.push([at, at + word.length]);
    return all;
  }).sort(([a = 0], [b = 0]) => a - b);
  /** @type {[number, number][]} */
  const ranges = [];
  for (const [from = 0, to = 0] of hits) {
    // A character may be folded into several: all of it is marked.
    let end = to;
    while (end < starts.length - 1 && starts[end] === starts[to - 1]) end += 1;
    const [start = 0, stop = 0] = [starts[from], starts[end]];
    const last = ranges.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], stop);
    else ranges.push([start, stop]);
  }
  return ranges;
}

/** A folded text, and for each of its places that in the text. @param {string} text */
function mapped(text) {
  let folded = '';
  const starts = [];
  for (const { 0: cluster, index } of text.matchAll(CLUSTER)) {
    const part = fold(cluster);
    folded += part;
    for (let at = 0; at < part.length; at += 1) starts.push(index);
  }
  starts.push(text.length);
  return { folded, starts };
}
