// An HTTP proxy of the tests' own, for what a browser's tools can't do to a
// SharedWorker: answer in the server's place, lose answers, and tell what was
// asked for.

import { once } from 'node:events';
import http from 'node:http';

import { within } from './server.mjs';

/**
 * @typedef {{status: number, type?: string, body: string, headers?: Record<string, string>}} Answer
 * @typedef {{path: RegExp, times: number, does: (forward: () => void, lose: () => void, response: http.ServerResponse, asked: string) => void}} Rule
 */

export class HttpProxy {
  /** Method and path of each request. @type {string[]} */
  asked = [];
  #server;
  /** @type {Rule[]} */
  #rules = [];
  /** @type {{path: RegExp, resolve: () => void}[]} */
  #waiting = [];
  /** Requests whose answer has not ended. @type {Map<http.ServerResponse, string>} */
  #open = new Map();

  /** @param {string} host where it leads to */
  static async start(t, host) {
    const proxy = new HttpProxy();
    const [hostname, port] = host.split(':');
    proxy.#server = http.createServer((request, response) => proxy.#handle(request, response, { hostname, port }));
    t.after(() => {
      proxy.#server.closeAllConnections();
      proxy.#server.close();
    });
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    proxy.url = `http://127.0.0.1:${proxy.#server.address().port}`;
    return proxy;
  }

  /** How many requests for such a path there were. @param {RegExp} path */
  count(path) {
    return this.asked.filter((asked) => path.test(asked)).length;
  }

  /** How many such requests are open now. @param {RegExp} path */
  open(path) {
    return [...this.#open.values()].filter((asked) => path.test(asked)).length;
  }

  /** Resolves at the next request for such a path. @param {RegExp} path */
  next(path) {
    return new Promise((resolve) => this.#waiting.push({ path, resolve }));
  }

  /** Resolves when every answer to such a request that is open now has ended. @param {RegExp} path */
  async ended(path) {
    const open = [...this.#open].filter(([, asked]) => path.test(asked));
    await within(Promise.all(open.map(([response]) => once(response, 'close'))), `the end of ${path}`);
  }

  /** Answers in the server's place. @param {RegExp} path @param {Answer} answer */
  answer(path, { status, type = 'text/html', body, headers = {} }, times = Infinity) {
    this.#rules.push({
      path,
      times,
      does: (_forward, _lose, response) => response.writeHead(status, { 'content-type': type, ...headers }).end(body),
    });
  }

  /** The server gets it, and the client no answer. @param {RegExp} path */
  loseAnswer(path, times = 1) {
    this.#rules.push({ path, times, does: (_forward, lose) => lose() });
  }

  /** The answer waits until this is resolved. @param {RegExp} path @param {(asked: string) => Promise<void>} until */
  delay(path, until) {
    this.#rules.push({ path, times: Infinity, does: (forward, _lose, _response, asked) => void until(asked).then(forward) });
  }

  /** Adds a text to the answers that are open. @param {RegExp} path @param {string} text */
  add(path, text) {
    const open = [...this.#open].filter(([, asked]) => path.test(asked));
    open.forEach(([response]) => response.write(text));
  }

  /** Forgets all rules. */
  behave() {
    this.#rules = [];
  }

  /** Ends all connections. */
  cut() {
    this.#server.closeAllConnections();
  }

  #handle(request, response, host) {
    const asked = `${request.method} ${request.url}`;
    this.asked.push(asked);
    this.#open.set(response, asked);
    response.on('close', () => this.#open.delete(response));
    this.#waiting = this.#waiting.filter(({ path, resolve }) => {
      if (!path.test(asked)) return true;
      resolve();
      return false;
    });
    const forward = (answered) => {
      const { method, url: path, headers } = request;
      const upstream = http.request({ ...host, method, path, headers }, answered);
      upstream.on('error', () => response.destroy());
      response.on('close', () => upstream.destroy());
      request.pipe(upstream);
    };
    const pass = () => forward((answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      response.flushHeaders();
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    });
    const rule = this.#rules.find(({ path, times }) => times > 0 && path.test(asked));
    if (!rule) return pass();
    rule.times -= 1;
    rule.does(pass, () => forward((answer) => answer.resume().on('end', () => response.destroy())), response, asked);
  }
}
