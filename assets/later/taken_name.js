// Offers another name when somebody here has the one that was typed. It may be taken
// nevertheless: two people may have the same name.

import { isName } from '../server/input.js';
import { button, make } from '../view/dom.js';
import { isolated, translatorOf } from '../words/language.js';

export const en = {
  taken: 'The name {name} is already taken here.',
  other: 'Use “{name}”',
  same: 'Keep “{name}”',
};

/** @type {Record<keyof typeof en, string>} */
export const zh = {
  taken: '这里已经有人叫 {name} 了。',
  other: '改用“{name}”',
  same: '仍用“{name}”',
};

const say = translatorOf(en, zh);

/**
 * @param {HTMLElement} place below the field @param {string} name that is taken
 * @param {(name: string) => boolean} isTaken @param {(name: string) => void} take
 */
export function offerName(place, name, isTaken, take) {
  const free = freeName(name, isTaken);
  const other = button('main', say('other', { name: isolated(free) }), () => take(free));
  const same = button('quiet', say('same', { name: isolated(name) }), () => take(name));
  place.replaceChildren(say('taken', { name: isolated(name) }), make('span', 'offers', other, same));
  place.hidden = false;
  // So that Enter takes it.
  other.focus();
}

/** The name with the lowest number from 2 on that is free. @param {string} name @param {(name: string) => boolean} isTaken */
function freeName(name, isTaken) {
  const base = name.replace(/ \d+$/u, '');
  for (let number = 2; ; number += 1) {
    const other = numbered(base, number);
    if (!isTaken(other)) return other;
  }
}

/** @param {string} base @param {number} number */
function numbered(base, number) {
  const chars = [...base];
  // Without the end of the name if both are too long together, or if they do not fit each other.
  while (chars.length > 0 && !isName(`${chars.join('').trimEnd()} ${number}`)) chars.pop();
  return `${chars.join('').trimEnd()} ${number}`.trim();
}
