// Begins a session by the token of a link, after the user has agreed: a foreign link
// must not change under whose rights this browser writes.

import { wordsOfAnswer, wordsOfRight } from '../words/answers.js';
import { ask } from './ask.js';
import { formatDate, isolated } from '../words/language.js';
import { more } from '../words/more_words.js';
import { requests } from './more_requests.js';
import { notice } from '../view/notice.js';
import { isName, readName } from '../server/input.js';
import { Failure } from '../server/server.js';
import { session } from '../state/session.js';

/** @param {string} token @param {boolean} isKnown whether the server is known to take tokens @returns {Promise<boolean>} whether the session has begun */
export async function offerSession(token, isKnown) {
  const claims = readClaims(token);
  const { name, until } = claims;
  const present = session.get();
  const agreed = await ask({
    title: more('sessionTitle'),
    text: [
      name ? more('sessionAs', { name: isolated(name) }) : more('sessionAny'),
      [
        until ? more('sessionUntil', { when: formatDate(new Date(until), { dateStyle: 'medium', timeStyle: 'short' }) }) : '',
        present ? more('sessionReplaces') : '',
      ].join(' ').trim(),
      more('sessionTrust'),
    ].filter(Boolean),
    confirm: more('sessionBegin'),
  });
  if (agreed === null) return false;
  try {
    await requests.beginSession(token);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const isUnknown = error.status === 404 && !isKnown;
    const why = wordsOfRight(error.code) || error.detail || wordsOfAnswer(error);
    notice(isUnknown ? more('linkUnknown') : more('linkInvalid', { why }));
    return false;
  }
  session.set(claims);
  notice(more('sessionBegun'));
  return true;
}

/** What a token says; the server checks whether it is true. @param {string} token @returns {import('../state/session.js').Session} */
function readClaims(token) {
  try {
    const text = atob((token.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/'));
    const claims = JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (char) => char.charCodeAt(0))));
    const name = readName(String(claims.name ?? ''));
    const write = [claims.rooms?.write ?? []].flat().map(String);
    return { name: isName(name) ? name : '', until: Number(claims.exp) * 1_000 || 0, write };
  } catch {
    return { name: '', until: 0 };
  }
}
