// The menu of a room's bell: all messages, mentions or nothing.

import { showMenu } from './menu.js';
import { ALERT_LEVELS } from '../state/rooms.js';
import { byId } from '../view/dom.js';
import { isOn } from '../view/settings.js';
import { more } from '../words/more_words.js';

/** @param {HTMLElement} opener @param {import('../state/rooms.js').Room} room @param {(level: import('../state/rooms.js').AlertLevel) => void} chosen */
export function openAlertMenu(opener, room, chosen) {
  const levels = ALERT_LEVELS.map((level) => ({
    label: more(`alerts_${level}`),
    isChecked: level === room.alerts,
    act: () => {
      chosen(level);
      opener.focus();
    },
  }));
  const isOff = !isOn('sound') && !isOn('notify');
  const title = { label: more('alerts', { room: room.name }), heading: more('notifyMe') };
  showMenu(opener, [...levels, ...isOff ? [{ label: more('alertsOff'), act: () => byId('open-settings').click() }] : []], title);
}
