// The chat page: connects its parts and handles their events.
//
// In:  transport.js (the stream, shared by all tabs) -> room_view.js (the open room),
//      rooms.js (unread counts), people.js (presence).
// Out: composer.js (the text) -> commands.js -> outbox.js -> the server.
//
// Sessions and the actions of messages are in later/, which is loaded when it is used.
//
// User input becomes only textContent (dom.js, text.js).

import { isName, readName, readRoom } from './server/input.js';
import { endOf, startOf } from './server/protocol.js';
import { server } from './server/server.js';
import { withChanges } from './state/changes.js';
import { me } from './state/me.js';
import { memory } from './state/memory.js';
import { Outbox } from './state/outbox.js';
import { People } from './state/people.js';
import { MAX_JOINED, Rooms, unread } from './state/rooms.js';
import { session } from './state/session.js';
import { Transport } from './stream/transport.js';
import { showTitle } from './view/alerts.js';
import { tint } from './view/colour.js';
import { parse } from './view/commands.js';
import { Composer, onlyTouch } from './view/composer.js';
import { watchCopying } from './view/copying.js';
import { closeDialog, Drawer, openDialog, watchDialogs } from './view/dialogs.js';
import { byId, make, onClick } from './view/dom.js';
import { showEmpty } from './view/empty_view.js';
import { complainIn, onName, onSubmit } from './view/forms.js';
import { watchKeys } from './view/keys.js';
import { Leaving } from './view/leaving.js';
import { Mentions } from './view/mentions.js';
import { MessageActions } from './view/message_actions.js';
import { notice } from './view/notice.js';
import { showOutbox } from './view/outbox_view.js';
import { personOf, showPeople } from './view/people_view.js';
import { Quotes } from './view/quotes.js';
import { RoomView } from './view/room_view.js';
import { Search } from './view/search.js';
import { isOn, watchTheme } from './view/settings.js';
import { showRooms } from './view/sidebar.js';
import { Status } from './view/status.js';
import { styled } from './view/styled.js';
import { fitAboveKeyboard } from './view/viewport.js';
import { fillWords, translate } from './words/language.js';

/** The longest wait for an idle time after the start. */
const IDLE_MS = 3_000;
/** In a larger room the server does not show who types. */
const MAX_TYPING_MEMBERS = 50;
/** @type {import('./server/server.js').Settings} */
const NO_SETTINGS = { default_room: 'lobby', max_message_bytes: 4_096, tokens: false };

/** The actions of messages are loaded this long after the connection is there. */
const ACTIONS_MS = 3_000;

class Chat {
  #settings;
  /** The open room. */
  #room = '';
  #rooms = new Rooms(() => this.#roomsChanged(), (room) => this.#mentions.read(room));
  #leaving = new Leaving(this.#rooms, (room, wasOpen) => {
    if (wasOpen) this.#go(room);
    else if (!onlyTouch()) this.#focusText();
  });
  #people = new People({
    changed: (room) => {
      if (room === this.#room) this.#schedule();
    },
    presenceChanged: (room, what, name) => {
      if (isOn('comings') && name !== me.name) this.#roomView.history.addPresence(room, what, name);
    },
    renamed: (room, before, name) => {
      if (isOn('comings')) this.#roomView.history.addRenaming({ before, name }, room);
    },
    typing: (room, names) => this.#withTyping((typing) => typing.apply(room, names)),
    ask: (room) => server.members(room).catch(() => null),
  });
  #roomView = new RoomView(this.#rooms, {
    viewer: (room) => this.#viewer(room),
    isOwn: (message) => this.#isOwn(message),
    arrived: (message) => this.#outbox.arrived(message),
    showOutbox: () => this.#showOutbox(),
    shown: () => this.#actions.keepStop(),
    showEmpty: (why) => this.#showEmpty(why),
    toNewest: () => this.#leavePlace(),
    gone: () => notice(translate('messageGone')),
  });
  #outbox = new Outbox({
    changed: () => this.#roomView.refresh(),
    timedOut: () => this.#transport.suspect(),
    duplicate: (room, id) => this.#roomView.history.drop(room, id),
    named: (name) => {
      session.set({ until: 0, ...session.get(), name });
      this.#nameChanged();
    },
    made: (change, message) => this.#made(change, message),
    dropped: (change, failure) => this.#actions.dropped(change, failure),
  });
  #quotes = new Quotes({ loaded: (id) => this.#message(id), changed: () => this.#roomView.refresh() });
  #actions;
  #mentions = new Mentions(this.#rooms, {
    isOwn: (message) => this.#isOwn(message),
    namesIn: (room) => this.#people.namesIn(room),
    openRoom: () => this.#room,
    alert: (alert) => void this.#alert(alert),
  });
  /** Stores messages for the time without a connection. @type {Promise<import('./later/keeping.js').Keeping | null> | null} */
  #keeping = null;
  #search = new Search(this.#roomView, () => this.#room);
  #composer;
  #transport = new Transport(server.root, (event) => this.#handle(event));
  #status = new Status(() => this.#tryAgain(), (reason, room) => this.#rights?.wordsOfEnd(reason, room) ?? null);
  #drawers = [
    new Drawer('rooms', 'open-rooms', '(min-width: 52rem)'),
    new Drawer('people', 'open-people', '(min-width: 72rem)'),
  ];
  #rights;
  /** Who types, loaded with the first key or the first event of it. @type {Promise<import('./later/typing.js').Typing | null> | null} */
  #typing = null;
  #isLive = false;
  /** Whether what follows the start was done. */
  #isPrepared = false;
  /** The state of the connection. @type {import('./stream/connection.js').StateEvent | null} */
  #state = null;
  #scheduled = false;
  /** The name at the last check; another tab may change it. */
  #name = '';
  /** Why the open room shows no message, if it shows none. @type {import('./view/empty_view.js').Emptiness | null} */
  #emptiness = null;
  /** The cursor of the last hello. */
  #cursor = '';

  /** @param {typeof NO_SETTINGS} settings of the server @param {typeof import('./later/rights.js').Rights | null} Rights if the server takes tokens */
  constructor(settings, Rights) {
    this.#settings = settings;
    this.#rights = Rights && new Rights({
      ended: () => this.#sessionChanged(),
      found: () => this.#roomView.refresh(),
      openBans: async (room) => (await this.#actions.load())?.openBans(room),
    });
    this.#composer = new Composer(settings.max_message_bytes, {
      send: (text, isAgain) => this.#submit(text, isAgain),
      names: () => this.#people.namesIn(this.#room).filter((name) => name !== me.name),
      turn: (pages) => this.#roomView.turn(pages),
      toNewest: () => this.#roomView.toNewest(),
      editLast: () => this.#actions.editLast(),
    });
    this.#actions = new MessageActions({
      message: (id) => this.#message(id),
      lastOwn: () => this.#lastOwn,
      isOwn: (message) => this.#isOwn(message),
      moderates: (room) => this.#moderates(room),
      mayWrite: (room) => this.#mayWrite(room),
      outbox: this.#outbox,
      composer: this.#composer,
      changed: (message) => this.#changed(message),
      show: (id) => this.#roomView.jumpTo(id),
      link: ({ room, id }) => `${server.pageOf(room)}#${id}`,
    });
    this.#watchForms();
    this.#watchButtons();
    watchKeys({
      help: () => void this.#showHelp(),
      focusText: () => this.#focusText(),
      jump: () => void this.#showSwitcher(),
      step: (by, onlyUnread) => this.#step(by, onlyUnread),
    });
    watchTheme();
    me.watchOwn(() => this.#outbox.answeredElsewhere());
    memory.watch('name', () => this.#nameChanged());
    memory.watch('session', () => this.#sessionChanged());
    addEventListener('hashchange', async () => {
      if (await sessionByLink(settings)) this.#sessionChanged();
    });
    // Also when only the hash changes.
    addEventListener('popstate', () => this.#goToAddress());
    this.#nameChanged();
    this.#goToAddress();
  }

  #goToAddress() {
    this.#go(this.#roomOfAddress(), false, server.messageOf(location.href));
  }

  #roomOfAddress() {
    const room = server.roomOf(location.href);
    if (room === null) return this.#settings.default_room;
    const known = readRoom(room);
    if (known === null) notice(translate('invalidRoom'));
    return known ?? this.#settings.default_room;
  }

  /**
   * Opens a room, and joins it if necessary.
   * @param {string} room @param {boolean} [isNew] whether to add it to the browser's history @param {string} [id] of a message that is to be shown
   */
  #go(room, isNew = true, id = '') {
    if (id && room === this.#room) return void this.#roomView.jumpTo(id);
    if (!this.#rooms.join(room)) {
      notice(translate('tooManyRooms', { n: MAX_JOINED }));
      if (this.#room) return;
      // Opened by a link: fall back to a joined room.
      room = /** @type {import('./state/rooms.js').Room} */ (this.#rooms.list[0]).name;
    }
    isNew &&= room !== this.#room;
    this.#room = room;
    if (isNew) history.pushState(null, '', server.pageOf(room));
    byId('room-title').textContent = room;
    this.#status.open(room);
    this.#rights?.open(room);
    if (this.#isLive) void this.#rights?.ask();
    this.#search.end();
    this.#actions.leave();
    this.#composer.open(room);
    this.#roomView.open(room, id);
    this.#drawers.forEach((drawer) => drawer.close());
    this.#subscribe();
    this.#schedule();
    if (!id && !onlyTouch()) this.#focusText();
  }

  /** The reader goes to the newest message: a link to another one is no longer the address. */
  #leavePlace() {
    this.#search.leavePlace();
    if (server.messageOf(location.href)) history.replaceState(history.state, '', server.pageOf(this.#room));
  }

  /** A link to a message of this server is followed in this page. @param {MouseEvent} event */
  #followLink(event) {
    const href = /** @type {Element} */ (event.target).closest('a')?.href;
    if (!href || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    const [link, id] = [server.linkIn(href), server.messageOf(href)];
    const room = link?.isOurs && id ? readRoom(link.room ?? this.#settings.default_room) : null;
    if (room === null) return;
    event.preventDefault();
    this.#go(room, true, id);
  }

  /** Whether a room can be left: all but the default room when it is the only one. @param {string} room */
  #mayLeave(room) {
    return this.#rooms.list.length > 1 || room !== this.#settings.default_room;
  }

  /** @param {string} room @param {boolean} [byKey] whether the focus was on the button of its row */
  #leave(room, byKey = false) {
    if (!this.#mayLeave(room)) {
      notice(translate('onlyRoom', { room }));
      return;
    }
    const at = this.#rooms.list.findIndex(({ name }) => name === room);
    const rest = this.#rooms.list.filter(({ name }) => name !== room);
    const next = rest[Math.min(at, rest.length - 1)];
    const wasOpen = room === this.#room;
    if (wasOpen && next) this.#go(next.name);
    this.#roomView.history.forget(room);
    this.#withKeeping((keeping) => keeping.left(room));
    this.#mentions.read(room);
    this.#leaving.leave(room, wasOpen, byKey);
  }

  #subscribe() {
    this.#transport.subscribe({ rooms: this.#rooms.list.map(({ name }) => name), name: me.name });
  }

  /** @param {import('./stream/transport.js').TabEvent} event */
  #handle(event) {
    switch (event.type) {
      case 'state':
        this.#status.set(event);
        this.#isLive = event.state === 'live';
        if (!this.#isLive && this.#typing) this.#withTyping((typing) => typing.forget());
        this.#state = event;
        if (this.#keeping || event.state === 'closed') this.#withKeeping((keeping) => keeping.set(event));
        if (event.state === 'live') {
          this.#prepare();
          void this.#rights?.ask();
          this.#outbox.back();
          this.#quotes.back();
          // A message can be changed without a connection, too.
          if (me.name) setTimeout(() => void this.#actions.load(), ACTIONS_MS);
          this.#roomView.back();
        }
        break;
      case 'hello':
        this.#cursor = event.hello.cursor;
        if (event.resumed) event.hello.rooms.forEach((room) => this.#roomView.resumed(room));
        else this.#catchUp(event.hello.rooms);
        break;
      case 'attached':
        this.#catchUp(event.snapshot.places);
        event.snapshot.presences.forEach((presence) => this.#people.apply(presence));
        break;
      case 'update':
        this.#outbox.arrived(event.message);
        if (this.#typing) this.#withTyping((typing) => typing.said(event.message));
        this.#roomView.add(event.message);
        this.#search.add(event.message);
        this.#mentions.check(event.message);
        break;
      case 'change':
        this.#changed(event.message, event.id);
        break;
      case 'expiring':
        this.#rights?.ends(event.until);
        break;
      case 'gap':
        this.#addGap(event);
        break;
      case 'presence':
        this.#people.apply(event.presence);
        break;
      case 'refused':
        if (event.code === 'invalid_name') this.#refusedName();
        break;
    }
  }

  /** A message was edited, deleted or reacted to. @param {import('./server/protocol.js').Message} message @param {string} [id] of the change */
  #changed(message, id) {
    if (message.deleted) {
      this.#mentions.forget(message);
      this.#withKeeping((keeping) => keeping.forget(message));
    }
    this.#quotes.changed(message);
    // Under its own id, it is a message that was deleted before it came.
    this.#search.change(message);
    if (id !== message.id) return this.#roomView.history.change(message);
    this.#outbox.arrived(message);
    this.#roomView.add(message);
  }

  /** The server has made a change, which the stream may bring later. @param {import('./state/letters.js').Entry} change @param {import('./server/protocol.js').Message | null} edited */
  #made(change, edited) {
    const { kind, target } = change;
    const known = this.#roomView.message(target);
    if (kind === 'edit' && edited) return this.#changed(edited);
    if (!known) return;
    const { id, room, number } = known;
    this.#changed(kind === 'delete' ? { id, room, number, deleted: true, name: '', message: '', created_at: '' } : withChanges(known, [change]));
  }

  /** A message of the open room, with own changes. @param {string} id */
  #message(id) {
    const message = this.#roomView.message(id);
    return message && withChanges(message, this.#outbox.changes(message.room));
  }

  /** The last own message that can be edited. */
  get #lastOwn() {
    const last = this.#roomView.findLast((message) => this.#isOwn(message) && !this.#message(message.id)?.deleted);
    return this.#outbox.shown(this.#room).at(-1) ?? (last && this.#message(last.id));
  }

  /** @param {{gap: import('./server/protocol.js').Gap, cursor: string}} event */
  #addGap({ gap, cursor }) {
    // With several rooms, only the last gap of a restart has a cursor of the new epoch. All of the old epoch is lost.
    const end = gap.reason === 'restart' && this.#cursor ? endOf(this.#cursor) : cursor;
    this.#roomView.history.addLost(this.#outbox.takeLost(gap.room, end));
    this.#roomView.history.addGap(gap);
  }

  /** Loads what was missed while there was no stream. @param {import('./stream/snapshot.js').RoomPosition[]} places */
  #catchUp(places) {
    for (const place of places) {
      // Messages published before a restart of the server are lost.
      if (place.newest) this.#roomView.history.addLost(this.#outbox.takeLost(place.room, startOf(place.newest)));
      this.#roomView.reconcile(place);
    }
    void this.#mentions.checkMissed(places.map(({ room }) => room));
  }

  /** Whether a message is an own one: by its id once the server has answered, before that by its echo. @param {{id: string}} message */
  #isOwn(message) {
    return me.isOwn(message) || this.#outbox.isEcho(message);
  }

  /** @param {import('./view/mentions.js').Alert} alert */
  async #alert(alert) {
    (await loaded(import('./later/ring.js')))?.raise(alert, () => this.#go(alert.room));
  }

  /** @param {string} room @param {HTMLElement} opener */
  async #chooseAlerts(room, opener) {
    const known = this.#rooms.get(room);
    const menu = await loaded(import('./later/alert_menu.js'));
    if (known) menu?.openAlertMenu(opener, known, (level) => this.#rooms.setAlerts(room, level));
  }

  /** Prepares for the first use of later/ and for the time without a connection, once the page is live and has nothing to do. */
  #prepare() {
    if (this.#isPrepared) return;
    this.#isPrepared = true;
    const prepare = async () => {
      this.#withKeeping((keeping) => this.#state && keeping.set(this.#state));
      (await styled(import('./later/installed.js')).catch(() => null))?.install((room) => this.#go(room));
    };
    // WebKit has no requestIdleCallback.
    if ('requestIdleCallback' in window) requestIdleCallback(() => void prepare(), { timeout: IDLE_MS });
    else setTimeout(() => void prepare(), IDLE_MS);
  }

  /** @param {(keeping: import('./later/keeping.js').Keeping) => void} use */
  async #withKeeping(use) {
    this.#keeping ??= import('./later/keeping.js').then(({ Keeping }) => new Keeping(
      () => this.#rooms.list.map(({ name }) => name),
      (room) => this.#roomView.history.last(room),
    )).catch(() => null);
    const keeping = await this.#keeping;
    if (keeping) use(keeping);
  }

  /** @param {string} typed @param {boolean} isAgain sent again, unchanged, after it was rejected @returns {boolean} whether it was accepted */
  #submit(typed, isAgain) {
    if (this.#actions.save(typed)) return true;
    const parsed = parse(typed);
    switch (parsed.kind) {
      case 'text':
        return this.#send(parsed.text);
      case 'command':
        return this.#run(parsed.command, parsed.rest);
      case 'unknown':
        if (isAgain) return this.#send(typed);
        this.#composer.hint(translate('noCommand', { command: parsed.typed }));
        return false;
      case 'incomplete':
        this.#composer.hint(translate('needsText', { command: parsed.typed }));
        return false;
    }
  }

  /** @param {string} text @returns {true} */
  #send(text) {
    this.#outbox.send(this.#room, text, this.#actions.takeAnswered());
    this.#roomView.sent();
    return true;
  }

  /** @param {import('./view/commands.js').Command} command @param {string} rest @returns {boolean} whether it was accepted */
  #run(command, rest) {
    switch (command) {
      case 'name':
        return this.#rename(rest, (hint) => this.#composer.hint(hint));
      case 'join':
        return this.#join(rest, (hint) => this.#composer.hint(hint));
      case 'leave':
        this.#leave(this.#room);
        return true;
      case 'clear':
        this.#roomView.clear();
        return true;
      case 'search':
        void this.#search.open(rest);
        return true;
      case 'invite':
        void this.#invite();
        return true;
      case 'help':
        void this.#showHelp();
        return true;
    }
  }

  /** @param {string} typed @param {(hint: string) => void} complain @returns {boolean} */
  #rename(typed, complain) {
    const name = readName(typed);
    const refusal = this.#refusalOf(name);
    if (refusal) {
      complain(refusal);
      return false;
    }
    if (this.#isTaken(name)) this.#askName(name);
    else this.#callMe(name);
    return true;
  }

  /** @param {string} name */
  #callMe(name) {
    me.name = name;
    this.#nameChanged();
  }

  /** Why a name can't be chosen; empty if it can. @param {string} name */
  #refusalOf(name) {
    return isName(name) ? this.#rights?.refusalOf(name) ?? '' : translate('invalidName');
  }

  /** Whether somebody else in the joined rooms has this name. @param {string} name */
  #isTaken(name) {
    return this.#people.isTaken(name, this.#rooms.list.map((room) => room.name), me.name);
  }

  /** Opens the dialog for another name. @param {string} [typed] submitted at once */
  #askName(typed) {
    const field = /** @type {HTMLInputElement} */ (byId('new-name'));
    const fixed = this.#rights?.refusalOf('') ?? '';
    complainIn('new-name-hint', '');
    byId('fixed-name').textContent = fixed;
    byId('fixed-name').hidden = !fixed;
    byId('save-name').hidden = field.readOnly = fixed !== '';
    field.value = fixed ? me.name : typed ?? me.name;
    openDialog('name-dialog');
    if (typed !== undefined && !fixed) /** @type {HTMLFormElement} */ (byId('name-form')).requestSubmit();
  }

  /** @param {string} form @param {string} field @param {string} hint @param {() => void} done */
  #watchName(form, field, hint, done) {
    onName(form, field, hint, {
      refusalOf: (name) => this.#refusalOf(name),
      isTaken: (name) => this.#isTaken(name),
      take: (name) => {
        this.#callMe(name);
        done();
      },
    });
  }

  async #invite() {
    (await loaded(import('./later/invite.js')))?.showInvite(this.#room, this.#access);
  }

  /** Who can read and write here, as far as it is known. */
  get #access() {
    const { tokens, anonymous } = this.#settings;
    if (this.#settings === NO_SETTINGS || tokens && !anonymous) return '';
    return translate(anonymous === 'read' ? 'anybodyReads' : anonymous === 'none' ? 'onlyTokens' : 'anybodyWrites');
  }

  /** @param {import('./view/empty_view.js').Emptiness | null} [why] by default as before */
  #showEmpty(why = this.#emptiness) {
    this.#emptiness = why;
    const isAlone = me.name !== '' && this.#people.in(this.#room)?.count === 1;
    showEmpty(why, this.#room, isAlone, () => void this.#invite());
  }

  /** @param {(typing: import('./later/typing.js').Typing) => void} use */
  async #withTyping(use) {
    this.#typing ??= import('./later/typing.js').then(({ Typing }) => new Typing({
      room: () => this.#room,
      isWanted: () => {
        const count = this.#people.in(this.#room)?.count ?? 0;
        return this.#isLive && me.name !== '' && count > 1 && count <= MAX_TYPING_MEMBERS;
      },
    })).catch(() => null);
    const typing = await this.#typing;
    if (typing) use(typing);
  }

  /** @param {string} typed @param {(hint: string) => void} complain @returns {boolean} */
  #join(typed, complain) {
    const link = server.linkIn(typed);
    if (link && !link.isOurs) {
      complain(translate('otherServer', { host: link.host }));
      return false;
    }
    const room = readRoom(link ? link.room ?? this.#settings.default_room : typed);
    if (room === null) {
      complain(translate('invalidRoom'));
      return false;
    }
    this.#go(room);
    return true;
  }

  /** The name was set, changed or removed. */
  #nameChanged() {
    const { name } = me;
    if (this.#name && name && name !== this.#name) {
      this.#people.renamed(this.#name, name);
      if (isOn('comings')) this.#roomView.history.addRenaming({ before: this.#name, name });
    }
    this.#name = name;
    byId('join').hidden = name !== '';
    byId('composer').hidden = name === '';
    byId('me').hidden = name === '';
    byId('me').replaceChildren(...personOf(name), make('span', 'sr-only', `, ${translate('rename')}`));
    byId('me').title = translate('rename');
    tint(byId('me'), name);
    if (this.#room) this.#subscribe();
    void this.#outbox.flush();
    this.#refresh();
  }

  /** A session has begun or ended, in any tab. */
  #sessionChanged() {
    this.#rights?.changed();
    this.#withKeeping((keeping) => keeping.sessionChanged());
    this.#roomView.history.forgetStored();
    // Notifications show messages of the session.
    this.#rooms.list.forEach(({ name }) => this.#mentions.read(name));
    this.#nameChanged();
    this.#transport.restart();
  }

  #tryAgain() {
    this.#rights?.again();
    this.#transport.retryNow();
    this.#roomView.back();
  }

  async #showSwitcher() {
    const module = await loaded(import('./later/switcher.js'));
    if (!module || document.querySelector('dialog[open]')) return;
    this.#drawers.forEach((drawer) => drawer.close());
    module.showSwitcher({
      rooms: this.#rooms.list,
      open: this.#room,
      names: this.#people.namesIn(this.#room).filter((name) => name !== me.name),
      go: (room) => this.#go(room),
      mention: (name) => this.#mention(name),
    });
  }

  /** @param {string} name */
  #mention(name) {
    this.#composer.insert(`@${name} `);
  }

  /** Goes to another room in the list. @param {1 | -1} by @param {boolean} onlyUnread */
  #step(by, onlyUnread) {
    const { list } = this.#rooms;
    const at = list.findIndex(({ name }) => name === this.#room);
    const order = list.map((_, index) => list[(at + by * (index + 1) + list.length * 2) % list.length]);
    const next = order.find((room) => room && room.name !== this.#room && (!onlyUnread || unread(room) > 0));
    if (next) this.#go(next.name);
  }

  async #showSettings() {
    const module = await loaded(import('./later/settings_dialog.js'));
    module?.showSettings({ session: this.#rights?.row ?? null, changed: () => this.#refresh(), help: () => void this.#showHelp() });
  }

  async #showHelp() {
    (await loaded(import('./later/help.js')))?.showHelp();
  }

  /** @param {string} room */
  #moderates(room) {
    return this.#rights?.moderates(room) ?? false;
  }

  /** Whether messages can be answered and reacted to. @param {string} room */
  #mayWrite(room) {
    const { tokens, anonymous } = this.#settings;
    if (me.name === '' || tokens && !session.get() && (anonymous === 'none' || anonymous === 'read')) return false;
    return this.#rights?.mayWrite(room) ?? true;
  }

  #refusedName() {
    const refused = me.name;
    me.name = '';
    this.#nameChanged();
    /** @type {HTMLInputElement} */ (byId('name')).value = refused;
    complainIn('name-hint', translate('refusedName'));
  }

  /** The field for the first name shows who can read what is written. */
  #showAccess() {
    byId('access').textContent = this.#access;
    byId('access').hidden = !this.#access;
  }

  #focusText() {
    if (me.name) this.#composer.focus();
    else byId('name').focus();
  }

  #watchForms() {
    this.#watchName('join', 'name', 'name-hint', () => this.#composer.focus());
    this.#watchName('name-form', 'new-name', 'new-name-hint', () => closeDialog('name-dialog'));
    onSubmit('join-form', 'new-room', 'room-hint', (typed, complain) => {
      if (!this.#join(typed, complain)) return false;
      closeDialog('join-dialog');
      // The dialog has returned the focus to its button.
      if (!onlyTouch()) this.#focusText();
      return true;
    });
  }

  #watchButtons() {
    watchDialogs();
    watchCopying(byId('scroller'));
    byId('log').addEventListener('click', (event) => this.#followLink(event));
    onClick('join-room', () => openDialog('join-dialog'));
    onClick('open-switcher', () => void this.#showSwitcher());
    onClick('open-settings', () => void this.#showSettings());
    onClick('me', () => this.#askName());
    onClick('copy-link', () => void this.#invite());
    onClick('invite', () => void this.#invite());
    byId('message').addEventListener('input', () => this.#withTyping((typing) => typing.typed()));
  }

  #roomsChanged() {
    if (!this.#room) return;
    // The room was left in another tab.
    if (!this.#rooms.get(this.#room)) return this.#go(this.#rooms.list[0]?.name ?? this.#settings.default_room);
    this.#subscribe();
    this.#schedule();
  }

  /** Updates the side lists and the title, at most once per frame. */
  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // Not by requestAnimationFrame: the title changes in hidden tabs, too.
    setTimeout(() => {
      this.#scheduled = false;
      showRooms(this.#rooms, this.#room, {
        go: (room) => this.#go(room),
        leave: (room, byKey) => this.#leave(room, byKey),
        mayLeave: (room) => this.#mayLeave(room),
        alerts: (room, opener) => void this.#chooseAlerts(room, opener),
      });
      if (document.visibilityState === 'visible') this.#people.list(this.#room);
      showPeople(this.#room, this.#people.in(this.#room), {
        me: me.name,
        speakers: () => this.#roomView.history.log(this.#room).speakers,
        chosen: (name) => {
          this.#drawers.forEach((drawer) => drawer.close());
          this.#mention(name);
        },
      });
      this.#showEmpty();
      showTitle(this.#rooms.unread(), this.#room);
    }, 16);
  }

  /** Who reads a room. @param {string} room @returns {import('./view/rows.js').Viewer} */
  #viewer(room) {
    return {
      me: me.name,
      names: this.#people.namesIn(room),
      isOwn: (message) => this.#isOwn(message),
      mayWrite: this.#mayWrite(room),
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
    const viewer = this.#viewer(this.#room);
    showOutbox(this.#outbox, this.#room, viewer, viewer.offers);
  }

  /** The name or the language has changed. */
  #refresh() {
    this.#composer.name();
    this.#showAccess();
    this.#status.refresh();
    this.#rights?.refresh();
    this.#roomView.refresh();
    this.#schedule();
  }
}

/** Starts the page; its texts are loaded. @param {import('./server/server.js').Settings | null} answer null if there was none */
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

/** Waits for a module that is loaded when it is used; null without the server. @template T @param {Promise<T>} module */
async function loaded(module) {
  try {
    return await styled(module);
  } catch {
    notice(translate('notNow'));
    return null;
  }
}
