// nginx, HAProxy and Caddy from Debian, run for one test by the recipes of
// docs/proxies/. Only ports, paths and the number of connections differ from
// the recipes, and what a test says.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as retryDelay } from 'node:timers/promises';
import { promisify } from 'node:util';

import { certify } from './certificate.mjs';
import { freePorts } from './ports.mjs';
import { within } from './server.mjs';

/** The name of the site in all recipes. */
export const SITE = 'chat.example.org';

/** How docs/proxies.md says to start a server that is behind one of them. */
export const BEHIND = ['--trusted-proxy', '127.0.0.1/32', '--allowed-host', SITE];

const RECIPES = new URL('../../docs/proxies/', import.meta.url);

/**
 * @typedef {{server: string, http: number, https: number, admin: number, folder: string}} Places
 * @typedef {object} Kind
 * @property {string} recipe
 * @property {(places: Places) => [string, string][]} places what stands in the recipe, and what the test has there
 * @property {[string, string][]} prefix what docs/proxies.md says to change for a server below /chat/
 * @property {(file: string, folder: string) => [string, ...string[]]} command
 * @property {RegExp} ready the line of its log that says that it answers
 * @property {RegExp} reloaded the line of its log that says that what ran before a reload stops
 * @property {(front: Front) => Promise<unknown>} reload
 */

/** @type {Record<string, Kind>} */
const KINDS = {
  nginx: {
    recipe: 'nginx.conf',
    places: ({ server, http, https, folder }) => [
      ['worker_rlimit_nofile 65536;', ''],
      ['worker_connections 32768;', 'worker_connections 1024;'],
      ['listen 80;\n', `listen 127.0.0.1:${http};\n`],
      ['listen [::]:80;\n', ''],
      ['listen 443 ssl http2;', `listen 127.0.0.1:${https} ssl http2;`],
      ['listen [::]:443 ssl http2;\n', ''],
      ['server 127.0.0.1:8080;', `server ${server};`],
      ['/run/nginx.pid', `${folder}/pid`],
      ['/var/log/nginx/access.log', 'off'],
      ['error_log /var/log/nginx/error.log;', 'error_log stderr notice;'],
      // Temporary files are below /var/lib, which is there only once for all.
      ['http {\n', `http {\n${temporaryFiles(folder)}`],
      [`/etc/letsencrypt/live/${SITE}/fullchain.pem`, `${folder}/certificate.pem`],
      [`/etc/letsencrypt/live/${SITE}/privkey.pem`, `${folder}/key.pem`],
    ],
    prefix: [['location / {', 'location /chat/ {'], ['proxy_pass http://sse_chat;', 'proxy_pass http://sse_chat/;']],
    command: (file, folder) => ['/usr/sbin/nginx', '-p', folder, '-e', 'stderr', '-c', file, '-g', 'daemon off;'],
    ready: /start worker process \d+/,
    reloaded: /gracefully shutting down/,
    reload: async (front) => front.signalMain('SIGHUP'),
  },
  HAProxy: {
    recipe: 'haproxy.cfg',
    places: ({ server, http, https, folder }) => [
      ['maxconn 30000', 'maxconn 500'],
      ['bind :80,:::80 v6only\n', `bind 127.0.0.1:${http}\n`],
      ['bind :443,:::443 v6only ', `bind 127.0.0.1:${https} `],
      ['server one 127.0.0.1:8080', `server one ${server}`],
      [`/etc/haproxy/${SITE}.pem`, `${folder}/both.pem`],
    ],
    prefix: [['    default_backend sse_chat', '    use_backend sse_chat if { path_beg /chat/ }'],
      ['backend sse_chat\n', 'backend sse_chat\n    http-request replace-path /chat(/.*) \\1\n']],
    command: (file, folder) => ['/usr/sbin/haproxy', '-W', '-db', '-S', join(folder, MASTER_SOCKET), '-f', file],
    ready: /Loading success/,
    reloaded: /Proxy chat stopped/,
    // Not by SIGUSR2: the master ignores it until it has entered its loop, which may be after its worker
    // answers. systemd waits for READY=1, which comes later. The socket answers from within the loop.
    reload: (front) => askMaster(join(front.folder, MASTER_SOCKET), 'reload\n'),
  },
  Caddy: {
    recipe: 'Caddyfile',
    places: ({ server, http, https, admin, folder }) => [
      ['\tgrace_period 3s', `\tgrace_period 3s\n\tadmin 127.0.0.1:${admin}\n\thttp_port ${http}\n\thttps_port ${https}\n\tdefault_bind 127.0.0.1`],
      [`\n${SITE} {`, `\n${SITE} {\n\ttls ${folder}/certificate.pem ${folder}/key.pem`],
      ['reverse_proxy 127.0.0.1:8080', `reverse_proxy ${server}`],
    ],
    prefix: [['\treverse_proxy', '\thandle_path /chat/* {\n\treverse_proxy'], [/\n}\n$/, '\n}\n}\n']],
    command: (file) => ['caddy', 'run', '--adapter', 'caddyfile', '--config', file],
    ready: /serving initial configuration/,
    reloaded: /"load complete"/,
    // `--force`, since the configuration is the same as before.
    reload: ({ file, ports }) => promisify(execFile)('caddy', [
      'reload', '--force', '--adapter', 'caddyfile', '--config', file, '--address', `127.0.0.1:${ports.admin}`,
    ]),
  },
};

/** Between two attempts to connect to a process that starts. */
const RETRY_MS = 10;
/** The socket of HAProxy's master process, in the folder of its test. */
const MASTER_SOCKET = 'master.sock';

/** Each kind that there is a recipe for. */
export const FRONTS = Object.keys(KINDS);

const temporaryFiles = (folder) => ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  .map((what) => `${what}_temp_path ${folder}/${what};\n`).join('');

const running = new Set();
process.on('exit', () => running.forEach((front) => front.signal('SIGKILL')));

/** One of them, in front of a server. */
export class Front {
  /** The lines of its log, for a test that fails. @type {string[]} */
  log = [];
  /** The file of its configuration. */
  file;
  #kind;
  #child;
  #lines;

  /**
   * Starts one that ends with the test `t`.
   * @param {string} kind one of FRONTS @param {{host: string}} server
   * @param {{below?: '/chat/', changes?: [string, string][]}} [options] `changes`: what else differs from the recipe
   */
  static async start(t, kind, server, { below, changes = [] } = {}) {
    const front = new Front();
    front.#kind = KINDS[kind];
    const { recipe, places, prefix } = front.#kind;
    front.folder = await mkdtemp(join(tmpdir(), 'sse-chat-front-'));
    t.after(() => front.#end());
    // Its workers run as another user, and must be able to enter.
    await chmod(front.folder, 0o755);
    const [http, https, admin] = await freePorts(3);
    front.ports = { http, https, admin };
    const { text: certificate, key } = await certify(front.folder, SITE);
    front.certificate = certificate;
    await writeFile(join(front.folder, 'both.pem'), certificate + await readFile(key, 'utf8'));
    let text = await readFile(new URL(recipe, RECIPES), 'utf8');
    text = replaceEach(text, places({ server: server.host, http, https, admin, folder: front.folder }));
    if (below) text = replaceEach(text, prefix);
    text = replaceEach(text, changes);
    front.file = join(front.folder, recipe);
    await writeFile(front.file, text);
    await front.#run();
    return front;
  }

  /** Reads its configuration again. Done when what ran before has begun to stop. */
  async reload() {
    const { reload, reloaded } = this.#kind;
    const done = this.#says(reloaded);
    await within(reload(this), 'the reload');
    await within(done, 'the reload is in the log');
  }

  /** Kills all of its processes, and starts it again on the same ports. */
  async restart() {
    await this.#kill();
    await this.#run();
  }

  /** Resolves at the next line of the log that matches. @param {RegExp} pattern */
  #says(pattern) {
    return new Promise((resolve) => {
      this.#lines.on('line', (line) => pattern.test(line) && resolve());
    });
  }

  async #run() {
    const { command, ready } = this.#kind;
    const [program, ...args] = command(this.file, this.folder);
    // A process group of its own, since workers outlive a `kill -9` of their master.
    const child = spawn(program, args, {
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: process.env.PATH, HOME: this.folder },
    });
    this.#child = child;
    running.add(this);
    this.#lines = createInterface({ input: child.stderr }).on('line', (line) => this.log.push(line));
    const failed = new Promise((_, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`${program} exited with ${code}: ${this.log.join('\n')}`)));
    });
    failed.catch(() => {});
    await within(Promise.race([this.#says(ready), failed]), `${program} is ready`);
  }

  /** Sends a signal to the process that was started, not to its workers. @param {NodeJS.Signals} signal */
  signalMain(signal) {
    this.#child.kill(signal);
  }

  /** Sends a signal to all of its processes. @param {NodeJS.Signals} signal */
  signal(signal) {
    try {
      process.kill(-this.#child.pid, signal);
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  }

  async #kill() {
    const child = this.#child;
    if (child?.pid && child.exitCode === null && child.signalCode === null) {
      const exit = once(child, 'exit');
      this.signal('SIGKILL');
      await within(exit, 'the proxy ends');
    }
  }

  async #end() {
    await this.#kill();
    running.delete(this);
    await rm(this.folder, { recursive: true });
  }
}

/** Sends a command to the master process of HAProxy. Done when it has closed the connection. */
async function askMaster(socket, command) {
  const connection = await connectMaster(socket);
  // A reload resets the connection.
  connection.on('error', () => {}).end(command);
  connection.resume();
  await once(connection, 'close');
}

/** Connects as soon as the master accepts, which may be after its worker answers. The caller has the deadline. */
async function connectMaster(socket) {
  for (;;) {
    const connection = net.connect(socket);
    try {
      await once(connection, 'connect');
      return connection;
    } catch (error) {
      if (!['ECONNREFUSED', 'ENOENT'].includes(error.code)) throw error;
    }
    await retryDelay(RETRY_MS);
  }
}

/** Replaces what must stand there, once. @param {[string | RegExp, string][]} changes */
function replaceEach(text, changes) {
  for (const [from, to] of changes) {
    assert.equal(text.split(from).length, 2, `the recipe has ${from} once`);
    text = text.replace(from, () => to);
  }
  return text;
}
