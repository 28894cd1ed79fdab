// The panel of a search: beside the log on wide screens, over it on others. The
// search itself is in scan.js.

import { isComposing } from '../view/composer.js';
import { tint } from '../view/colour.js';
import { button, byId, foreign, icon, make } from '../view/dom.js';
import { Drawing } from '../view/drawing.js';
import { LogView } from '../view/log_view.js';
import { announce } from '../view/notice.js';
import { formatDate, language, translate } from '../words/language.js';
import { more } from '../words/more_words.js';
import { firstMark, withMarks, wordsOf } from './matching.js';
import { Scan } from './scan.js';
import { find } from './search_words.js';

/** @typedef {import('../server/protocol.js').Message} Message */

/** Characters of a long message before the first mark, and in all. */
const [BEFORE, EXCERPT] = [40, 240];

export class SearchPanel {
  #view;
  #closed;
  /** @type {Scan | null} */
  #scan = null;
  #isWide = matchMedia('(min-width: 72rem)');
  /** Where the reader was before, and whether they are elsewhere since. */
  #place = /** @type {import('../view/room_view.js').Place} */ (null);
  #isAway = false;
  #drawing = new Drawing(() => this.#show());
  /** Whether the end of this search is to be announced. */
  #isPending = false;
  #field = make('input');
  #back = button('quiet', '', () => this.#cover(true));
  #close = button('icon', '', () => this.close());
  #said = make('p', 'note');
  #act = button('quiet', '', () => this.#stopOrGoOn());
  #list = make('ol');
  #rows = new LogView(this.#list);
  #panel = make('section', '', make('div', 'find-head', this.#field, this.#back, this.#close), make('div', 'find-state', this.#said, this.#act), this.#list);

  /** @param {import('../view/room_view.js').RoomView} view @param {() => void} closed */
  constructor(view, closed) {
    this.#view = view;
    this.#closed = closed;
    this.#panel.id = 'search-bar';
    this.#panel.role = 'search';
    this.#panel.hidden = true;
    this.#field.id = 'search';
    this.#field.type = 'search';
    this.#field.autocomplete = 'off';
    this.#field.dir = 'auto';
    this.#back.id = 'to-results';
    this.#close.id = 'close-search';
    this.#said.id = 'found';
    this.#act.id = 'search-on';
    this.#list.id = 'results';
    this.#field.enterKeyHint = 'search';
    this.#field.addEventListener('input', (event) => {
      if (!(event instanceof InputEvent && event.isComposing)) this.#begin();
    });
    this.#field.addEventListener('compositionend', () => this.#begin());
    this.#panel.addEventListener('keydown', (event) => this.#key(event));
    this.#isWide.addEventListener('change', () => this.#cover(!this.#panel.classList.contains('picked')));
    document.querySelector('main')?.after(this.#panel);
  }

  get isOpen() {
    return !this.#panel.hidden;
  }

  /** @param {string} room @param {string} query empty: the last one */
  open(room, query) {
    if (!this.isOpen) {
      this.#place = this.#view.place;
      this.#isAway = false;
      const log = this.#view.history.log(room);
      const messages = log.items.flatMap((item) => (item.kind === 'message' ? [item.message] : []));
      const isEnd = log.top !== null;
      this.#scan = new Scan(room, log.loaded && log.atEnd && log.from ? { messages, before: log.from, isEnd } : null, () => this.#drawing.request());
      this.#panel.ariaLabel = this.#field.ariaLabel = translate('search');
      this.#field.placeholder = find('placeholder', { room });
      this.#close.replaceChildren(icon('m6 6 12 12M18 6 6 18'));
      this.#close.title = this.#close.ariaLabel = more('close');
      this.#back.textContent = find('results');
      this.#list.ariaLabel = find('results');
      this.#reveal(true);
    }
    if (query) this.#field.value = query;
    this.#cover(true);
    this.#begin();
    this.#field.focus();
    this.#field.select();
  }

  /** Closes the panel, and returns to where the reader was. */
  close() {
    if (!this.isOpen) return;
    // The row that has it may not be on the page any more.
    const isInLog = byId('log').contains(document.activeElement);
    this.end();
    if (this.#isAway && isInLog) byId('open-search').focus();
    if (this.#isAway) void this.#view.returnTo(this.#place);
  }

  /** Closes the panel. */
  end() {
    if (!this.isOpen) return;
    const hadFocus = this.#panel.contains(document.activeElement);
    this.#scan?.begin([]);
    this.#scan = null;
    this.#reveal(false);
    this.#cover(false);
    this.#closed();
    if (hadFocus || document.activeElement === document.body) byId('open-search').focus();
  }

  /** The reader went on from where they were. */
  leavePlace() {
    this.#isAway = false;
    if (!this.#isWide.matches) this.end();
  }

  /** @param {Message} message of the open room */
  add(message) {
    this.#scan?.add(message);
  }

  /** @param {Message} message of the open room */
  change(message) {
    this.#scan?.change(message);
  }

  /** @param {boolean} on */
  #reveal(on) {
    this.#view.keeping(() => {
      this.#panel.hidden = !on;
      document.body.classList.toggle('finding', on);
    });
  }

  /** Shows the results, or of the panel only its head. @param {boolean} on */
  #cover(on) {
    const isOver = on && this.isOpen && !this.#isWide.matches;
    this.#panel.classList.toggle('picked', !on);
    // All but the name of the room.
    for (const part of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('header > button, .log-area, footer'))) part.inert = isOver;
    this.#view.cover(isOver);
  }

  #begin() {
    this.#list.scrollTop = 0;
    this.#cover(true);
    this.#isPending = true;
    this.#scan?.begin(wordsOf(this.#field.value));
  }

  #stopOrGoOn() {
    const scan = this.#scan;
    if (scan?.isRunning) return scan.stop();
    this.#isPending = true;
    scan?.goOn();
  }

  /** @param {string} id */
  #pick(id) {
    this.#isAway = true;
    if (!this.#isWide.matches) this.#cover(false);
    for (const link of this.#list.querySelectorAll('button')) link.ariaCurrent = String(link.dataset.id === id);
    void this.#view.jumpTo(id);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (isComposing(event) || event.key === 'Escape' || event.ctrlKey || event.metaKey || event.altKey) return;
    // Elsewhere, letters go to the message box.
    event.stopPropagation();
    const all = [...this.#list.querySelectorAll('button')];
    const isField = event.target === this.#field;
    const at = all.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: at < 0 ? undefined : 0, End: at < 0 ? undefined : all.length - 1 }[event.key];
    if (event.key === 'Enter' && isField) all[0]?.click();
    else if (to !== undefined && (isField || at >= 0)) (to < 0 ? this.#field : all[Math.min(to, all.length - 1)])?.focus();
    // The key itself is typed into the field.
    else return void (event.key.length === 1 && event.key !== ' ' && this.#field.focus());
    event.preventDefault();
  }

  #show() {
    const scan = this.#scan;
    if (!scan) return;
    const words = wordsOf(this.#field.value);
    this.#rows.show(scan.found.map((message) => ({
      key: message.id,
      look: JSON.stringify([words, message.message, language()]),
      make: () => this.#rowOf(message, words),
    })));
    const { isRunning } = scan;
    const text = words.length > 0 ? stateOf(scan) : '';
    this.#said.textContent = text;
    this.#act.textContent = find(isRunning ? 'stop' : scan.state === 'failed' ? 'again' : 'further');
    this.#act.hidden = !text || scan.state === 'done';
    // Not each page.
    if (this.#isPending && !isRunning && text) announce(text);
    this.#isPending &&= isRunning;
  }

  /** @param {Message} message @param {string[]} words */
  #rowOf({ id, name, message, created_at }, words) {
    const year = isThisYear(created_at) ? {} : /** @type {const} */ ({ year: 'numeric' });
    const time = make('time', '', formatDate(new Date(created_at), { ...year, month: 'short', day: 'numeric', hour: 'numeric', minute: '2-digit' }));
    time.dateTime = created_at;
    const text = foreign('span', 'found-text', ...withMarks(excerptOf(message, words), words));
    const row = button('', '', () => this.#pick(id));
    row.dataset.id = id;
    row.append(tint(foreign('bdi', 'name', ...withMarks(name, words)), name), ' ', time, ' ', text);
    return make('li', '', row);
  }
}

/** @param {Scan} scan */
function stateOf({ found, searched, back, state, isRunning, wait }) {
  const n = found.length;
  const when = back ? formatDate(new Date(back), isThisYear(back) ? { day: 'numeric', month: 'long' } : { dateStyle: 'long' }) : '';
  const how = state === 'done' ? find('all', { n: searched }) : when ? find('searched', { n: searched, when }) : find('searching');
  const what = n > 0 ? find('found', { n }) : isRunning ? '' : find('nothing');
  const why = state === 'waiting' ? find('wait', { n: wait }) : state === 'failed' ? find('failed') : '';
  return [what, how, why].filter(Boolean).join(' · ');
}

/** @param {string} time */
const isThisYear = (time) => new Date(time).getFullYear() === new Date().getFullYear();

/** The part of a text around the first mark, on one line. @param {string} message @param {string[]} words */
function excerptOf(message, words) {
  const text = message.replace(/^\/me /, '').replace(/\s+/g, ' ');
  const from = Math.max(0, firstMark(text, words) - BEFORE);
  const cut = from === 0 ? text : `…${text.slice(from).toWellFormed()}`;
  return cut.length > EXCERPT ? `${cut.slice(0, EXCERPT).toWellFormed()}…` : cut;
}
