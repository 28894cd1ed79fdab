// Which characters of a name or a message are visible, by the rules of the server.

/**
 * Invisible characters other than white space: default ignorables, format
 * characters without a glyph, and blank glyphs.
 */
const INVISIBLE = /[\p{DI}\u2800\ufffc\u{13441}\u{13442}\u{16fe4}\u{1d159}]|(?![\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd}\u{13430}-\u{1343f}])\p{Cf}/u;

/** A letter or mark of a script in which letters join. */
const JOINS = String.raw`(?![\p{sc=Latn}\p{sc=Grek}\p{sc=Cyrl}\p{sc=Hani}\p{sc=Hira}\p{sc=Kana}\p{sc=Hang}])(?!\p{DI})[\p{L}\p{M}]`;

/**
 * Invisible characters that a script or an emoji needs. The server also knows
 * which letters join; the page shows its refusal.
 */
const NEEDED = new RegExp([
  String.raw`(?<=${JOINS})\u200c(?=${JOINS})`,
  String.raw`(?<=${JOINS})\u200d`,
  String.raw`(?<=\p{ExtPict}[\ufe0f\p{EMod}]*)\u200d(?=\p{ExtPict})`,
  String.raw`(?<=(?!\p{EComp})\p{Emoji})[\ufe0e\ufe0f]`,
  String.raw`(?<=[\d#*])[\ufe0e\ufe0f](?=\u20e3)`,
  String.raw`(?<=\u{1f3f4})[\u{e0030}-\u{e0039}\u{e0061}-\u{e007a}]{3,6}\u{e007f}`,
  String.raw`(?<=\p{UIdeo})[\ufe00-\ufe02\u{e0100}-\u{e01ef}]`,
  String.raw`(?<=[\p{sc=Mymr}\p{sc=Phag}\p{sc=Mani}])\ufe00`,
  String.raw`(?<=(?!\p{DI})\p{sc=Mong})[\u180b-\u180d\u180f]`,
  String.raw`(?<=(?!\u180e)\p{sc=Mong})\u180e(?=\p{sc=Mong})`,
].join('|'), 'gu');

/** Whether a name has invisible characters without a visible effect. @param {string} name */
export const hidesSomething = (name) => INVISIBLE.test(name.replace(NEEDED, ''));

/** Whether a text has visible characters. @param {string} text */
export const isVisible = (text) =>
  Array.from(text).some((char) => !/[\p{White_Space}\p{Cc}]/u.test(char) && !INVISIBLE.test(char));
