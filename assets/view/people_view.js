// The list of members beside the log.

import { initialOf, tint } from './colour.js';
import { byId, foreign, make } from './dom.js';
import { language, translate } from '../words/language.js';
import { LogView } from './log_view.js';
import { OnDemand } from './on_demand.js';
import { styled } from './styled.js';

/**
 * @typedef {import('../server/protocol.js').Presence} Presence
 * @typedef {{me: string, chosen(name: string): void, speakers(): string[]}} Reader
 *   `chosen`: a name was pressed; `speakers`: who has written lately in the room, the latest first
 */

/** A longer list can be filtered. */
const LONG = 15;

const view = new LogView(byId('people-list'));
/** The filter of long lists, which is loaded with the first one. */
const crowd = new OnDemand(async () => {
  const { Crowd } = await styled(import('../later/crowd.js'));
  return new Crowd();
});

/** @param {string} room @param {Presence | undefined} presence @param {Reader} reader */
export function showPeople(room, presence, reader) {
  const count = presence?.count ?? 0;
  byId('people-count').textContent = String(count);
  byId('people-title').textContent = translate('peopleHere', { n: count });
  byId('open-people').setAttribute('aria-label', `${translate('openPeople')}: ${translate('peopleHere', { n: count })}`);
  const isLong = count > LONG;
  const again = () => showPeople(room, presence, reader);
  if (isLong && !crowd.part) void crowd.use(again);
  const members = sorted(presence?.members?.map(({ name }) => name) ?? [], reader.me);
  const found = crowd.part?.pick(isLong, room, presence, members, reader, again);
  showNames(found?.names ?? members, reader);
  const note = count === 0 ? translate('nobodyHere') : found?.note ?? (presence?.members ? '' : translate('loading'));
  byId('people-note').textContent = note;
  byId('people-note').hidden = !note;
}

/** @param {string[]} names @param {string} me which comes first */
function sorted(names, me) {
  const order = new Intl.Collator(language(), { numeric: true }).compare;
  return [...names].sort((a, b) => Number(b === me) - Number(a === me) || order(a, b));
}

/** @param {string[]} names @param {Reader} reader */
function showNames(names, { me, chosen }) {
  view.show(names.map((name) => ({
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
}

/** A name with its avatar. @param {string} name */
export function personOf(name) {
  const avatar = make('span', 'avatar', initialOf(name));
  avatar.ariaHidden = 'true';
  return [avatar, foreign('bdi', 'name', name)];
}
