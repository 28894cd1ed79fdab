// The chat page: makes its parts, and connects them.
//
// In:  stream/transport.js (shared by all tabs) -> view/incoming.js -> view/room_view.js
//      (the open room), state/rooms.js (unread counts), state/people.js (presence).
// Out: view/composer.js (the text) -> view/commands.js -> state/outbox.js -> the server.
//
// The name of the user is in view/naming.js, going between rooms in view/navigation.js,
// what is beside the log in view/sides.js, the actions of messages in
// view/message_actions.js. What a first visit does not need is in later/, which is
// loaded when it is used (view/extras.js).
//
// User input becomes only textContent (view/dom.js, view/text.js).

import { server } from './server/server.js';
import { me } from './state/me.js';
import { memory } from './state/memory.js';
import { Outbox } from './state/outbox.js';
import { People } from './state/people.js';
import { Rooms } from './state/rooms.js';
import { session } from './state/session.js';
import { Transport } from './stream/transport.js';
import { Access, NO_SETTINGS } from './view/access.js';
import { Commands } from './view/commands.js';
import { Composer } from './view/composer.js';
import { watchCopying } from './view/copying.js';
import { Drawers } from './view/dialogs.js';
import { byId, onClick } from './view/dom.js';
import { Extras } from './view/extras.js';
import { Incoming } from './view/incoming.js';
import { watchKeys } from './view/keys.js';
import { Mentions } from './view/mentions.js';
import { MessageActions } from './view/message_actions.js';
import { Naming } from './view/naming.js';
import { Navigation } from './view/navigation.js';
import { notice } from './view/notice.js';
import { loaded } from './view/on_demand.js';
import { showOutbox } from './view/outbox_view.js';
import { Quotes } from './view/quotes.js';
import { RoomView } from './view/room_view.js';
import { Search } from './view/search.js';
import { isOn, watchTheme } from './view/settings.js';
import { Sides } from './view/sides.js';
import { Status } from './view/status.js';
import { fitAboveKeyboard } from './view/viewport.js';
import { fillWords, translate } from './words/language.js';

/** @typedef {import('./server/server.js').Settings} Settings */

class Chat {
  #rooms = new Rooms(() => this.#roomsChanged(), (room) => this.#mentions.read(room));
  #people = new People({
    changed: (room) => {
      if (room === this.#rooms.open) this.#sides.schedule();
    },
    presenceChanged: (room, what, name) => {
      if (isOn('comings') && name !== me.name) this.#view.history.addPresence(room, what, name);
    },
    renamed: (room, before, name) => {
      if (isOn('comings')) this.#view.history.addRenaming({ before, name }, room);
    },
    typing: (room, names) => void this.#extras.typing.use((typing) => typing.apply(room, names)),
    ask: (room) => server.members(room).catch(() => null),
  });
  #outbox = new Outbox({
    changed: () => this.#view.refresh(),
    timedOut: () => this.#transport.suspect(),
    duplicate: (room, id) => this.#view.history.drop(room, id),
    named: (name) => {
      session.set({ until: 0, ...session.get(), name });
      this.#naming.check();
    },
    made: (change, message) => this.#incoming.made(change, message),
    dropped: (change, failure) => this.#actions.dropped(change, failure),
  });
  #view = new RoomView(this.#rooms, {
    viewer: (room) => this.#viewer(room),
    isOwn: (message) => this.#outbox.isOwn(message),
    arrived: (message) => this.#outbox.arrived(message),
    showOutbox: () => this.#showOutbox(),
    shown: () => this.#actions.keepStop(),
    showEmpty: (why) => this.#sides.showEmpty(why),
    toNewest: () => {
      this.#search.leavePlace();
      this.#navigation.leavePlace();
    },
    gone: () => notice(translate('messageGone')),
  });
  #quotes = new Quotes({
    loaded: (id) => this.#outbox.withChanges(this.#view.message(id)),
    changed: () => this.#view.refresh(),
  });
  #mentions = new Mentions(this.#rooms, {
    isOwn: (message) => this.#outbox.isOwn(message),
    namesIn: (room) => this.#people.namesIn(room),
    alert: (alert) => void this.#extras.ring(alert),
  });
  #search = new Search(this.#view, this.#rooms);
  #transport = new Transport(server.root, (event) => this.#incoming.handle(event));
  #status = new Status(() => this.#tryAgain(), (reason, room) => this.#access.rights?.wordsOfEnd(reason, room) ?? null);
  #drawers = new Drawers();
  #access;
  #composer;
  #actions;
  #naming;
  #navigation;
  #extras;
  #sides;
  #commands;
  #incoming;

  /** @param {Settings} settings of the server @param {typeof import('./later/rights.js').Rights | null} Rights if the server takes tokens */
  constructor(settings, Rights) {
    this.#access = new Access(settings, Rights && new Rights({
      ended: () => this.#sessionChanged(),
      found: () => this.#view.refresh(),
      openBans: async (room) => (await this.#actions.load())?.openBans(room),
    }));
    this.#composer = new Composer(settings.max_message_bytes, {
      send: (text, isAgain) => this.#commands.submit(text, isAgain),
      names: () => this.#people.namesIn(this.#rooms.open).filter((name) => name !== me.name),
      turn: (pages) => this.#view.turn(pages),
      toNewest: () => this.#view.toNewest(),
      editLast: () => this.#actions.editLast(),
    });
    const parts = {
      rooms: this.#rooms, people: this.#people, outbox: this.#outbox, view: this.#view, history: this.#view.history, quotes: this.#quotes,
      mentions: this.#mentions, search: this.#search, status: this.#status, drawers: this.#drawers, access: this.#access, composer: this.#composer,
    };
    const actions = this.#actions = new MessageActions({ ...parts, changed: (message) => this.#incoming.changed(message) });
    const naming = this.#naming = new Naming(parts, () => this.#nameChanged());
    const navigation = this.#navigation = new Navigation(this.#rooms, this.#composer, settings.default_room, {
      opened: (room, id) => this.#opened(room, id),
      jump: (id) => this.#view.jumpTo(id),
      left: (room) => this.#left(room),
    });
    const extras = this.#extras = new Extras({ ...parts, navigation });
    this.#sides = new Sides({ ...parts, navigation, extras });
    this.#commands = new Commands({ ...parts, actions, naming, navigation, extras });
    this.#incoming = new Incoming({ ...parts, actions, naming, extras });
    this.#watch(settings);
    this.#outbox.open();
    naming.check();
    navigation.toAddress();
  }

  /** @param {Settings} settings */
  #watch(settings) {
    watchCopying(byId('scroller'));
    watchKeys({
      help: () => void this.#extras.help(),
      focusText: () => this.#composer.focus(),
      jump: () => void this.#extras.switcher(),
      step: (by, onlyUnread) => this.#navigation.step(by, onlyUnread),
    });
    watchTheme();
    onClick('open-settings', () => void this.#extras.settings(() => this.#refresh()));
    me.watchOwn(() => this.#outbox.answeredElsewhere());
    memory.watch('session', () => this.#sessionChanged());
    addEventListener('hashchange', async () => {
      if (await sessionByLink(settings)) this.#sessionChanged();
    });
  }

  /** Another room is the open one. @param {string} room @param {string} id of a message that is to be shown */
  #opened(room, id) {
    this.#status.open(room);
    this.#access.rights?.open(room);
    if (this.#status.isLive) void this.#access.rights?.ask();
    this.#search.end();
    this.#actions.leave();
    this.#composer.open(room);
    this.#view.open(room, id);
    this.#drawers.close();
    this.#subscribe();
    this.#sides.schedule();
  }

  /** A room is being left. @param {string} room */
  #left(room) {
    this.#view.history.forget(room);
    void this.#extras.keeping.use((keeping) => keeping.left(room));
    this.#mentions.read(room);
  }

  #roomsChanged() {
    if (!this.#rooms.open || this.#navigation.leaveIfGone()) return;
    this.#subscribe();
    this.#sides.schedule();
  }

  #subscribe() {
    this.#transport.subscribe({ rooms: this.#rooms.names, name: me.name });
  }

  #nameChanged() {
    if (this.#rooms.open) this.#subscribe();
    void this.#outbox.flush();
    this.#refresh();
  }

  /** A session has begun or ended, in any tab. */
  #sessionChanged() {
    this.#access.rights?.changed();
    void this.#extras.keeping.use((keeping) => keeping.sessionChanged());
    this.#view.history.forgetStored();
    // Notifications show messages of the session.
    this.#rooms.names.forEach((room) => this.#mentions.read(room));
    this.#naming.check();
    this.#transport.restart();
  }

  #tryAgain() {
    this.#access.rights?.again();
    this.#transport.retryNow();
    this.#view.back();
  }

  /** Who reads a room. @param {string} room @returns {import('./view/rows.js').Viewer} */
  #viewer(room) {
    return {
      me: me.name,
      names: this.#people.namesIn(room),
      isOwn: (message) => this.#outbox.isOwn(message),
      mayWrite: this.#access.mayWrite(room),
      quoted: (id) => this.#quotes.get(room, id),
      changes: this.#outbox.changes(room),
      waitsFor: (entry) => this.#outbox.waitsFor(entry),
      offers: {
        again: (entry) => this.#outbox.again(entry),
        edit: (entry) => this.#actions.edit(entry),
        remove: (entry) => this.#outbox.remove(entry),
      },
    };
  }

  #showOutbox() {
    const { open } = this.#rooms;
    const viewer = this.#viewer(open);
    showOutbox(this.#outbox, open, viewer, viewer.offers);
  }

  /** The name or the language has changed. */
  #refresh() {
    this.#composer.name();
    this.#access.show();
    this.#status.refresh();
    this.#access.rights?.refresh();
    this.#view.refresh();
    this.#sides.schedule();
  }
}

/** Starts the page; its texts are loaded. @param {Settings | null} answer null if there was none */
export async function startChat(answer) {
  // Makes links absolute: the page's address changes with the room. A preload would begin again.
  for (const link of /** @type {NodeListOf<HTMLLinkElement>} */ (document.querySelectorAll('link:not([rel*=preload])'))) link.href = link.href;
  fitAboveKeyboard();
  fillWords(document);
  const settings = answer ?? NO_SETTINGS;
  await sessionByLink(settings);
  // Of a time when the server took tokens.
  if (settings !== NO_SETTINGS && !settings.tokens) session.set(null);
  new Chat(settings, settings.tokens ? (await loaded(import('./later/rights.js')))?.Rights ?? null : null);
}

/** Asks whether to begin a session, if the page was opened by a link with a token. @param {{tokens: boolean}} settings @returns {Promise<boolean>} whether it has begun */
async function sessionByLink({ tokens }) {
  // From early.js, which has taken it out of the address.
  const token = /** @type {typeof globalThis & {takeToken?: () => string}} */ (globalThis).takeToken?.();
  if (!token) return false;
  return await (await loaded(import('./later/session_link.js')))?.offerSession(token, tokens) ?? false;
}
