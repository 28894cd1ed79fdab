// The sound and the notification of an alert, if enabled. There is one notification
// per room, which the next one replaces.

import { alerted } from '../state/alerted.js';
import { memory } from '../state/memory.js';
import { more } from '../words/more_words.js';
import { server } from '../server/server.js';

/** @typedef {import('../view/mentions.js').Alert} Alert */
/** @typedef {{room: string, id: string, count: number}} NotificationData read by service_worker.js when the notification is clicked */

/** Between two sounds of messages that are no mentions. */
const SOUND_MS = 10_000;
const MAX_BODY = 200;

/** Notifications of this tab, where there is no service worker. @type {Map<string, Notification>} */
const shown = new Map();
let soundedAt = -Infinity;

// The room was read in another tab.
alerted.watch(() => {
  const rooms = alerted.get();
  for (const room of shown.keys()) if (!rooms.has(room)) void clear(room);
});

/** @param {Alert} alert @param {() => void} opened the notification was clicked */
export function raise(alert, opened) {
  if (memory.get('sound', false) && (alert.isMention || Date.now() > soundedAt + SOUND_MS)) {
    soundedAt = Date.now();
    chime();
  }
  if (!memory.get('notify', false) || !isSecureContext || typeof Notification !== 'function' || Notification.permission !== 'granted') return;
  void notify(alert, opened);
}

/** Removes the notification of a room, which was read. @param {string} room */
export async function clear(room) {
  shown.get(room)?.close();
  shown.delete(room);
  const registration = await installed();
  for (const old of await registration?.getNotifications({ tag: tagOf(room) }) ?? []) old.close();
}

/** @param {string} room */
const tagOf = (room) => `sse-chat ${server.root.pathname} ${room}`;

/** The service worker, without which browsers of phones show no notifications. */
async function installed() {
  const registration = await navigator.serviceWorker?.getRegistration(server.root.href).catch(() => undefined);
  return registration?.active ? registration : undefined;
}

/** @param {Alert} alert @param {() => void} opened */
async function notify(alert, opened) {
  const { room, isMention } = alert;
  const registration = await installed();
  const tag = tagOf(room);
  const [old] = await registration?.getNotifications({ tag }) ?? [];
  const { title, body, data } = contentOf(alert, (old ?? shown.get(room))?.data?.count ?? 0);
  // A mention is signalled again; other messages replace the notification silently.
  const options = { body, tag, data, ...isMention ? { renotify: true } : {} };
  try {
    if (registration) return await registration.showNotification(title, options);
    const notification = new Notification(title, options);
    shown.set(room, notification);
    notification.addEventListener('click', () => {
      focus();
      opened();
      notification.close();
    });
  } catch {
    // Browsers of phones need a service worker, which may not be there yet.
  }
}

/** @param {Alert} alert @param {number} before messages of the notification that is replaced */
function contentOf({ room, messages }, before) {
  const { name = '', message = '', id = '' } = messages.at(-1) ?? {};
  const text = message.replace(/^\/me /, '').slice(0, MAX_BODY);
  const count = before + messages.length;
  const data = /** @type {NotificationData} */ ({ room, id, count });
  if (count === 1) return { title: `${name} · ${room}`, body: text, data };
  return { title: `${room} · ${more('newMessages', { n: count })}`, body: `${name}: ${text}`, data };
}

/** @type {AudioContext | undefined} */
let audio;

/** Two soft tones, synthesized, so that no file is loaded. */
export function chime() {
  // Browsers allow sound only after user input.
  if (!navigator.userActivation.hasBeenActive) return;
  audio ??= new AudioContext();
  for (const [index, pitch] of [659, 880].entries()) {
    const [tone, volume] = [audio.createOscillator(), audio.createGain()];
    const from = audio.currentTime + index * 0.12;
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0, from);
    volume.gain.linearRampToValueAtTime(0.08, from + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, from + 0.35);
    tone.connect(volume).connect(audio.destination);
    tone.start(from);
    tone.stop(from + 0.4);
  }
}
