// Describes an error response of the server or of a proxy in front of it.

import { language, translate } from './language.js';

/** @typedef {{status: number, detail: string}} Answer `detail`: of the problem, in English; may be empty */

/** @type {Record<number, import('./language.js').Word>} */
const KNOWN = {
  403: 'answer403', 404: 'answer404', 414: 'answer431', 429: 'answer429', 431: 'answer431',
  502: 'answer502', 503: 'answer503', 504: 'answer502',
};

/** @param {Answer} answer */
export function wordsOfAnswer({ status, detail }) {
  const known = KNOWN[status];
  const own = known ? translate(known) : '';
  const why = (language() === 'en' ? detail || own : own || detail).replace(/\.$/, '');
  return why ? translate('answered', { status: String(status), why }) : translate('answeredOnly', { status: String(status) });
}
