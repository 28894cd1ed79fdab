// The chat page: one room, live over Server-Sent Events.
//
// In:  stream.js (the connection) -> log.js (what was said).
// Out: composer.js (name and text) -> outbox.js (what is on its way) -> the server.
//
// What people wrote becomes textContent and nothing else. The wire is described
// in the protocol; its words (room, message, cursor, gap, …) are used as they
// stand there.

import { Composer } from './composer.js';
import { Log, Scroller } from './log.js';
import { memory } from './memory.js';
import { Outbox } from './outbox.js';
import { Stream, sentence } from './stream.js';

const byId = (id) => document.getElementById(id);

/** The server's root, which need not be the host's. */
const root = new URL('../', import.meta.url);

/** The room that the path names; else the server's default room. */
function roomOfPage() {
  const [, room] = /\/r\/([^/]+)$/.exec(location.pathname) ?? [];
  if (room !== undefined) return decodeURIComponent(room);
  return document.querySelector('meta[name=default-room]').content;
}

const roomUrl = (room, what) => new URL(`rooms/${encodeURIComponent(room)}/${what}`, root);

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
