// What people type, as the server stores it: the normalization and the checks that it
// applies.

import { hidesSomething } from './visible.js';

/** Replaces what the server refuses: line ends become LF, controls other than TAB are removed. @param {string} text */
export const cleanText = (text) => text.replace(/\r\n?|[\v\f\u0085]/g, '\n').replace(/[^\P{Cc}\n\t]/gu, '');

/** A message as the server stores it: LF for line breaks, no trailing white space. @param {string} text */
export function readText(text) {
  const clean = cleanText(text).toWellFormed();
  let end = clean.length;
  // Not by a regular expression, which takes quadratic time for many spaces.
  while (/\p{White_Space}/u.test(clean[end - 1] ?? '')) end -= 1;
  return clean.slice(0, end);
}

/** The bytes that the server counts. @param {string} text */
export const bytesOf = (text) => new TextEncoder().encode(readText(text)).length;

/** A name as the server stores it. @param {string} text */
export const readName = (text) => text.normalize('NFC').replace(/\p{White_Space}+/gu, ' ').trim();

/** Whether the server accepts the name. @param {string} name from `readName` */
export const isName = (name) =>
  [...name].length >= 1 && [...name].length <= 32
  && !/\p{Cc}|\p{M}{5}/u.test(name) && !hidesSomething(name);

/** @param {string} text @returns {string | null} a room's name as the server stores it; null if it is invalid */
export function readRoom(text) {
  const room = text.trim().replace(/^#/, '').normalize('NFC');
  return /^[\p{XID_Continue}.-]{1,64}$/u.test(room) && !/^\.\.?$/.test(room) ? room : null;
}

/** 128 random bits. Plain HTTP on a local network has no crypto.randomUUID. */
export function makeId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
