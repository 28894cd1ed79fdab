// A client of the site over TLS, by node's HTTP/1.1 or HTTP/2. It sees each byte and
// each header that the proxy forwards.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';

import { SITE } from './front.mjs';
import { within } from './server.mjs';

export const PROTOCOLS = ['HTTP/1.1', 'HTTP/2'];

export class Visitor {
  #front;
  #protocol;
  #localAddress;
  #session;
  #agent;
  /** The last connection, below TLS. */
  #below;

  /** @param {import('./front.mjs').Front} front @param {string} protocol @param {{localAddress?: string}} [options] */
  constructor(t, front, protocol, { localAddress = '127.0.0.1' } = {}) {
    this.#front = front;
    this.#protocol = protocol;
    this.#localAddress = localAddress;
    this.#agent = Object.assign(new https.Agent({ keepAlive: true }), { createConnection: () => this.#connect(['http/1.1']) });
    t.after(() => this.leave());
  }

  /** Closes all connections at once. */
  leave() {
    this.#session?.destroy();
    this.#agent.destroy();
  }

  /** A whole answer. @param {string} method @param {{headers?: object, body?: string | Buffer}} [what] */
  async ask(method, path, { headers, body } = {}) {
    const { status, headers: answered, stream } = await this.#open(method, path, headers, body);
    const chunks = [];
    stream.on('data', (chunk) => chunks.push(chunk));
    await within(once(stream, 'end'), `the end of ${method} ${path}`);
    return { status, headers: answered, body: Buffer.concat(chunks) };
  }

  /** Says a message, as a page in an old browser does: without Sec-Fetch-Site. Resolves with it. */
  async say(room, name, message) {
    const { status, body } = await this.ask('POST', `/rooms/${room}/messages`, {
      headers: { 'content-type': 'application/json', origin: `https://${SITE}` },
      body: JSON.stringify({ name, message }),
    });
    assert.equal(status, 201, body.toString());
    return JSON.parse(body);
  }

  /** An event stream. */
  async listen(path, headers = {}) {
    const answer = await this.#open('GET', path, {
      accept: 'text/event-stream', 'accept-encoding': 'gzip, br', 'cache-control': 'no-cache', ...headers,
    });
    assert.equal(answer.status, 200);
    return new Stream(answer);
  }

  #open(method, path, headers = {}, body = undefined) {
    const opened = this.#protocol === 'HTTP/2'
      ? this.#openHttp2(method, path, headers, body)
      : this.#openHttp1(method, path, headers, body);
    return within(opened, `the answer to ${method} ${path}`);
  }

  async #openHttp1(method, path, headers, body) {
    const request = https.request({ method, path, headers: { host: SITE, ...headers }, agent: this.#agent });
    request.on('error', () => {});
    request.end(body);
    const [stream] = await once(request, 'response');
    stream.on('error', () => {});
    const { socket } = stream;
    return {
      status: stream.statusCode,
      headers: stream.headers,
      stream,
      cancel: () => stream.destroy(),
      halfClose: () => socket.end(),
      reset: () => socket.below.resetAndDestroy(),
    };
  }

  async #openHttp2(method, path, headers, body) {
    this.#session ??= http2.connect(`https://${SITE}`, { createConnection: () => this.#connect(['h2']) })
      .on('error', () => {});
    const stream = this.#session.request({ ':method': method, ':path': path, ...headers }, { endStream: body === undefined });
    if (body !== undefined) stream.end(body);
    stream.on('error', () => {});
    const [answered] = await once(stream, 'response');
    return {
      status: answered[':status'],
      headers: answered,
      stream,
      cancel: () => stream.close(http2.constants.NGHTTP2_CANCEL),
      reset: () => this.#below.resetAndDestroy(),
    };
  }

  #connect(ALPNProtocols) {
    const { ports, certificate } = this.#front;
    const below = net.connect({ host: '127.0.0.1', port: ports.https, localAddress: this.#localAddress });
    const socket = tls.connect({ socket: below, servername: SITE, ca: certificate, ALPNProtocols });
    // Errors of streams that a test has ended.
    for (const each of [below, socket]) each.on('error', () => {});
    this.#below = below;
    return Object.assign(socket, { below });
  }
}

/** An event stream, and all that came. */
export class Stream {
  /** @type {{type: string, id?: string, data: any}[]} */
  events = [];
  /** Whether it ended without an error. */
  ended = false;
  /** Whether it has ended, with or without an error. */
  closed = false;
  #rest = '';
  #waiting = new Set();

  constructor({ headers, stream, cancel, halfClose, reset }) {
    this.headers = headers;
    Object.assign(this, { cancel, halfClose, reset });
    stream.setEncoding('utf8');
    stream.on('data', (text) => this.#take(text));
    stream.on('end', () => {
      this.ended = true;
      this.#look();
    });
    stream.on('close', () => {
      this.closed = true;
      this.#look();
    });
  }

  of(type) {
    return this.events.filter((event) => event.type === type);
  }

  /** Resolves once `condition` holds. It is checked after each event and at the end. */
  until(what, condition, ms = undefined) {
    let check;
    const met = new Promise((resolve) => {
      check = () => condition() && resolve();
      this.#waiting.add(check);
      check();
    });
    return within(met, what, ms).finally(() => this.#waiting.delete(check));
  }

  #take(text) {
    const blocks = (this.#rest + text).split('\n\n');
    this.#rest = blocks.pop();
    this.events.push(...blocks.map(parse));
    this.#look();
  }

  #look() {
    this.#waiting.forEach((check) => check());
  }
}

/** The lines of one event, as this server writes them: each field once. */
function parse(block) {
  const fields = Object.fromEntries(block.split('\n').map((line) => {
    const [, name, value] = /^(\w+): ?(.*)$/.exec(line) ?? assert.fail(`not a line of an event: ${line}`);
    return [name, value];
  }));
  return { type: fields.event, id: fields.id, data: fields.data && JSON.parse(fields.data) };
}
