// The list of members beside the log.

import { initialOf, tint } from './colour.js';
import { byId, foreign, make } from './dom.js';
import { language, translate } from '../words/language.js';
import { LogView } from './log_view.js';
import { MAX_LISTED } from '../state/people.js';

const view = new LogView(byId('people-list'));

/**
 * @param {import('../server/protocol.js').Presence | undefined} presence
 * @param {string} me
 * @param {(name: string) => void} chosen
 */
export function showPeople(presence, me, chosen) {
  const count = presence?.count ?? 0;
  byId('people-count').textContent = String(count);
  byId('people-title').textContent = translate('peopleHere', { n: count });
  byId('open-people').setAttribute('aria-label', `${translate('openPeople')}: ${translate('peopleHere', { n: count })}`);
  const order = new Intl.Collator(language()).compare;
  const members = [...presence?.members ?? []].sort((a, b) => Number(b.name === me) - Number(a.name === me) || order(a.name, b.name));
  view.show(members.map(({ name }) => ({
    key: name,
    look: [name === me, language()].join(),
    make() {
      const person = tint(make('button', 'person', ...personOf(name)), name);
      person.type = 'button';
      if (name === me) person.append(make('span', 'note', translate('you')));
      person.addEventListener('click', () => chosen(name));
      return make('li', '', person);
    },
  })));
  const unlisted = count > MAX_LISTED ? translate('tooManyPeople') : translate('loading');
  const note = count === 0 ? translate('nobodyHere') : presence?.members ? '' : unlisted;
  byId('people-note').textContent = note;
  byId('people-note').hidden = !note;
}

/** A name with its avatar. @param {string} name */
export function personOf(name) {
  const avatar = make('span', 'avatar', initialOf(name));
  avatar.ariaHidden = 'true';
  return [avatar, foreign('bdi', 'name', name)];
}
