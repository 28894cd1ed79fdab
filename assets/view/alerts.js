// The unread count in the title, and whether notifications are possible.

import { translate } from '../words/language.js';

/** @param {number} unread @param {string} room */
export function showTitle(unread, room) {
  const title = `${unread > 0 ? `(${unread}) ` : ''}${room} · sse-chat`;
  if (title === document.title) return;
  document.title = title;
  // Only for an installed app.
  if ('setAppBadge' in navigator) void (unread > 0 ? navigator.setAppBadge(unread) : navigator.clearAppBadge()).catch(() => {});
}

/** Why notifications are unavailable; null if they are available. */
export function whyNoNotifications() {
  if (!isSecureContext) return translate('notifyInsecure');
  // iOS has notifications only for pages on the home screen.
  if (typeof Notification !== 'function') return translate('notifyInstall');
  return Notification.permission === 'denied' ? translate('notifyDenied') : null;
}

/** @returns {Promise<boolean>} */
export async function allowNotifications() {
  return whyNoNotifications() === null && await Notification.requestPermission() === 'granted';
}
