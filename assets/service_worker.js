// The service worker: the page without a network, and notifications where only a
// service worker may show them.
//
// It answers requests for the page and for its files. Everything else, such as the
// event stream, requests to the API and methods other than GET, goes to the network
// as if it were not there. It keeps no message: those are in later/kept.js.
//
// A classic script without imports: not every browser takes a module here.

const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));

/** The server's root, which may be below a path. */
const ROOT = new URL('../', location.href).href;
const SCRIPT = location.href;
/** Several servers may share an origin. */
const CACHE = `sse-chat.page ${ROOT}`;
/** A room whose page stands for those of all rooms. */
const ANY_ROOM = `${ROOT}r/lobby`;

/** After this, the page comes from the cache. */
const PAGE_MS = 4_000;
/** Shorter than the page waits for its settings. */
const FILE_MS = 2_000;
/** After a request without an answer, files come from the cache for this long. */
const LOST_MS = 10_000;
/** Answers of a proxy without its server. */
const NO_SERVER = [502, 503, 504];
/** Relative names of files in the page, its scripts and styles, which name all that they load. */
const NAMES = /(?:@import "|["'(](?=\.))([\w./-]+\.(?:js|css|json|svg|png|webmanifest|woff2))["')]/g;

/** When a request had no answer, by Date.now(). */
let lostAt = -Infinity;
/** Whether the operator has removed the service worker, which still serves open pages. */
let isGone = false;
/** @type {Promise<void> | null} while the files are being cached */
let keeping = null;

worker.addEventListener('install', (event) => {
  void worker.skipWaiting();
  // Without a cache, it still shows notifications; the next page fills the cache.
  event.waitUntil(keep().catch(() => {}));
});

worker.addEventListener('activate', (event) => event.waitUntil(worker.clients.claim()));

worker.addEventListener('fetch', (event) => {
  const { method, mode, url } = event.request;
  if (method !== 'GET' || !url.startsWith(ROOT)) return;
  const [path = ''] = url.slice(ROOT.length).split(/[?#]/);
  if (mode === 'navigate' && path === '') event.respondWith(page(event, ROOT));
  else if (mode === 'navigate' && /^r\/[^/]+$/.test(path)) event.respondWith(page(event, ANY_ROOM));
  else if (mode !== 'navigate' && path.startsWith('assets/') && url !== SCRIPT) event.respondWith(file(event));
});

/** A page: that of the server, if it answers in time. @param {FetchEvent} event @param {string} key in the cache */
async function page(event, key) {
  const answer = fetch(event.request);
  const fresh = await inTime(answer, PAGE_MS);
  if (fresh && !NO_SERVER.includes(fresh.status)) {
    lostAt = -Infinity;
    event.waitUntil(update(key, fresh).catch(() => {}));
    return fresh;
  }
  const known = await cached(key);
  if (!known) return answer;
  if (!fresh) {
    lostAt = Date.now();
    // On a slow network, the next load has what comes late.
    event.waitUntil(answer.then((late) => update(key, late)).catch(() => {}));
  }
  return known;
}

/** A file of the page. What is immutable comes from the cache, everything else from the server if it answers in time. @param {FetchEvent} event */
async function file(event) {
  const { request } = event;
  const known = await cached(request.url);
  if (known && (isImmutable(known) || Date.now() < lostAt + LOST_MS)) return known;
  const answer = fetch(request);
  const fresh = known ? await inTime(answer, FILE_MS) : await answer;
  // Only files of the cached page: all others are not needed without a network.
  if (!known) return fresh ?? answer;
  if (!fresh || !isSameFile(fresh, known)) return known;
  event.waitUntil(put(request.url, fresh.clone()).catch(() => {}));
  return fresh;
}

/** Whether a response is another version of a file, and not a part of it, an error or the form of a proxy to log in. @param {Response} fresh @param {Response} known */
const isSameFile = (fresh, known) => fresh.status === 200 && !fresh.redirected && fresh.headers.get('content-type') === known.headers.get('content-type');

/** The response; null if there is none in time. @param {Promise<Response>} answer @param {number} ms */
function inTime(answer, ms) {
  const late = new Promise((done) => { setTimeout(() => done(null), ms); });
  return /** @type {Promise<Response | null>} */ (Promise.race([answer.catch(() => null), late]));
}

/** @param {Response} response */
const isImmutable = (response) => /\bimmutable\b/.test(response.headers.get('cache-control') ?? '');

/** @param {string} url */
const cached = (url) => caches.match(url, { cacheName: CACHE, ignoreVary: true });

/** @param {string} url @param {Response} response */
async function put(url, response) {
  // Opening a cache makes it.
  if (!isGone) await (await caches.open(CACHE)).put(url, response);
}

/** The server has sent a page: caches it, if it is another one than before. @param {string} key @param {Response} fresh */
async function update(key, fresh) {
  if (await isWithdrawn()) return;
  const known = await cached(key);
  const isSame = known && fresh.headers.get('etag') !== null && known.headers.get('etag') === fresh.headers.get('etag');
  if (fresh.ok && !fresh.redirected && !isSame) await keep();
}

/** Whether the operator has removed the service worker: its script is gone. */
async function isWithdrawn() {
  if (isGone) return true;
  const { status } = await fetch(SCRIPT, { method: 'HEAD', cache: 'no-store' });
  if (status !== 404 && status !== 410) return false;
  isGone = true;
  await worker.registration.unregister();
  await caches.delete(CACHE);
  return true;
}

/** Caches the page with all of its files, once at a time. */
function keep() {
  keeping ??= keepAll().finally(() => { keeping = null; });
  return keeping;
}

async function keepAll() {
  /** @type {Map<string, Response>} */
  const found = new Map();
  const urls = new Set([ROOT, ANY_ROOM]);
  // The set grows by the files that are found.
  for (const url of urls) {
    const response = await responseOf(url);
    // A name in a text that is no file.
    if (!response.ok) continue;
    found.set(url, response);
    if (!/html|javascript|css/.test(response.headers.get('content-type') ?? '')) continue;
    for (const [, name = ''] of (await response.clone().text()).matchAll(NAMES)) {
      const other = new URL(name, url).href;
      if (other.startsWith(`${ROOT}assets/`) && other !== SCRIPT) urls.add(other);
    }
  }
  if (!await isConsistent(found)) throw new Error('the page has changed meanwhile, or is another one');
  const cache = await caches.open(CACHE);
  const pages = [ROOT, ANY_ROOM];
  // The pages last: whatever they name is there.
  const order = [...found].sort(([a], [b]) => Number(pages.includes(a)) - Number(pages.includes(b)));
  for (const [url, response] of order) await cache.put(url, response);
  for (const { url } of await cache.keys()) if (!found.has(url)) await cache.delete(url);
}

/** A file, from the cache if it can't have changed. @param {string} url */
async function responseOf(url) {
  const known = await cached(url);
  return known && isImmutable(known) ? known : fetch(url);
}

/** Whether these are the files of one version of the page, and not the form of a proxy to log in. @param {Map<string, Response>} found */
async function isConsistent(found) {
  const now = await fetch(ROOT);
  const [before, room] = [found.get(ROOT), found.get(ANY_ROOM)];
  return [before, room, now].every((response) => response?.redirected === false)
    && [...found.keys()].some((url) => url.endsWith('.js'))
    && now.headers.get('etag') === before?.headers.get('etag');
}

/** @typedef {{room: string, id: string}} NotificationData of a notification of the page (later/ring.js) */

worker.addEventListener('notificationclick', (event) => {
  const { room, id } = /** @type {NotificationData} */ (event.notification.data);
  event.notification.close();
  event.waitUntil(open(`${ROOT}r/${encodeURIComponent(room)}`, room, id));
});

/** Focuses a tab, which opens the room, or opens a tab. @param {string} address @param {string} room @param {string} id of the newest message */
async function open(address, room, id) {
  const all = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const ours = all.filter(({ url }) => url.startsWith(ROOT));
  const tab = ours.find(({ url }) => url.split(/[?#]/)[0] === address) ?? ours[0];
  if (!tab) return void await worker.clients.openWindow(`${address}#${id}`);
  tab.postMessage({ type: 'open', room });
  await tab.focus();
}
