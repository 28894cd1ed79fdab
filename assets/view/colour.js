// The colour of a name: one of twelve. The style sheet sets lightness and chroma for
// each theme, so that every name is readable.

/**
 * Hue in degrees and tone (0 darker, 1 lighter). The distance of any two in OKLab is
 * at least twice that of twelve even hues of one tone, in both themes.
 * @type {ReadonlyArray<readonly [hue: number, tone: 0 | 1]>}
 */
export const COLOURS = [
  [35, 0], [65, 1], [90, 0], [125, 1], [145, 0], [185, 1],
  [200, 0], [255, 0], [270, 1], [305, 0], [350, 0], [355, 1],
];

/** FNV-1a over code points. @param {string} name @returns {readonly [number, number]} */
function colourOf(name) {
  let hash = 0x811c9dc5;
  for (const char of name.normalize('NFC').toLowerCase()) {
    hash = Math.imul(hash ^ /** @type {number} */ (char.codePointAt(0)), 0x01000193);
  }
  // The low bits of short names differ too little, so they are mixed again.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return /** @type {readonly [number, number]} */ (COLOURS[((hash ^ (hash >>> 13)) >>> 0) % COLOURS.length]);
}

/** @template {HTMLElement} T @param {T} element @param {string} name @returns {T} */
export function tint(element, name) {
  const [hue, tone] = colourOf(name);
  element.style.setProperty('--hue', String(hue));
  element.style.setProperty('--tone', String(tone));
  return element;
}

const graphemes = new Intl.Segmenter();

/** The initials of a name for its avatar. @param {string} name */
export const initialOf = (name) => [...graphemes.segment(name.trim())][0]?.segment.toUpperCase() ?? '';
