// The colour of a name. Only the hue depends on the name; lightness and chroma are
// set by the style sheet, so that it is readable in both themes.

/** FNV-1a over code points. @param {string} name @returns {number} degrees */
function hueOf(name) {
  let hash = 0x811c9dc5;
  for (const char of name.normalize('NFC').toLowerCase()) {
    hash = Math.imul(hash ^ /** @type {number} */ (char.codePointAt(0)), 0x01000193);
  }
  // The low bits of short names differ too little, so they are mixed again.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return ((hash ^ (hash >>> 13)) >>> 0) % 360;
}

/** @template {HTMLElement} T @param {T} element @param {string} name @returns {T} */
export function tint(element, name) {
  element.style.setProperty('--hue', String(hueOf(name)));
  return element;
}

const graphemes = new Intl.Segmenter();

/** The initials of a name for its avatar. @param {string} name */
export const initialOf = (name) => [...graphemes.segment(name.trim())][0]?.segment.toUpperCase() ?? '';
