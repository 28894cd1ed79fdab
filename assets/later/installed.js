// Registers the service worker, where the browser has one for this page, and opens
// the room of a notification that it was clicked on.

import { server } from '../server/server.js';

/** @param {(room: string) => void} open */
export async function install(open) {
  const { serviceWorker } = navigator;
  // Over plain HTTP there is none.
  if (!isSecureContext || !serviceWorker) return;
  serviceWorker.addEventListener('message', ({ data }) => {
    if (data?.type === 'open' && typeof data.room === 'string') open(data.room);
  });
  serviceWorker.startMessages();
  // The address has no version, so that each version updates the same registration.
  const script = new URL('assets/service_worker.js', server.root);
  // A page that has it needs no registration, which would undo a withdrawal.
  if (serviceWorker.controller?.scriptURL === script.href) return;
  // It may be forbidden by the browser, or withdrawn by the operator. The page needs none.
  await serviceWorker.register(script, { scope: server.root.href }).catch(() => {});
}
