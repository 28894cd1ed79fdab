// A sound and a notification for a mention, if enabled.

import { whyNoNotifications } from '../view/alerts.js';
import { memory } from '../state/memory.js';

/** @typedef {import('../server/protocol.js').Message} Message */

/** @param {Message} message @param {() => void} opened */
export function alertOf(message, opened) {
  if (memory.get('sound', false)) chime();
  if (!memory.get('notify', false) || whyNoNotifications() !== null || Notification.permission !== 'granted') return;
  try {
    const shown = new Notification(`${message.name} · ${message.room}`, { body: message.message.slice(0, 200), tag: message.id });
    shown.addEventListener('click', () => {
      focus();
      opened();
      shown.close();
    });
  } catch {
    // Mobile browsers need a service worker for it, which this page does not have.
  }
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
