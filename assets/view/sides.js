// The lists beside the log, what stands in an empty room, and the title: updated
// together, at most once per frame.

import { showTitle } from './alerts.js';
import { showEmpty } from './empty_view.js';
import { showPeople } from './people_view.js';
import { showRooms } from './sidebar.js';
import { me } from '../state/me.js';

/**
 * @typedef {{rooms: import('../state/rooms.js').Rooms, people: import('../state/people.js').People, history: import('../state/history.js').History,
 *            composer: import('./composer.js').Composer, drawers: import('./dialogs.js').Drawers,
 *            navigation: import('./navigation.js').Navigation, extras: import('./extras.js').Extras}} Parts
 */

const FRAME_MS = 16;

export class Sides {
  #parts;
  #isScheduled = false;
  /** Why the open room shows no message, if it shows none. @type {import('./empty_view.js').Emptiness | null} */
  #emptiness = null;

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /** Something that they show has changed. */
  schedule() {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    // Not by requestAnimationFrame: the title changes in hidden tabs, too.
    setTimeout(() => {
      this.#isScheduled = false;
      this.#show();
    }, FRAME_MS);
  }

  /** @param {import('./empty_view.js').Emptiness | null} [why] by default as before */
  showEmpty(why = this.#emptiness) {
    const { rooms, people, extras } = this.#parts;
    this.#emptiness = why;
    const isAlone = me.name !== '' && people.in(rooms.open)?.count === 1;
    showEmpty(why, rooms.open, isAlone, () => void extras.invite());
  }

  #show() {
    const { rooms, people, history, composer, drawers, navigation, extras } = this.#parts;
    const { open } = rooms;
    showRooms(rooms, {
      go: (room) => navigation.go(room),
      leave: (room, byKey) => void navigation.leave(room, byKey),
      mayLeave: (room) => navigation.mayLeave(room),
      alerts: (room, opener) => void extras.chooseAlerts(room, opener),
    });
    if (document.visibilityState === 'visible') people.list(open);
    showPeople(open, people.in(open), {
      me: me.name,
      speakers: () => history.log(rooms.open).speakers,
      chosen: (name) => {
        drawers.close();
        composer.mention(name);
      },
    });
    this.showEmpty();
    showTitle(rooms.unread(), open);
  }
}
