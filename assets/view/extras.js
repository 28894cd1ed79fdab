// What of later/ the page as a whole uses: dialogs, alerts, who types, and what is
// stored for the time without a connection.

import { byId, onClick } from './dom.js';
import { loaded, OnDemand } from './on_demand.js';
import { styled } from './styled.js';
import { me } from '../state/me.js';

/**
 * @typedef {{rooms: import('../state/rooms.js').Rooms, people: import('../state/people.js').People, history: import('../state/history.js').History,
 *            status: import('./status.js').Status, access: import('./access.js').Access, composer: import('./composer.js').Composer,
 *            drawers: import('./dialogs.js').Drawers, navigation: import('./navigation.js').Navigation}} Parts
 */

/** The longest wait for an idle time after the start. */
const IDLE_MS = 3_000;

export class Extras {
  #parts;
  /** Stores messages for the time without a connection. */
  keeping = new OnDemand(async () => {
    const { Keeping } = await import('../later/keeping.js');
    return new Keeping(this.#parts.rooms, this.#parts.history);
  });
  /** Who types, loaded with the first key or the first event of it. */
  typing = new OnDemand(async () => {
    const { Typing } = await styled(import('../later/typing.js'));
    return new Typing(this.#parts.rooms, this.#parts.people, this.#parts.status);
  });
  /** Whether what follows the start was done. */
  #isPrepared = false;

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
    onClick('open-switcher', () => void this.switcher());
    onClick('copy-link', () => void this.invite());
    onClick('invite', () => void this.invite());
    byId('message').addEventListener('input', () => void this.typing.use((typing) => typing.typed()));
  }

  /** Opens the settings. @param {() => void} changed after a change of what the page shows */
  async settings(changed) {
    const module = await loaded(import('../later/settings_dialog.js'));
    module?.showSettings({ session: this.#parts.access.rights?.row ?? null, changed, help: () => void this.help() });
  }

  async help() {
    (await loaded(import('../later/help.js')))?.showHelp();
  }

  /** Invites others to the open room. */
  async invite() {
    (await loaded(import('../later/invite.js')))?.showInvite(this.#parts.rooms.open, this.#parts.access.words);
  }

  /** Opens the dialog that goes to a room or a person. */
  async switcher() {
    const { rooms, people, composer, drawers, navigation } = this.#parts;
    const module = await loaded(import('../later/switcher.js'));
    if (!module || document.querySelector('dialog[open]')) return;
    drawers.close();
    module.showSwitcher({
      rooms: rooms.list,
      open: rooms.open,
      names: people.namesIn(rooms.open).filter((name) => name !== me.name),
      go: (room) => navigation.go(room),
      mention: (name) => composer.mention(name),
    });
  }

  /** Opens the menu of a room's bell. @param {string} room @param {HTMLElement} opener */
  async chooseAlerts(room, opener) {
    const { rooms } = this.#parts;
    const known = rooms.get(room);
    const menu = await loaded(import('../later/alert_menu.js'));
    if (known) menu?.openAlertMenu(opener, known, (level) => rooms.setAlerts(room, level));
  }

  /** @param {import('./mentions.js').Alert} alert */
  async ring(alert) {
    (await loaded(import('../later/ring.js')))?.raise(alert, () => this.#parts.navigation.go(alert.room));
  }

  /** Prepares for the first use of later/ and for the time without a connection, once the page is live and has nothing to do. */
  prepare() {
    if (this.#isPrepared) return;
    this.#isPrepared = true;
    const { status, navigation } = this.#parts;
    const prepare = async () => {
      void this.keeping.use((keeping) => status.state && keeping.set(status.state));
      (await styled(import('../later/installed.js')).catch(() => null))?.install((room) => navigation.go(room));
    };
    // WebKit has no requestIdleCallback.
    if ('requestIdleCallback' in window) requestIdleCallback(() => void prepare(), { timeout: IDLE_MS });
    else setTimeout(() => void prepare(), IDLE_MS);
  }
}
