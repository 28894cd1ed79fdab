// A reader of a room by node's own modules: HTTP/1.1 over TLS, or a stream of an
// HTTP/2 connection. It reconnects with its cursor, as a browser does.

import { once } from 'node:events';
import http2 from 'node:http2';
import https from 'node:https';

import { within } from './server.mjs';

/** Between two attempts, in ms. */
const RETRY_MS = 20;

/** A room as one reader saw it. */
export class Reader {
  /** Each message, as it came. */
  messages = [];
  /** The names of all other events but pings. */
  events = [];
  /** The streams that were cut, and those that ended as they should. */
  cuts = 0;
  ends = 0;
  cursor;
  #open;
  #waiting = new Set();
  #closed = false;

  /** @param {(cursor?: string) => import('node:stream').Readable} open a stream, from a cursor on */
  constructor(t, open) {
    this.#open = open;
    t.after(() => this.close());
    void this.#follow();
  }

  close() {
    this.#closed = true;
    this.stream?.destroy();
  }

  /** Resolves once `condition` holds. @param {string} what @param {() => unknown} condition @param {number} [ms] */
  until(what, condition, ms) {
    let check;
    const met = new Promise((resolve) => {
      check = () => condition() && resolve();
      this.#waiting.add(check);
      check();
    });
    return within(met, what, ms).finally(() => this.#waiting.delete(check));
  }

  count(event) {
    return this.events.filter((name) => name === event).length;
  }

  async #follow() {
    while (!this.#closed) {
      try {
        await this.#read();
        this.ends += 1;
      } catch {
        this.cuts += 1;
      }
      this.#waiting.forEach((check) => check());
      await new Promise((resolve) => { setTimeout(resolve, RETRY_MS); });
    }
  }

  /** One stream, to its end. */
  async #read() {
    this.stream = await this.#open(this.cursor);
    let text = '';
    for await (const piece of this.stream.setEncoding('utf8')) {
      text += piece;
      const events = text.split('\n\n');
      text = events.pop();
      events.forEach((event) => this.#take(event));
      this.#waiting.forEach((check) => check());
    }
    // Neither an aborted answer nor a reset is an error for the loop.
    const { aborted, rstCode, complete } = this.stream;
    if (aborted || rstCode || complete === false) throw new Error('the stream was cut');
  }

  #take(event) {
    const fields = new Map(event.split('\n').map((line) => line.split(/: (.*)/s, 2)));
    if (fields.has('id')) this.cursor = fields.get('id');
    const name = fields.get('event');
    if (name === 'update') this.messages.push(JSON.parse(fields.get('data')));
    else if (name && name !== 'ping') this.events.push(name);
  }
}

/** The head of the answer. A stream of a connection that is cut may close without an error. */
async function answerTo(request) {
  const closed = once(request, 'close').then(() => { throw new Error('the stream was closed'); });
  closed.catch(() => {});
  const [head] = await Promise.race([once(request, 'response'), closed]);
  return head;
}

/** Opens streams of one HTTP/2 connection at a time. @param {string} url @param {http2.SecureClientSessionOptions} [options] */
export class Http2Client {
  #url;
  #options;
  #session;
  /** The connections that it has opened. */
  connections = 0;

  constructor(t, url, options) {
    this.#url = url;
    this.#options = options;
    t.after(() => this.#session?.destroy());
  }

  /** The connection, which is opened again once it is closed. */
  get session() {
    if (!this.#session || this.#session.closed || this.#session.destroyed) {
      this.connections += 1;
      this.#session = http2.connect(this.#url, this.#options);
      // Its streams report what happened.
      this.#session.on('error', () => {});
    }
    return this.#session;
  }

  /** A stream of a room. @param {string} room @param {string} [cursor] */
  async events(room, cursor) {
    const request = this.session.request({ ':path': `/rooms/${room}/events`, ...(cursor && { 'last-event-id': cursor }) });
    const head = await answerTo(request);
    if (head[':status'] !== 200) throw new Error(`status ${head[':status']}`);
    return request;
  }

  /** A whole answer. @param {object} head @param {string} [body] */
  async ask(head, body = '') {
    const request = this.session.request(head, { endStream: body === '' });
    if (body !== '') request.end(body);
    const answer = await within(answerTo(request), 'an answer');
    let text = '';
    for await (const piece of request.setEncoding('utf8')) text += piece;
    return { status: answer[':status'], head: answer, text };
  }

  /** Says a message. */
  async say(room, name, message) {
    const { status, text } = await this.ask(
      { ':method': 'POST', ':path': `/rooms/${room}/messages`, 'content-type': 'application/json' },
      JSON.stringify({ name, message }),
    );
    if (status !== 201) throw new Error(`${status}: ${text}`);
    return JSON.parse(text);
  }
}

/** A stream of HTTP/1.1 over TLS. @param {string} url @param {string} ca @param {string} room @param {string} [cursor] */
export async function eventsOverTls(url, ca, room, cursor) {
  const request = https.get(`${url}/rooms/${room}/events`, {
    ca, agent: false, headers: cursor ? { 'last-event-id': cursor } : {},
  });
  const [answer] = await once(request, 'response');
  if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode}`);
  return answer;
}
