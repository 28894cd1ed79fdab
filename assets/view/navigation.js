// Goes between rooms: by the address, links, the list and commands. Also joining and
// leaving them.

import { onlyTouch } from './composer.js';
import { closeDialog } from './dialogs.js';
import { byId, onClick } from './dom.js';
import { notice } from './notice.js';
import { loaded, OnDemand } from './on_demand.js';
import { readRoom } from '../server/input.js';
import { server } from '../server/server.js';
import { MAX_JOINED, unread } from '../state/rooms.js';
import { translate } from '../words/language.js';

/**
 * @typedef {{opened(room: string, id: string): void, jump(id: string): void, left(room: string): void}} On
 *   `opened`: the room is the open one now; `id`: of a message that is to be shown; `jump`: to a message of the open room;
 *   `left`: before the room leaves the list
 */

export class Navigation {
  #rooms;
  #composer;
  #defaultRoom;
  #on;
  /** Leaves rooms, which can be undone. */
  #leaving = new OnDemand(async () => {
    const { Leaving } = await import('../later/leaving.js');
    return new Leaving(this.#rooms, (room, wasOpen) => {
      if (wasOpen) this.go(room);
      else if (!onlyTouch()) this.#composer.focus();
    });
  });

  /** @param {import('../state/rooms.js').Rooms} rooms @param {import('./composer.js').Composer} composer @param {string} defaultRoom @param {On} on */
  constructor(rooms, composer, defaultRoom, on) {
    this.#rooms = rooms;
    this.#composer = composer;
    this.#defaultRoom = defaultRoom;
    this.#on = on;
    // Also when only the hash changes.
    addEventListener('popstate', () => this.toAddress());
    byId('log').addEventListener('click', (event) => this.#follow(event));
    onClick('join-room', () => void this.#ask());
  }

  /**
   * Opens a room, and joins it if necessary.
   * @param {string} room @param {boolean} [isNew] whether to add it to the browser's history @param {string} [id] of a message that is to be shown
   */
  go(room, isNew = true, id = '') {
    const { open } = this.#rooms;
    if (id && room === open) return this.#on.jump(id);
    if (!this.#rooms.join(room)) {
      notice(translate('tooManyRooms', { n: MAX_JOINED }));
      if (open) return;
      // Opened by a link: fall back to a joined room.
      room = this.#rooms.names[0] ?? this.#defaultRoom;
    }
    this.#rooms.open = room;
    if (isNew && room !== open) history.pushState(null, '', server.pageOf(room));
    byId('room-title').textContent = room;
    this.#on.opened(room, id);
    if (!id && !onlyTouch()) this.#composer.focus();
  }

  /** Opens the dialog for a room to join. */
  async #ask() {
    const module = await loaded(import('../later/field_dialogs.js'));
    module?.showRoomDialog((typed, complain) => {
      if (!this.join(typed, complain)) return false;
      closeDialog('join-dialog');
      // The dialog has returned the focus to its button.
      if (!onlyTouch()) this.#composer.focus();
      return true;
    });
  }

  /** Opens what the page's address says. */
  toAddress() {
    const named = server.roomOf(location.href);
    const room = named === null ? this.#defaultRoom : readRoom(named);
    if (room === null) notice(translate('invalidRoom'));
    this.go(room ?? this.#defaultRoom, false, server.messageOf(location.href));
  }

  /** The reader goes to the newest message: a link to another one is no longer the address. */
  leavePlace() {
    if (server.messageOf(location.href)) history.replaceState(history.state, '', server.pageOf(this.#rooms.open));
  }

  /** Goes to another room in the list. @param {1 | -1} by @param {boolean} onlyUnread */
  step(by, onlyUnread) {
    const { list, open } = this.#rooms;
    const at = list.findIndex(({ name }) => name === open);
    const order = list.map((_, index) => list[(at + by * (index + 1) + list.length * 2) % list.length]);
    const next = order.find((room) => room && room.name !== open && (!onlyUnread || unread(room) > 0));
    if (next) this.go(next.name);
  }

  /** Joins a room by its name or a link to it. @param {string} typed @param {(hint: string) => void} complain @returns {boolean} */
  join(typed, complain) {
    const link = server.linkIn(typed);
    if (link && !link.isOurs) {
      complain(translate('otherServer', { host: link.host }));
      return false;
    }
    const room = readRoom(link ? link.room ?? this.#defaultRoom : typed);
    if (room === null) {
      complain(translate('invalidRoom'));
      return false;
    }
    this.go(room);
    return true;
  }

  /** Whether a room can be left: all but the default room when it is the only one. @param {string} room */
  mayLeave(room) {
    return this.#rooms.list.length > 1 || room !== this.#defaultRoom;
  }

  /** @param {string} room @param {boolean} [byKey] whether the focus was on the button of its row */
  async leave(room, byKey = false) {
    if (!this.mayLeave(room)) return void notice(translate('onlyRoom', { room }));
    const { names, open } = this.#rooms;
    const rest = names.filter((name) => name !== room);
    const next = rest[Math.min(names.indexOf(room), rest.length - 1)];
    const wasOpen = room === open;
    if (wasOpen && next) this.go(next);
    this.#on.left(room);
    if (!await this.#leaving.use((leaving) => leaving.leave(room, wasOpen, byKey))) this.#rooms.leave(room);
  }

  /** The list has changed, perhaps by another tab, which may have left the open room. @returns {boolean} whether another one was opened */
  leaveIfGone() {
    if (this.#rooms.get(this.#rooms.open)) return false;
    this.go(this.#rooms.names[0] ?? this.#defaultRoom);
    return true;
  }

  /** A link to a message of this server is followed in this page. @param {MouseEvent} event */
  #follow(event) {
    const href = /** @type {Element} */ (event.target).closest('a')?.href;
    if (!href || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    const [link, id] = [server.linkIn(href), server.messageOf(href)];
    const room = link?.isOurs && id ? readRoom(link.room ?? this.#defaultRoom) : null;
    if (room === null) return;
    event.preventDefault();
    this.go(room, true, id);
  }
}
