// Ports for programs that can't be asked which one they got, and for those that
// start again on the same one.

import { once } from 'node:events';
import net from 'node:net';

/** Below the range from which systems draw ports for `listen(0)` and for connections (RFC 6335: 49152; Linux: 32768). */
const [FIRST_PORT, END_PORT] = [10_000, 32_768];

/** The one port of that range that browsers and node's `fetch` refuse to open (Fetch standard, "port blocking"). */
const BAD_PORT = 10_080;

/** Distinct ports that are free, and that no connection or listener gets by chance while a proxy restarts. */
export async function freePorts(count) {
  const ports = new Set();
  while (ports.size < count) {
    const port = FIRST_PORT + Math.floor(Math.random() * (END_PORT - FIRST_PORT));
    if (port !== BAD_PORT && await isFree(port)) ports.add(port);
  }
  return [...ports];
}

async function isFree(port) {
  const server = net.createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  await once(server.close(), 'close');
  return true;
}
