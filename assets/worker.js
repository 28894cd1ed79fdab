// One stream for all tabs of a browser, in a SharedWorker: over HTTP/1.1 a
// browser has six connections to a server, and a seventh tab would hang.
//
// A port has no event for its end. A tab says bye when it goes, and answers
// pings; one that does neither is forgotten, and is taken up again, with all
// that it needs to catch up, should it ever speak again.

import { Connection } from './connection.js';
import { MAX_ROOMS } from './protocol.js';
import { Snapshot } from './snapshot.js';

/**
 * @typedef {import('./connection.js').Wish} Wish
 * @typedef {{say: 'want', wish: Wish, root: string} | {say: 'wake' | 'online' | 'suspect' | 'now' | 'offline' | 'pong' | 'bye'}} FromTab
 * @typedef {import('./connection.js').StreamEvent
 *   | {type: 'attached', told: import('./snapshot.js').Told}
 *   | {type: 'full'} | {type: 'ping'}} ToTab
 * @typedef {{wish: Wish, missed: number}} Tab
 */

const PING_MS = 30_000;
/** Pings that a tab may leave unanswered: a hidden one may be slow. */
const MAX_MISSED = 3;

/** @type {Map<MessagePort, Tab>} */
const tabs = new Map();
/** The last wish of each tab, also of forgotten ones. @type {WeakMap<MessagePort, Wish>} */
const wishes = new WeakMap();
/** @type {Connection | null} */
let connection = null;
const snapshot = new Snapshot();

/** @param {MessagePort} port @param {ToTab} event */
const tell = (port, event) => port.postMessage(event);

/** The rooms of all tabs, under the name that was wished for last. @returns {Wish} */
function wishOfAll() {
  const all = [...tabs.values()].map(({ wish }) => wish);
  return {
    rooms: [...new Set(all.flatMap(({ rooms }) => rooms))].sort(),
    name: all.map(({ name }) => name).filter(Boolean).at(-1) ?? '',
  };
}

/** @param {MessagePort} port @param {Wish} wish */
function attach(port, wish) {
  const isNew = !tabs.has(port);
  // Last in the order of tabs, so that its name counts.
  tabs.delete(port);
  tabs.set(port, { wish, missed: 0 });
  if (wishOfAll().rooms.length > MAX_ROOMS) {
    tabs.delete(port);
    tell(port, { type: 'full' });
    return;
  }
  if (isNew) {
    tell(port, { type: 'attached', told: snapshot.told() });
    if (connection) tell(port, connection.state);
  }
  connection?.want(wishOfAll());
}

/** @param {MessagePort} port */
function detach(port) {
  tabs.delete(port);
  connection?.want(wishOfAll());
}

/** @param {MessagePort} port @param {FromTab} message */
function receive(port, message) {
  if (message.say === 'bye') return detach(port);
  if (message.say === 'want') {
    connection ??= new Connection(new URL(message.root), (event) => {
      snapshot.apply(event);
      for (const tab of tabs.keys()) tell(tab, event);
    });
    wishes.set(port, message.wish);
    return attach(port, message.wish);
  }
  const tab = tabs.get(port);
  const wish = wishes.get(port);
  if (tab) tab.missed = 0;
  else if (wish) attach(port, wish);
  if (message.say === 'pong') return;
  connection?.[message.say]();
  // So that a tab which has come back knows that somebody is here.
  if (message.say === 'wake') tell(port, { type: 'ping' });
}

addEventListener('connect', (event) => {
  const [port] = /** @type {MessageEvent} */ (event).ports;
  if (!port) return;
  port.onmessage = ({ data }) => receive(port, data);
});

setInterval(() => {
  for (const [port, tab] of tabs) {
    if (tab.missed >= MAX_MISSED) detach(port);
    tab.missed += 1;
    tell(port, { type: 'ping' });
  }
}, PING_MS);
