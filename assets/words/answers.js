// Describes an error response of the server or of a proxy in front of it.

import { language, translate } from './language.js';

/** @typedef {{status: number, code?: string, detail: string}} Answer `code` and `detail`: of the problem; may be empty, `detail` is English */

const RIGHTS = /** @type {const} */ (['token_required', 'token_invalid', 'token_expired', 'forbidden']);

/** What a right that is missing means to the reader. @param {string | undefined} code */
export function wordsOfRight(code) {
  const known = RIGHTS.find((right) => right === code);
  return known ? translate(known) : '';
}

/** @type {Record<number, import('./language.js').Word>} */
const KNOWN = {
  403: 'answer403', 404: 'answer404', 414: 'answer431', 429: 'answer429', 431: 'answer431',
  502: 'answer502', 503: 'answer503', 504: 'answer502',
};

/** @param {Answer} answer */
export function wordsOfAnswer({ status, code, detail }) {
  const known = KNOWN[status];
  const own = known ? translate(known) : '';
  const why = wordsOfRight(code) || (language() === 'en' ? detail || own : own || detail).replace(/\.$/, '');
  return why ? translate('answered', { status: String(status), why }) : translate('answeredOnly', { status: String(status) });
}
