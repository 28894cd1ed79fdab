// The unread count in the title.

/** @param {number} unread @param {string} room */
export function showTitle(unread, room) {
  const title = `${unread > 0 ? `(${unread}) ` : ''}${room} · sse-chat`;
  if (title === document.title) return;
  document.title = title;
  // Only for an installed app.
  if ('setAppBadge' in navigator) void (unread > 0 ? navigator.setAppBadge(unread) : navigator.clearAppBadge()).catch(() => {});
}
