// A colour for a name: always the same one, and readable on both themes, since
// only the hue is the name's own. Lightness and chroma are the style sheet's.

/** Of code points, so that anagrams differ (FNV-1a). @param {string} name @returns {number} degrees */
function hueOf(name) {
  let hash = 0x811c9dc5;
  for (const char of name.normalize('NFC').toLowerCase()) {
    hash = Math.imul(hash ^ /** @type {number} */ (char.codePointAt(0)), 0x01000193);
  }
  // The last bits of short names differ too little: stir once more.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return ((hash ^ (hash >>> 13)) >>> 0) % 360;
}

/** @template {HTMLElement} T @param {T} element @param {string} name @returns {T} */
export function tint(element, name) {
  element.style.setProperty('--hue', String(hueOf(name)));
  return element;
}

const graphemes = new Intl.Segmenter();

/** What stands for a name in a small circle. @param {string} name */
export const initialOf = (name) => [...graphemes.segment(name.trim())][0]?.segment.toUpperCase() ?? '';
