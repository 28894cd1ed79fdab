// The page's logs and read marks over several generations of a history, in node:
// they use no document.

import assert from 'node:assert/strict';
import test from 'node:test';

import { RoomLog } from '../../assets/state/room_log.js';
import { isForeign, unread } from '../../assets/state/rooms.js';
import { isBefore } from '../../assets/server/ids.js';
import { Snapshot } from '../../assets/stream/snapshot.js';

const ROOM = 'lobby';

/** A message whose text is its id. */
const message = (id, number) => ({ id, room: ROOM, number, name: 'Ada', message: id, created_at: '2026-11-28T01:02:03.004Z' });

/** A page of history of these messages. */
function page(...messages) {
  const [from = '', to = ''] = [messages[0]?.id, messages.at(-1)?.id];
  return { room: ROOM, messages, limit: 50, size: messages.length, from, to, oldest: from || null, newest: to || null };
}

const OLD = [message('a-1', 1), message('a-2', 2), message('a-4', 3)];
const NEW = [message('b-5', 4), message('b-7', 5)];

/** A log that shows these messages, and all that the server has. */
function logOf(...messages) {
  const log = new RoomLog();
  log.reset(page(...messages), 50);
  return log;
}

/** The ids of the messages of a log, and the reasons of its gaps. */
const shown = (log) => log.items.map((item) => (item.kind === 'message' ? item.message.id : item.reason)).join(' ');

test('ids come in the order of their epochs, then of their numbers', () => {
  const ids = ['0-9', 'a-9', 'a-10', 'a0-1', 'b-0', 'b-1'];
  for (const [at, id] of ids.entries()) {
    for (const [other, second] of ids.entries()) assert.equal(isBefore(id, second), at < other, `${id} ${second}`);
  }
});

test('the next generation goes on in the log without a gap', () => {
  const log = logOf(...OLD);
  for (const one of NEW) assert(log.add(one));
  assert.equal(shown(log), 'a-1 a-2 a-4 b-5 b-7');
  assert.equal(log.to, 'b-7');
  assert(!log.add(OLD[1]), 'it is known, though another epoch is the last');
  assert(!log.add(NEW[0]));
  assert.equal(shown(log), 'a-1 a-2 a-4 b-5 b-7');
});

test('what the stream brings twice during a load is there once', () => {
  const log = logOf(OLD[0]);
  log.loading = true;
  for (const one of [...OLD.slice(1), ...NEW]) log.add(one);
  log.loading = false;
  log.append(page(...OLD.slice(1), ...NEW), true);
  assert.equal(shown(log), 'a-1 a-2 a-4 b-5 b-7');
});

test('older messages are loaded over generations', () => {
  const log = logOf(...NEW);
  log.prepend(page(...OLD), 50);
  assert.equal(shown(log), 'a-1 a-2 a-4 b-5 b-7');
  assert.equal(log.top, 'beginning');
  assert.equal(log.from, 'a-1');
});

test('a message of an earlier generation is changed in its place', () => {
  const log = logOf(...OLD, ...NEW);
  assert(log.change({ ...OLD[1], message: 'edited' }));
  assert.equal(log.find('a-2').message, 'edited');
});

test('after a gap, messages with the numbers of lost ones follow', () => {
  const log = logOf(...OLD, message('a-5', 4));
  log.addGap({ room: ROOM, reason: 'restart', lost: null, next: 4 });
  for (const one of NEW) assert(log.add(one));
  assert.equal(shown(log), 'a-1 a-2 a-4 a-5 restart b-5 b-7');
});

test('a gap of a restart stays, wherever the numbers of the new history are', () => {
  const log = logOf(...OLD);
  log.addGap({ room: ROOM, reason: 'restart', lost: null, next: 4 });
  for (const one of NEW) assert(log.add(one));
  assert.equal(shown(log), 'a-1 a-2 a-4 restart b-5 b-7');
});

test('a history that begins again is divided from the one before it', () => {
  const log = logOf(...OLD);
  for (const one of [message('b-1', 1), message('b-2', 2)]) assert(log.add(one));
  assert.equal(shown(log), 'a-1 a-2 a-4 restart b-1 b-2');
});

test('only messages after the read one are unread, in a history that goes on', () => {
  const read = { id: 'a-4', number: 3 };
  const count = (oldest, newest, next) => unread({ read, oldest, newest, next });
  assert.equal(count('a-1', 'a-4', 4), 0);
  assert.equal(count('a-1', 'b-7', 6), 2);
  assert.equal(count('a-1', 'c-9', 7), 3);
  // A memory that began again, and one whose clock went back.
  assert.equal(count('b-1', 'b-7', 6), 5);
  assert.equal(count('0-1', '0-7', 6), 5);
  assert.equal(count(null, null, 1), 0);
});

test('ids of a history are those of its first epoch to its last', () => {
  const room = { oldest: 'b-3', newest: 'd-9' };
  for (const id of ['b-1', 'b-99', 'c-1', 'd-9']) assert(!isForeign(id, room), id);
  for (const id of ['', '0-0', 'a-9', 'e-1']) assert(isForeign(id, room), id);
  assert(isForeign('b-3', { oldest: null, newest: null }));
});

test('a tab that comes later knows the oldest message, too', () => {
  const snapshot = new Snapshot();
  const hello = (rooms) => snapshot.apply({ type: 'hello', hello: { cursor: 'b-7', ping_ms: 1, rooms }, resumed: false });
  hello([{ room: ROOM, members: 0, oldest: 'a-1', newest: 'b-5', next: 5 }, { room: 'empty', members: 0, oldest: null, newest: null, next: 1 }]);
  snapshot.apply({ type: 'update', message: NEW[1] });
  snapshot.apply({ type: 'update', message: { ...message('b-8', 1), room: 'empty' } });
  assert.deepEqual(snapshot.state().places, [
    { room: ROOM, oldest: 'a-1', newest: 'b-7', next: 6 },
    { room: 'empty', oldest: 'b-8', newest: 'b-8', next: 2 },
  ]);
});
