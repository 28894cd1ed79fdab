// The newest messages of the room of the address, requested while the rest of the
// page is being loaded. The server announces the same request in a header of the
// page (src/http/page/preload.rs), so that browsers begin with it.

import { server } from '../server/server.js';

/** @typedef {import('../server/server.js').Page} Page */

/** As in the header. */
export const FIRST_MESSAGES = 10;

/** @type {{room: string, page: Promise<Page | null>} | null} */
let requested = null;

export const firstPage = {
  /** @param {string} room @returns {Promise<Page | null>} null if it failed */
  request(room) {
    const page = server.messages(room, { limit: FIRST_MESSAGES }).catch(() => null);
    requested = { room, page };
    return page;
  },

  /** What was requested, once and first of all; null without it. @param {string} room @returns {Promise<Page | null>} */
  async take(room) {
    const taken = requested;
    requested = null;
    return taken?.room === room ? taken.page : null;
  },
};
