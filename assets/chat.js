// The chat page: one room, live over Server-Sent Events.
//
// In:  Stream (the connection) -> Log (what was said).
// Out: Composer (name and text) -> Outbox (what is on its way) -> the server.
//
// What people wrote becomes textContent and nothing else. The wire is described
// in the protocol; its words (room, message, cursor, gap, …) are used as they
// stand there.

/** How much of what was said is shown at first. */
const BACKLOG = 50;
/** Rows beyond this are dropped from the top, so that a page open for days stays quick. */
const MAX_ROWS = 400;
/** A reader this near to the end, in pixels, is following the talk. */
const NEAR_END = 80;
/** How long a send may take before it counts as failed. */
const SEND_TIMEOUT_MS = 15_000;
/** The server says its own in hello; this holds until then. */
const DEFAULT_PING_MS = 15_000;
/** This many pings without a sign of life, and the connection is dead. */
const MISSED_PINGS = 2.5;
/** The first pause and the longest, when the browser has given up. */
const [BACKOFF_FROM_MS, BACKOFF_TO_MS] = [1_000, 30_000];
/** Own messages that a reload still knows as own. */
const MAX_OWN = 200;

/**
 * @typedef {{id: string, room: string, number: number, name: string, message: string,
 *            created_at: string, client_id?: string}} Message
 * @typedef {{room: string, reason: string, lost: number | null, next: number}} Gap
 * @typedef {{room: string, members: number, oldest: string | null, newest: string | null}} HelloRoom
 */

const byId = (id) => document.getElementById(id);

// ---------------------------------------------------------------- the room

/** The server's root, which need not be the host's. */
const root = new URL('../', import.meta.url);

/** The room that the path names; else the server's default room. */
function roomOfPage() {
  const [, room] = /\/r\/([^/]+)$/.exec(location.pathname) ?? [];
  if (room !== undefined) return decodeURIComponent(room);
  return document.querySelector('meta[name=default-room]').content;
}

const roomUrl = (room, what) => new URL(`rooms/${encodeURIComponent(room)}/${what}`, root);

// ---------------------------------------------------------------- memory

/** What this browser remembers. Storage may be forbidden or full: then it lasts as long as the page. */
const memory = {
  values: new Map(),
  get(key) {
    try {
      return localStorage.getItem(`sse-chat.${key}`) ?? this.values.get(key) ?? null;
    } catch {
      return this.values.get(key) ?? null;
    }
  },
  set(key, value) {
    this.values.set(key, value);
    try {
      localStorage.setItem(`sse-chat.${key}`, value);
    } catch {
      // Kept in `values`.
    }
  },
};

/** The client ids that this browser has sent under. */
const own = {
  ids: new Set((memory.get('own') ?? '').split(' ').filter(Boolean)),
  add(clientId) {
    this.ids.add(clientId);
    memory.set('own', [...this.ids].slice(-MAX_OWN).join(' '));
  },
};

/** Not crypto.randomUUID, which plain HTTP on a local network does not have. */
function makeClientId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

// ---------------------------------------------------------------- the stream

/**
 * The room's event stream. It comes back by itself, from where it was: the
 * browser does most of it, and this does what browsers leave out. They give up
 * on any status but 200, and never notice a connection that went silent.
 */
class Stream {
  #url;
  #on;
  #name = '';
  #cursor = '';
  /** @type {EventSource | null} */
  #source = null;
  #retry = 0;
  #watchdog = 0;
  #pingMs = DEFAULT_PING_MS;
  #heardAt = 0;
  #failures = 0;
  #closed = false;

  /**
   * @param {URL} url
   * @param {{hello(room: HelloRoom): void, update(message: Message): void,
   *          gap(gap: Gap, cursor: string): void, members(count: number): void,
   *          waiting(why: string): void, closed(): void, refusedName(why: string): void}} on
   */
  constructor(url, on) {
    this.#url = url;
    this.#on = on;
  }

  /** Is in the room under `name` from now on; without one, only reads. */
  join(name) {
    this.#name = name;
    this.connect();
  }

  /** Begins a new connection in place of the one there was. */
  connect() {
    if (this.#closed) return;
    this.drop();
    const source = new EventSource(this.#wish());
    this.#source = source;
    this.#heard();
    const listen = (type, handle) =>
      source.addEventListener(type, (event) => {
        this.#heard();
        handle(event.data ? JSON.parse(event.data) : null, event.lastEventId);
      });
    listen('hello', (hello, id) => {
      this.#cursor = id;
      this.#pingMs = hello.ping_ms;
      this.#failures = 0;
      // Once more: now it is known how long a silence may be.
      this.#heard();
      this.#on.hello(hello.rooms[0]);
    });
    listen('update', (message, id) => {
      this.#cursor = id;
      this.#on.update(message);
    });
    listen('gap', (gap, id) => {
      this.#cursor = id;
      this.#on.gap(gap, id);
    });
    listen('presence', (presence) => this.#on.members(presence.count));
    listen('ping', () => {});
    listen('busy', ({ retry_ms }) => this.#comeBack(retry_ms, 'The server is full.'));
    listen('bye', ({ retry_ms }) => this.#comeBack(retry_ms, 'The server is shutting down.'));
    listen('close', () => {
      this.drop();
      this.#closed = true;
      this.#on.closed();
    });
    source.addEventListener('error', () => this.#failed(source));
  }

  /** Ends the connection; `connect` or `wake` begins the next. */
  drop() {
    clearTimeout(this.#retry);
    clearTimeout(this.#watchdog);
    this.#source?.close();
    this.#source = null;
  }

  /** The page is looked at again, or the network is back: no time to lose. */
  wake() {
    const gone = !this.#source || this.#source.readyState === EventSource.CLOSED;
    const silent = Date.now() - this.#heardAt > this.#pingMs + 5_000;
    if (gone || silent) this.connect();
  }

  #wish() {
    const url = new URL(this.#url);
    // On a reconnect of its own the browser sends the same URL again, with a
    // Last-Event-ID that wins over what stands here.
    if (this.#cursor) url.searchParams.set('last_event_id', this.#cursor);
    else url.searchParams.set('backlog', BACKLOG);
    if (this.#name) url.searchParams.set('name', this.#name);
    else url.searchParams.set('presence', '1');
    return url;
  }

  #heard() {
    this.#heardAt = Date.now();
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => {
      this.#on.waiting('');
      this.connect();
    }, this.#pingMs * MISSED_PINGS);
  }

  async #failed(source) {
    this.#on.waiting('');
    if (source.readyState !== EventSource.CLOSED) return;
    const problem = await problemOf(source.url);
    if (source !== this.#source) return;
    if (problem?.code === 'invalid_name') {
      this.#on.refusedName(problem.detail);
      this.join('');
      return;
    }
    // Full jitter, so that those who were refused together do not come back together.
    const most = Math.min(BACKOFF_TO_MS, BACKOFF_FROM_MS * 2 ** this.#failures);
    this.#failures += 1;
    this.#comeBack(Math.random() * most, problem ? sentence(problem.detail) : '');
  }

  #comeBack(afterMs, why) {
    this.drop();
    this.#on.waiting(why);
    this.#retry = setTimeout(() => this.connect(), afterMs);
  }
}

/** Why a stream is refused, which an EventSource does not tell; null if nobody can say. */
async function problemOf(url) {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
    if (!response.ok) return await response.json();
    await response.body.cancel();
  } catch {
    // No answer, or none of the server's own.
  }
  return null;
}

const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

// ---------------------------------------------------------------- what was said

/** The part of the page that scrolls. It follows the talk while its reader is at the end. */
class Scroller {
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
function make(tag, className, text) {
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
function rowOf(name, text, state) {
  const row = make('li', 'message');
  const head = make('p', 'head');
  head.append(foreign('span', 'name', name), ' ', state);
  row.append(head, foreign('p', 'text', text));
  return row;
}

/** An event id, taken apart. */
function parseId(id) {
  const [epoch, seq] = id.split('-');
  return { epoch, seq: Number(seq) };
}

/** Whether `id` is `newest` or was given out before it. Ids of two epochs have no order. */
const isUpTo = (id, newest) => id.epoch === newest.epoch && id.seq <= newest.seq;

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
class Log {
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

// ---------------------------------------------------------------- what is on its way

/** A send that failed, in words for the one who sent. */
class SendError extends Error {}

/** @returns {Promise<Message>} */
async function post(url, draft) {
  let response;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(draft),
      signal: AbortSignal.timeout(SEND_TIMEOUT_MS),
    });
  } catch (error) {
    throw new SendError(error.name === 'TimeoutError' ? 'no answer came in time' : 'the server can’t be reached');
  }
  const answer = await response.json().catch(() => null);
  if (response.ok && answer) return answer;
  throw new SendError(answer?.detail ?? `the server answered with status ${response.status}`);
}

/**
 * Messages between Send and the stream. Each stays until the stream brings it,
 * so that it is shown once, at its place. One that failed waits for its
 * sender, and goes out again under the same client id: it is said once, too.
 */
class Outbox {
  #list;
  #url;
  #edit;
  /** @type {Map<string, {text: string, row: HTMLElement, message: Message | null}>} */
  #entries = new Map();
  #last = Promise.resolve();

  /** @param {(text: string) => void} edit takes back the text of a message that failed */
  constructor(list, url, edit) {
    this.#list = list;
    this.#url = url;
    this.#edit = edit;
  }

  /** @param {() => string} name asked for when the message leaves: a refused one may be mended */
  send(text, name) {
    const clientId = makeClientId();
    own.add(clientId);
    const row = rowOf(name(), text, make('span', 'state'));
    row.classList.add('own');
    this.#entries.set(clientId, { text, row, message: null });
    this.#list.append(row);
    this.#enqueue(clientId, name);
  }

  /** The stream has brought a message: if it was one of these, it has arrived. */
  arrived(message) {
    this.#remove(message.client_id);
  }

  /** What the server has taken, but the stream will not bring, since a gap swallowed it. */
  takeLost(cursor) {
    const newest = parseId(cursor);
    const lost = [];
    for (const [clientId, { message }] of this.#entries) {
      if (!message) continue;
      const id = parseId(message.id);
      if (id.epoch === newest.epoch && !isUpTo(id, newest)) continue;
      this.#remove(clientId);
      lost.push(message);
    }
    return lost;
  }

  /** One after the other, so that what was typed first is said first. */
  #enqueue(clientId, name) {
    this.#show(clientId, 'sending…');
    this.#last = this.#last.then(() => this.#send(clientId, name));
  }

  async #send(clientId, name) {
    const entry = this.#entries.get(clientId);
    if (!entry) return;
    entry.row.querySelector('.name').textContent = name();
    try {
      entry.message = await post(this.#url, { name: name(), message: entry.text, client_id: clientId });
      this.#show(clientId, 'sent');
    } catch (error) {
      if (!(error instanceof SendError)) throw error;
      this.#show(clientId, `not sent: ${error.message}`, name);
    }
  }

  /** @param {(() => string) | undefined} retryAs the name for another try, if the message failed */
  #show(clientId, text, retryAs) {
    const row = this.#entries.get(clientId)?.row;
    if (!row) return;
    row.classList.toggle('failed', retryAs !== undefined);
    const state = row.querySelector('.state');
    state.textContent = text;
    row.querySelector('.actions')?.remove();
    if (!retryAs) return;
    const actions = make('p', 'actions');
    actions.append(
      button('Retry', () => this.#enqueue(clientId, retryAs)),
      button('Edit', () => this.#edit(this.#remove(clientId).text)),
    );
    row.append(actions);
  }

  #remove(clientId) {
    const entry = this.#entries.get(clientId);
    entry?.row.remove();
    this.#entries.delete(clientId);
    return entry;
  }
}

function button(label, onClick) {
  const element = make('button', 'quiet', label);
  element.type = 'button';
  element.addEventListener('click', onClick);
  return element;
}

// ---------------------------------------------------------------- the composer

/** Whether a key belongs to an input method. Safari ends the composition before the key, hence 229. */
const isComposing = (event) => event.isComposing || event.keyCode === 229;

/** Name and text. */
class Composer {
  #name = byId('name');
  #message = byId('message');
  #hint = byId('hint');
  #on;
  /** Where there is only a touch keyboard, Enter is for the next line. */
  #touch = matchMedia('(pointer: coarse) and (not (any-pointer: fine))');

  /** @param {{named(name: string): void, said(text: string): void}} on */
  constructor(on) {
    this.#on = on;
    this.#name.value = memory.get('name') ?? '';
    this.#name.addEventListener('input', () => this.hint(''));
    this.#name.addEventListener('change', () => this.#on.named(this.name));
    this.#message.addEventListener('input', () => this.#grow());
    this.#message.addEventListener('keydown', (event) => this.#key(event));
    byId('composer').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#message.enterKeyHint = this.#touch.matches ? 'enter' : 'send';
    // On a phone a focus would open the keyboard over the page.
    if (!this.#touch.matches) this.#firstEmpty().focus();
  }

  get name() {
    return this.#name.value.trim();
  }

  /** Takes back a text, before what has been typed since. */
  edit(text) {
    const typed = this.#message.value;
    this.#message.value = typed ? `${text}\n${typed}` : text;
    this.#grow();
    this.#message.focus();
  }

  /** Says what is wrong with the name; nothing, if it may be right. */
  hint(text) {
    this.#hint.textContent = text;
    this.#hint.hidden = !text;
    this.#name.setAttribute('aria-invalid', String(Boolean(text)));
  }

  #firstEmpty() {
    return this.name ? this.#message : this.#name;
  }

  #key(event) {
    if (event.key !== 'Enter' || event.shiftKey || isComposing(event)) return;
    if (this.#touch.matches && !event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.#submit();
  }

  #submit() {
    if (!this.name) {
      this.hint('Choose a name first.');
      this.#name.focus();
      return;
    }
    this.#on.named(this.name);
    this.#message.focus();
    const text = this.#message.value;
    if (!text.trim()) return;
    this.#message.value = '';
    this.#grow();
    this.#on.said(text);
  }

  /** For browsers that can't size a field by its content in CSS. */
  #grow() {
    this.#message.rows = Math.min(6, this.#message.value.split('\n').length);
  }
}

// ---------------------------------------------------------------- the page

/** The line that says how the connection is. */
function showStatus(state, text) {
  const status = byId('status');
  status.dataset.state = state;
  status.textContent = text;
}

function showRoom(room) {
  byId('room').textContent = room;
  document.title = `${room} · sse-chat`;
}

function showMembers(count) {
  byId('members').textContent = count === 1 ? '1 member' : `${count} members`;
}

function start() {
  const room = roomOfPage();
  showRoom(room);

  const scroller = new Scroller(byId('scroller'));
  const log = new Log(byId('log'));
  const outbox = new Outbox(byId('outbox'), roomUrl(room, 'messages'), (text) => composer.edit(text));

  const stream = new Stream(roomUrl(room, 'events'), {
    hello(here) {
      showRoom(here.room);
      showMembers(here.members);
      showStatus('live', 'Connected');
      byId('empty').hidden = here.newest !== null || !log.isEmpty;
    },
    update(message) {
      log.say(message);
      outbox.arrived(message);
      byId('empty').hidden = true;
      scroller.grown();
    },
    gap(gap, cursor) {
      outbox.takeLost(cursor).forEach((message) => log.say(message));
      log.divide(gap);
      byId('empty').hidden = true;
      scroller.grown();
    },
    members: showMembers,
    waiting: (why) => showStatus('waiting', `${why} Reconnecting…`.trim()),
    closed: () => showStatus('closed', 'The server has closed this room’s stream. Reload the page to try again.'),
    refusedName: (why) => composer.hint(sentence(why)),
  });

  let joinedAs = memory.get('name') ?? '';
  const composer = new Composer({
    named(name) {
      if (name === joinedAs) return;
      joinedAs = name;
      memory.set('name', name);
      stream.join(name);
    },
    said(text) {
      outbox.send(text, () => composer.name || joinedAs);
      scroller.toEnd();
    },
  });

  stream.join(joinedAs);
  addEventListener('online', () => stream.wake());
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') stream.wake();
  });
  // A page in the back/forward cache must not hold a connection.
  addEventListener('pagehide', () => stream.drop());
  addEventListener('pageshow', (event) => {
    if (event.persisted) stream.wake();
  });
}

start();
