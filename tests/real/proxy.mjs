// A TCP proxy that does to connections what bad networks do.

import { once } from 'node:events';
import net from 'node:net';

export class Proxy {
  /** How many connections came, and how many of them were cut. */
  connections = 0;
  cuts = 0;
  #server;
  #pairs = new Set();
  #blocked = false;
  #tunnel = false;
  #cutAfter;

  /**
   * @param {string} host where it leads to
   * @param {() => number} cutAfter drawn for each connection: it is cut after this many bytes of the answer
   */
  static async start(t, host, cutAfter = () => Infinity) {
    const proxy = new Proxy();
    const [hostname, port] = host.split(':');
    proxy.#cutAfter = cutAfter;
    proxy.#server = net.createServer((client) => proxy.#accept(client, net.connect(port, hostname)));
    t.after(() => proxy.#close());
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    proxy.url = `http://127.0.0.1:${proxy.#server.address().port}`;
    return proxy;
  }

  /** Cuts all connections, and every new one at once. */
  block() {
    this.#blocked = true;
    this.#pairs.forEach((pair) => this.#cut(pair));
  }

  unblock() {
    this.#blocked = false;
  }

  /** The connections there are go silent, but stay open. New ones work. */
  freeze() {
    for (const { client, server } of this.#pairs) {
      client.unpipe();
      client.pause();
      server.removeAllListeners('data');
      server.pause();
    }
  }

  /** A train in a tunnel: nothing passes any more, and nobody is told. */
  enterTunnel() {
    this.#tunnel = true;
    this.freeze();
  }

  /** Daylight: what was silent is dead, what is new works. @param {boolean} [isTold] whether the dead connections are ended */
  leaveTunnel(isTold = true) {
    this.#tunnel = false;
    if (isTold) this.#pairs.forEach((pair) => this.#cut(pair));
  }

  #accept(client, server) {
    this.connections += 1;
    const pair = { client, server };
    this.#pairs.add(pair);
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => this.#cut(pair));
      socket.on('close', () => this.#cut(pair));
    }
    if (this.#blocked) return this.#cut(pair);
    if (this.#tunnel) return;
    let left = this.#cutAfter();
    client.pipe(server);
    server.on('data', (bytes) => {
      if (bytes.length < left) {
        left -= bytes.length;
        client.write(bytes);
        return;
      }
      this.cuts += 1;
      server.removeAllListeners('data');
      client.write(bytes.subarray(0, left), () => this.#cut(pair));
    });
  }

  #cut(pair) {
    this.#pairs.delete(pair);
    pair.client.destroy();
    pair.server.destroy();
  }

  #close() {
    this.block();
    this.#server.close();
  }
}
