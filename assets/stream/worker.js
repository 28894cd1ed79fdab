// A SharedWorker with one stream for all tabs of a browser. Over HTTP/1.1 a
// browser opens six connections to a server, so a seventh tab would hang.
//
// A port has no event for its end. A tab sends `bye` when it closes and answers
// pings. A tab that misses its pings is detached; its next message attaches it
// again, with a snapshot.

import { Connection } from './connection.js';
import { MAX_ROOMS } from '../server/protocol.js';
import { Snapshot } from './snapshot.js';

/**
 * @typedef {import('./connection.js').StreamOptions} StreamOptions
 * @typedef {{type: 'subscribe', options: StreamOptions, root: string} | {type: import('./connection.js').Call | 'pong' | 'bye'}} FromTab
 * @typedef {import('./connection.js').StreamEvent
 *   | {type: 'attached', snapshot: import('./snapshot.js').StreamState}
 *   | {type: 'full'} | {type: 'ping'}} ToTab
 * @typedef {{options: StreamOptions, missed: number}} Tab
 */

const PING_MS = 30_000;
/** Pings that a tab may miss; hidden tabs are slow. */
const MAX_MISSED = 3;

/** @type {Map<MessagePort, Tab>} */
const tabs = new Map();
/** The last options of each tab, including detached ones. @type {WeakMap<MessagePort, StreamOptions>} */
const lastOptions = new WeakMap();
/** @type {Connection | null} */
let connection = null;
const snapshot = new Snapshot();

/** @param {MessagePort} port @param {ToTab} event */
const send = (port, event) => port.postMessage(event);

/** The rooms of all tabs, and the name of the last tab that has one. @returns {StreamOptions} */
function mergedOptions() {
  const all = [...tabs.values()].map(({ options }) => options);
  return {
    rooms: [...new Set(all.flatMap(({ rooms }) => rooms))].sort(),
    name: all.map(({ name }) => name).filter(Boolean).at(-1) ?? '',
  };
}

/** @param {MessagePort} port @param {StreamOptions} options */
function attach(port, options) {
  const isNew = !tabs.has(port);
  // Moves the tab to the end, so that its name is used.
  tabs.delete(port);
  tabs.set(port, { options, missed: 0 });
  if (mergedOptions().rooms.length > MAX_ROOMS) {
    tabs.delete(port);
    send(port, { type: 'full' });
    return;
  }
  // A reload tries again what the server has ended.
  const isOver = isNew && connection?.state.state === 'closed';
  if (isNew) {
    send(port, { type: 'attached', snapshot: snapshot.state() });
    if (connection && !isOver) send(port, connection.state);
  }
  connection?.subscribe(mergedOptions());
  if (isOver) connection?.retryNow();
}

/** @param {MessagePort} port */
function detach(port) {
  tabs.delete(port);
  connection?.subscribe(mergedOptions());
}

/** @param {MessagePort} port @param {FromTab} message */
function receive(port, message) {
  if (message.type === 'bye') return detach(port);
  if (message.type === 'subscribe') {
    connection ??= new Connection(new URL(message.root), (event) => {
      snapshot.apply(event);
      for (const tab of tabs.keys()) send(tab, event);
    });
    lastOptions.set(port, message.options);
    return attach(port, message.options);
  }
  const tab = tabs.get(port);
  const options = lastOptions.get(port);
  if (tab) tab.missed = 0;
  else if (options) attach(port, options);
  if (message.type === 'pong') return;
  connection?.[message.type]();
  // Shows a returning tab that the worker exists.
  if (message.type === 'wake') send(port, { type: 'ping' });
}

function ping() {
  for (const [port, tab] of tabs) {
    if (tab.missed >= MAX_MISSED) detach(port);
    tab.missed += 1;
    send(port, { type: 'ping' });
  }
}

// The joined script also has connection.js for pages without SharedWorker. In a
// page it does nothing.
if ('onconnect' in globalThis) {
  addEventListener('connect', (event) => {
    const [port] = /** @type {MessageEvent} */ (event).ports;
    if (!port) return;
    port.onmessage = ({ data }) => receive(port, data);
  });
  setInterval(ping, PING_MS);
}
