// Ports for programs that can't be asked which one they got, and for those that
// start again on the same one.

import { once } from 'node:events';
import net from 'node:net';

/** Below the range from which systems draw ports for `listen(0)` and for connections (RFC 6335: 49152; Linux: 32768). */
const [FIRST_PORT, END_PORT] = [10_000, 32_768];

/** The one port of that range that browsers and node's `fetch` refuse to open (Fetch standard, "port blocking"). */
const BAD_PORT = 10_080;

/** A loopback address on which no server of a test listens. A listener there holds the port of that number for this process. */
const HOLDING_ADDRESS = '127.10.10.10';

/** Distinct ports that are free, and that no connection or listener gets by chance while a proxy restarts. No other test program gets them. */
export async function freePorts(count) {
  const ports = new Set();
  while (ports.size < count) {
    const port = FIRST_PORT + Math.floor(Math.random() * (END_PORT - FIRST_PORT));
    if (port !== BAD_PORT && await hold(port) && await isFree(port)) ports.add(port);
  }
  return [...ports];
}

/** Whether this process has the port until it ends. A program that only looks whether a port is free can get the one of a server that restarts. */
async function hold(port) {
  const holder = await listen(port, HOLDING_ADDRESS);
  holder?.unref();
  return holder !== null;
}

async function isFree(port) {
  const server = await listen(port, '127.0.0.1');
  if (server) await once(server.close(), 'close');
  return server !== null;
}

/** The listener; null if there is one already. @param {number} port @param {string} address */
async function listen(port, address) {
  const server = net.createServer().listen(port, address);
  try {
    await once(server, 'listening');
  } catch (error) {
    if (error.code !== 'EADDRINUSE') throw error;
    return null;
  }
  return server;
}
