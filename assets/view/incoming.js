// What comes from the server, given to the parts of the page: the events of the
// stream, and the changes of messages that the server has answered.

import { endOf, startOf } from '../server/ids.js';
import { deletedOf } from '../server/protocol.js';
import { withChanges } from '../state/changes.js';
import { me } from '../state/me.js';

/**
 * @typedef {import('../server/protocol.js').Message} Message
 * @typedef {{outbox: import('../state/outbox.js').Outbox, people: import('../state/people.js').People, view: import('./room_view.js').RoomView,
 *            search: import('./search.js').Search, mentions: import('./mentions.js').Mentions, quotes: import('./quotes.js').Quotes,
 *            actions: import('./message_actions.js').MessageActions, status: import('./status.js').Status,
 *            access: import('./access.js').Access, naming: import('./naming.js').Naming, extras: import('./extras.js').Extras}} Parts
 */

/** The actions of messages are loaded this long after the connection is there. */
const ACTIONS_MS = 3_000;

export class Incoming {
  #parts;
  /** The cursor of the last hello. */
  #cursor = '';

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /** @param {import('../stream/transport.js').TabEvent} event */
  handle(event) {
    const { people, view, status, access, naming } = this.#parts;
    switch (event.type) {
      case 'state':
        this.#changeState(event);
        break;
      case 'hello':
        this.#cursor = event.hello.cursor;
        status.setStale(null);
        if (event.resumed) event.hello.rooms.forEach((room) => view.resumed(room));
        else this.#catchUp(event.hello.rooms);
        break;
      case 'attached':
        this.#catchUp(event.snapshot.places);
        event.snapshot.presences.forEach((presence) => people.apply(presence));
        status.setStale(event.snapshot.staleSince);
        break;
      case 'update':
        this.#add(event.message);
        break;
      case 'change':
        this.changed(event.message, event.id);
        break;
      case 'stale':
        status.setStale(event.since);
        break;
      case 'expiring':
        access.rights?.ends(event.until);
        break;
      case 'gap':
        this.#addGap(event);
        break;
      case 'presence':
        people.apply(event.presence);
        break;
      case 'refused':
        if (event.code === 'invalid_name') naming.refused();
        break;
    }
  }

  /** A message was edited, deleted or reacted to. @param {Message} message @param {string} [id] of the change */
  changed(message, id) {
    const { outbox, view, search, mentions, quotes, extras } = this.#parts;
    if (message.deleted) {
      mentions.forget(message);
      void extras.keeping.use((keeping) => keeping.forget(message));
    }
    quotes.changed(message);
    search.change(message);
    // Under its own id, it is a message that was deleted before it came.
    if (id !== message.id) return view.history.change(message);
    outbox.arrived(message);
    view.add(message);
  }

  /** The server has made a change, which the stream may bring later. @param {import('../state/letters.js').Entry} change @param {Message | null} edited */
  made(change, edited) {
    const { kind, target } = change;
    const known = this.#parts.view.message(target);
    if (kind === 'edit' && edited) return this.changed(edited);
    if (known) this.changed(kind === 'delete' ? deletedOf(known) : withChanges(known, [change]));
  }

  /** @param {import('../stream/connection.js').StateEvent} event */
  #changeState(event) {
    const { outbox, view, quotes, actions, status, access, extras } = this.#parts;
    status.set(event);
    if (!status.isLive && extras.typing.isUsed) void extras.typing.use((typing) => typing.forget());
    if (extras.keeping.isUsed || event.state === 'closed') void extras.keeping.use((keeping) => keeping.set(event));
    if (!status.isLive) return;
    extras.prepare();
    void access.rights?.ask();
    outbox.back();
    quotes.back();
    // A message can be changed without a connection, too.
    if (me.name) setTimeout(() => void actions.load(), ACTIONS_MS);
    view.back();
  }

  /** @param {Message} message */
  #add(message) {
    const { outbox, view, search, mentions, extras } = this.#parts;
    outbox.arrived(message);
    if (extras.typing.isUsed) void extras.typing.use((typing) => typing.said(message));
    view.add(message);
    search.add(message);
    mentions.check(message);
  }

  /** @param {{gap: import('../server/protocol.js').Gap, cursor: string}} event */
  #addGap({ gap, cursor }) {
    const { outbox, view } = this.#parts;
    // With several rooms, only the last gap of a restart has a cursor of the new epoch. All of the old epoch is lost.
    const end = gap.reason === 'restart' && this.#cursor ? endOf(this.#cursor) : cursor;
    view.history.addLost(outbox.takeLost(gap.room, end));
    view.history.addGap(gap);
  }

  /** Loads what was missed while there was no stream. @param {import('../stream/snapshot.js').RoomPosition[]} places */
  #catchUp(places) {
    const { outbox, view, mentions } = this.#parts;
    for (const place of places) {
      // Messages of an earlier history are lost.
      if (place.oldest) view.history.addLost(outbox.takeLost(place.room, startOf(place.oldest)));
      view.reconcile(place);
    }
    void mentions.checkMissed(places.map(({ room }) => room));
  }
}
