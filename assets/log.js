// What was said, on the page. What people wrote becomes textContent and
// nothing else.

import { own } from './memory.js';

/** Rows beyond this are dropped from the top, so that a page open for days stays quick. */
const MAX_ROWS = 400;
/** A reader this near to the end, in pixels, is following the talk. */
const NEAR_END = 80;

/** @typedef {import('./stream.js').Message} Message */

/** The part of the page that scrolls. It follows the talk while its reader is at the end. */
export class Scroller {
  #element;
  #follows = true;
  #moves = false;
  /** Where this put itself last. */
  #position = 0;

  constructor(element) {
    this.#element = element;
    element.addEventListener('scroll', () => {
      // More may have come since its own move: the end is elsewhere, the reader did not leave it.
      if (element.scrollTop === this.#position) return;
      this.#follows = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_END;
    }, { passive: true });
    // A keyboard that opens, or a composer that grows, must not cover the end.
    new ResizeObserver(() => this.grown()).observe(element);
  }

  /** Something was added at the end. */
  grown() {
    if (this.#follows) this.toEnd();
  }

  toEnd() {
    this.#follows = true;
    if (this.#moves) return;
    this.#moves = true;
    // After the layout, once for all that was added until then.
    requestAnimationFrame(() => {
      this.#moves = false;
      if (!this.#follows) return;
      this.#element.scrollTop = this.#element.scrollHeight;
      this.#position = this.#element.scrollTop;
    });
  }
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });

/** An element with a class and a text. */
export function make(tag, className, text) {
  const element = document.createElement(tag);
  element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

/** What others wrote: in their own direction and language, whatever the page's. */
function foreign(tag, className, text) {
  const element = make(tag, className, text);
  element.dir = 'auto';
  element.lang = '';
  return element;
}

function timeOf(createdAt) {
  const date = new Date(createdAt);
  const time = make('time', 'time', clock.format(date));
  time.dateTime = createdAt;
  time.title = date.toLocaleString();
  return time;
}

/** A row for a message; `state` stands where its time will be. */
export function rowOf(name, text, state) {
  const row = make('li', 'message');
  const head = make('p', 'head');
  head.append(foreign('span', 'name', name), ' ', state);
  row.append(head, foreign('p', 'text', text));
  return row;
}

/** An event id, taken apart. */
export function parseId(id) {
  const [epoch, seq] = id.split('-');
  return { epoch, seq: Number(seq) };
}

/** Whether `id` is `newest` or was given out before it. Ids of two epochs have no order. */
export const isUpTo = (id, newest) => id.epoch === newest.epoch && id.seq <= newest.seq;

/** The words for a hole. */
function describeGap({ reason, lost }) {
  const what = lost === null ? 'Messages may be missing here'
    : lost === 1 ? '1 message is missing here'
    : `${lost} messages are missing here`;
  const why = {
    restart: 'the server was restarted',
    evicted: 'the server keeps only the last ones',
    lagged: 'the connection was too slow',
    unknown: 'the server does not know where this page was',
  };
  return `${what}: ${why[reason] ?? reason}.`;
}

/** What was said, as far as this page shows it. */
export class Log {
  #list;
  #newest = { epoch: '', seq: 0 };

  constructor(list) {
    this.#list = list;
  }

  get isEmpty() {
    return this.#list.childElementCount === 0;
  }

  /** Shows a message, unless it was shown before: after some gaps all of history comes again. */
  say(message) {
    const id = parseId(message.id);
    if (isUpTo(id, this.#newest)) return;
    this.#newest = id;
    const row = rowOf(message.name, message.message, timeOf(message.created_at));
    row.id = `message-${message.id}`;
    if (own.ids.has(message.client_id)) row.classList.add('own');
    this.#append(row);
  }

  /** Shows where messages are missing. */
  divide(gap) {
    const row = make('li', 'gap', describeGap(gap));
    row.dataset.reason = gap.reason;
    this.#append(row);
  }

  #append(row) {
    this.#list.append(row);
    if (this.#list.childElementCount > MAX_ROWS) this.#list.firstElementChild.remove();
  }
}
