// The chat page. This file puts its parts together and does nothing else.
//
// In:  transport.js (the stream, shared by all tabs) -> talk.js (the open room),
//      rooms.js (what is unread), people.js (who is here).
// Out: composer.js (the text) -> commands.js -> outbox.js -> the server.
//
// What people wrote becomes textContent and nothing else (dom.js, text.js).

import { alertOf, showTitle } from './alerts.js';
import { tint } from './colour.js';
import { parse } from './commands.js';
import { Composer, isComposing, onlyTouch } from './composer.js';
import { watchCopying } from './copying.js';
import { closeDialog, Drawer, openDialog, watchDialogs } from './dialogs.js';
import { byId, copy, make, onClick } from './dom.js';
import { complainIn, onSubmit } from './forms.js';
import { fillWords, say } from './language.js';
import { Leaving } from './leaving.js';
import { me } from './me.js';
import { memory } from './memory.js';
import { notice } from './notice.js';
import { Outbox } from './outbox.js';
import { showOutbox } from './outbox_view.js';
import { People } from './people.js';
import { personOf, showPeople } from './people_view.js';
import { endOf, isName, isUpTo, readName, readRoom, startOf } from './protocol.js';
import { MAX_JOINED, Rooms, unread } from './rooms.js';
import { Search } from './search.js';
import { server } from './server.js';
import { isOn, watchSettings } from './settings.js';
import { showRooms } from './sidebar.js';
import { Status } from './status.js';
import { Talk } from './talk.js';
import { mentions } from './text.js';
import { Transport } from './transport.js';
import { fitAboveKeyboard } from './viewport.js';

/** Unread messages of a room that are looked through for a name. */
const MAX_LOOKED_BACK = 100;
/** Longer than a tab takes to tell the others what has been read in it. */
const ALERT_MS = 1_000;
/** Longer than storage takes to reach all tabs. */
const RUNG_MS = 10_000;
/** For who has to copy a link by hand. */
const BY_HAND_MS = 60_000;
const NO_SETTINGS = { default_room: 'lobby', max_message_bytes: 4_096 };

class Chat {
  #settings;
  /** The open room. */
  #room = '';
  #rooms = new Rooms(() => this.#roomsChanged());
  #leaving = new Leaving(this.#rooms, (room, wasOpen) => {
    if (wasOpen) this.#go(room);
    else if (!onlyTouch()) this.#focusText();
  });
  #people = new People({
    changed: (room) => {
      if (room === this.#room) this.#schedule();
    },
    coming: (room, what, name) => {
      if (isOn('comings') && name !== me.name) this.#talk.addComing(room, what, name);
    },
    ask: (room) => server.members(room).catch(() => null),
  });
  #talk = new Talk(this.#rooms, {
    me: () => me.name,
    names: (room) => this.#people.namesIn(room),
    isOwn: (message) => this.#isOwn(message),
    arrived: (message) => this.#outbox.arrived(message),
    showOutbox: () => this.#showOutbox(),
    shown: () => this.#search.apply(),
    endSearch: () => this.#search.close(),
  });
  #outbox = new Outbox({
    changed: () => this.#talk.refresh(),
    silent: () => this.#transport.suspect(),
    twice: (room, id) => this.#talk.drop(room, id),
  });
  #search = new Search({ begins: () => this.#talk.filter(true), ends: () => this.#talk.filter(false) });
  #composer;
  #transport = new Transport(server.root, (event) => this.#heard(event));
  #status = new Status(() => this.#transport.now());
  #drawers = [
    new Drawer('rooms', 'open-rooms', '(min-width: 52rem)'),
    new Drawer('people', 'open-people', '(min-width: 72rem)'),
  ];
  #scheduled = false;
  /** As it was when it was looked at last: it may be changed in another tab. */
  #name = '';
  /** Where the stream began. */
  #cursor = '';

  /** @param {typeof NO_SETTINGS} settings the server's */
  constructor(settings) {
    this.#settings = settings;
    this.#composer = new Composer(settings.max_message_bytes, {
      said: (text, isAgain) => this.#say(text, isAgain),
      names: () => this.#people.namesIn(this.#room).filter((name) => name !== me.name),
      turn: (pages) => this.#talk.turn(pages),
      toNewest: () => this.#talk.toNewest(),
    });
    this.#watchForms();
    this.#watchButtons();
    this.#watchKeys();
    watchSettings(() => this.#refresh());
    me.watchOwn(() => this.#outbox.answeredElsewhere());
    memory.watch('name', () => this.#named());
    addEventListener('popstate', () => this.#go(this.#roomOfAddress(), false));
    this.#named();
    this.#go(this.#roomOfAddress(), false);
  }

  #roomOfAddress() {
    const room = server.roomOf(location.href);
    if (room === null) return this.#settings.default_room;
    const known = readRoom(room);
    if (known === null) notice(say('invalidRoom'));
    return known ?? this.#settings.default_room;
  }

  /** Opens a room, and joins it if that has not been done. @param {string} room @param {boolean} [isNew] for the browser's history */
  #go(room, isNew = true) {
    if (!this.#rooms.join(room)) {
      notice(say('tooManyRooms', { n: MAX_JOINED }));
      if (this.#room) return;
      // Who comes by a link must be somewhere.
      room = /** @type {import('./rooms.js').Room} */ (this.#rooms.list[0]).name;
    }
    isNew &&= room !== this.#room;
    this.#room = room;
    if (isNew) history.pushState(null, '', server.pageOf(room));
    byId('room-title').textContent = room;
    this.#search.close();
    this.#composer.open(room);
    this.#talk.open(room);
    this.#drawers.forEach((drawer) => drawer.close());
    this.#want();
    this.#schedule();
    if (!onlyTouch()) this.#focusText();
  }

  /** There is always a room: who has left all others is in the default one. @param {string} room */
  #mayLeave(room) {
    return this.#rooms.list.length > 1 || room !== this.#settings.default_room;
  }

  /** @param {string} room @param {boolean} [byKey] whether the focus was on the button of its row */
  #leave(room, byKey = false) {
    if (!this.#mayLeave(room)) {
      notice(say('onlyRoom', { room }));
      return;
    }
    const at = this.#rooms.list.findIndex(({ name }) => name === room);
    const rest = this.#rooms.list.filter(({ name }) => name !== room);
    const next = rest[Math.min(at, rest.length - 1)];
    const wasOpen = room === this.#room;
    if (wasOpen && next) this.#go(next.name);
    this.#talk.forget(room);
    this.#leaving.leave(room, wasOpen, byKey);
  }

  #want() {
    this.#transport.want({ rooms: this.#rooms.list.map(({ name }) => name), name: me.name });
  }

  /** @param {import('./transport.js').TabEvent} event */
  #heard(event) {
    switch (event.type) {
      case 'state':
        this.#status.set(event);
        if (event.state === 'live') {
          this.#outbox.back();
          this.#talk.back();
        }
        break;
      case 'hello':
        this.#cursor = event.hello.cursor;
        if (event.resumed) event.hello.rooms.forEach((room) => this.#talk.resumed(room));
        else this.#catchUp(event.hello.rooms);
        break;
      case 'attached':
        this.#catchUp(event.told.places);
        event.told.presences.forEach((presence) => this.#people.apply(presence));
        break;
      case 'update':
        this.#outbox.arrived(event.message);
        this.#talk.add(event.message);
        this.#lookForMe(event.message);
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

  /** @param {{gap: import('./protocol.js').Gap, cursor: string}} event */
  #addGap({ gap, cursor }) {
    // Of several rooms, only the last gap of a restart leads into the new epoch: all of the old one is lost.
    const end = gap.reason === 'restart' && this.#cursor ? endOf(this.#cursor) : cursor;
    this.#talk.addLost(this.#outbox.takeLost(gap.room, end));
    this.#talk.addGap(gap);
  }

  /** After a time in which nothing was heard. @param {import('./snapshot.js').Place[]} places */
  #catchUp(places) {
    for (const place of places) {
      // What was said to a server that has been restarted since will not come back.
      if (place.newest) this.#talk.addLost(this.#outbox.takeLost(place.room, startOf(place.newest)));
      this.#talk.reconcile(place);
    }
    void this.#lookBack(places.map(({ room }) => room));
  }

  /** Whether somebody was meant while this browser was closed. @param {string[]} rooms */
  async #lookBack(rooms) {
    for (const room of rooms) {
      const kept = this.#rooms.get(room);
      if (!kept?.read || unread(kept) === 0 || room === this.#room) continue;
      const page = await server.messages(room, { after: kept.read.id, limit: MAX_LOOKED_BACK }).catch(() => null);
      page?.messages.forEach((message) => this.#lookForMe(message, false));
    }
  }

  /** Known by the server's answer, or likely until that is there. @param {import('./protocol.js').Message} message */
  #isOwn(message) {
    return me.isOwn(message) || this.#outbox.isEcho(message);
  }

  /** @param {import('./protocol.js').Message} message */
  #lookForMe(message, isNews = true) {
    if (this.#isOwn(message) || !mentions(message.message, me.name, this.#people.namesIn(message.room))) return;
    this.#rooms.mentioned(message.room, message.id);
    const isSeen = message.room === this.#room && document.visibilityState === 'visible';
    if (!isNews || isSeen) return;
    // Another tab may show it, or be the one that rings.
    setTimeout(() => {
      const read = this.#rooms.get(message.room)?.read;
      if (this.#isOwn(message)) return;
      if (read && isUpTo(message.id, read.id) || memory.get('rung', '') === message.id) return;
      memory.set('rung', message.id);
      const ring = () => alertOf(message, () => this.#go(message.room));
      // Tabs learn late what is in storage. Plain HTTP has no locks, nor notifications.
      if (!navigator.locks) return ring();
      void navigator.locks.request(`sse-chat.${message.id}`, { ifAvailable: true }, (lock) => {
        if (!lock) return;
        ring();
        return new Promise((done) => { setTimeout(done, RUNG_MS); });
      });
    }, ALERT_MS + Math.random() * ALERT_MS);
  }

  /** @param {string} typed @param {boolean} isAgain it was not taken, and is sent unchanged @returns {boolean} whether it was taken */
  #say(typed, isAgain) {
    const parsed = parse(typed);
    switch (parsed.kind) {
      case 'say':
        return this.#send(parsed.text);
      case 'command':
        return this.#run(parsed.command, parsed.rest);
      case 'unknown':
        if (isAgain) return this.#send(typed);
        this.#composer.hint(say('noCommand', { command: parsed.typed }));
        return false;
      case 'incomplete':
        this.#composer.hint(say('needsText', { command: parsed.typed }));
        return false;
    }
  }

  /** @param {string} text @returns {true} */
  #send(text) {
    this.#outbox.send(this.#room, text);
    this.#talk.spoke();
    return true;
  }

  /** @param {import('./commands.js').Command} command @param {string} rest @returns {boolean} whether it was taken */
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
        this.#talk.clear();
        return true;
      case 'help':
        openDialog('help-dialog');
        return true;
    }
  }

  /** @param {string} typed @param {(hint: string) => void} complain @returns {boolean} */
  #rename(typed, complain) {
    const name = readName(typed);
    if (!isName(name)) {
      complain(say('invalidName'));
      return false;
    }
    me.name = name;
    this.#named();
    return true;
  }

  /** @param {string} typed @param {(hint: string) => void} complain @returns {boolean} */
  #join(typed, complain) {
    const link = server.linkIn(typed);
    if (link && !link.isOurs) {
      complain(say('otherServer', { host: link.host }));
      return false;
    }
    const room = readRoom(link ? link.room ?? this.#settings.default_room : typed);
    if (room === null) {
      complain(say('invalidRoom'));
      return false;
    }
    this.#go(room);
    return true;
  }

  /** There is a name, another name, or none. */
  #named() {
    const { name } = me;
    if (this.#name && name && name !== this.#name) {
      this.#people.renamed(this.#name, name);
      if (isOn('comings')) this.#talk.addRenaming({ before: this.#name, name });
    }
    this.#name = name;
    byId('join').hidden = name !== '';
    byId('composer').hidden = name === '';
    byId('me').hidden = name === '';
    byId('me').replaceChildren(...personOf(name), make('span', 'sr-only', `, ${say('rename')}`));
    byId('me').title = say('rename');
    tint(byId('me'), name);
    if (this.#room) this.#want();
    void this.#outbox.flush();
    this.#refresh();
  }

  #refusedName() {
    const refused = me.name;
    me.name = '';
    this.#named();
    /** @type {HTMLInputElement} */ (byId('name')).value = refused;
    complainIn('name-hint', say('refusedName'));
  }

  #focusText() {
    if (me.name) this.#composer.focus();
    else byId('name').focus();
  }

  #watchForms() {
    onSubmit('join', 'name', 'name-hint', (typed, complain) => this.#rename(typed, complain) && (this.#composer.focus(), true));
    onSubmit('name-form', 'new-name', 'new-name-hint', (typed, complain) => {
      if (!this.#rename(typed, complain)) return false;
      closeDialog('name-dialog');
      return true;
    });
    onSubmit('join-form', 'new-room', 'room-hint', (typed, complain) => {
      if (!this.#join(typed, complain)) return false;
      closeDialog('join-dialog');
      // The dialog gave the focus back to its button.
      if (!onlyTouch()) this.#focusText();
      return true;
    });
  }

  #watchButtons() {
    watchDialogs();
    watchCopying(byId('scroller'));
    onClick('join-room', () => openDialog('join-dialog'));
    onClick('open-settings', () => openDialog('settings-dialog'));
    onClick('me', () => {
      /** @type {HTMLInputElement} */ (byId('new-name')).value = me.name;
      openDialog('name-dialog');
    });
    onClick('open-help', () => {
      closeDialog('settings-dialog');
      openDialog('help-dialog');
    });
    onClick('copy-link', async () => {
      const link = server.pageOf(this.#room);
      if (await copy(link)) notice(say('linkCopied'));
      else notice(say('copyByHand', { link }), BY_HAND_MS);
    });
  }

  /** Keys that work wherever the focus is, but not where somebody writes. */
  #watchKeys() {
    addEventListener('keydown', (event) => {
      const at = /** @type {Element} */ (event.target);
      const isWriting = at.matches('input, textarea, select') || document.querySelector('dialog[open]') !== null;
      if (isWriting || isComposing(event) || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === '?') openDialog('help-dialog');
      else if (event.key === '/') this.#focusText();
      else if (event.key.length === 1 && event.key !== ' ') return this.#focusText();
      else return;
      event.preventDefault();
    });
  }

  #roomsChanged() {
    if (!this.#room) return;
    // Left in another tab.
    if (!this.#rooms.get(this.#room)) return this.#go(this.#rooms.list[0]?.name ?? this.#settings.default_room);
    this.#want();
    this.#schedule();
  }

  /** What is beside the talk is drawn at most once a frame. */
  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // Not by the frame: the title changes in a tab that nobody sees, too.
    setTimeout(() => {
      this.#scheduled = false;
      showRooms(this.#rooms, this.#room, {
        go: (room) => this.#go(room),
        leave: (room, byKey) => this.#leave(room, byKey),
        mayLeave: (room) => this.#mayLeave(room),
      });
      if (document.visibilityState === 'visible') this.#people.list(this.#room);
      showPeople(this.#people.in(this.#room), me.name, (name) => {
        this.#drawers.forEach((drawer) => drawer.close());
        this.#composer.insert(`@${name} `);
      });
      showTitle(this.#rooms.unread, this.#room);
    }, 16);
  }

  #showOutbox() {
    const eye = { me: me.name, names: this.#people.namesIn(this.#room) };
    showOutbox(this.#outbox, this.#room, eye, {
      again: (entry) => this.#outbox.again(entry),
      edit: (entry) => {
        this.#outbox.remove(entry);
        this.#composer.edit(entry.text);
      },
      remove: (entry) => this.#outbox.remove(entry),
    });
  }

  /** The name or the language is another. */
  #refresh() {
    this.#composer.name();
    this.#status.refresh();
    this.#talk.refresh();
    this.#schedule();
  }
}

// The page's address changes with the room, and relative links would with it.
for (const link of document.querySelectorAll('link')) link.href = link.href;
fitAboveKeyboard();
fillWords(document);
new Chat(await server.settings().catch(() => NO_SETTINGS));
