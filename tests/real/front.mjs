// nginx, HAProxy and Caddy from Debian, run for one test by the recipes of
// docs/proxies/. Only ports, places and the
// number of connections are other ones than in the recipes.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

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
 * @property {RegExp} ready what it says when it answers
 * @property {NodeJS.Signals | ((file: string, admin: number) => [string, ...string[]])} reload a signal, or a command
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
    reload: 'SIGHUP',
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
    command: (file) => ['/usr/sbin/haproxy', '-W', '-db', '-f', file],
    ready: /Loading success/,
    reload: 'SIGUSR2',
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
    // `--force`, since it is the same as before.
    reload: (file, admin) => [
      'caddy', 'reload', '--force', '--adapter', 'caddyfile', '--config', file, '--address', `127.0.0.1:${admin}`,
    ],
  },
};

/** All that there are recipes for. */
export const FRONTS = Object.keys(KINDS);

const temporaryFiles = (folder) => ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  .map((what) => `${what}_temp_path ${folder}/${what};\n`).join('');

const running = new Set();
process.on('exit', () => running.forEach((front) => front.signal('SIGKILL')));

/** One of them, in front of a server. */
export class Front {
  /** What it says, for a test that fails. */
  said = [];
  #child;
  /** A signal, or a command. */
  #reload;

  /**
   * Starts one that ends with the test `t`.
   * @param {string} kind one of FRONTS @param {{host: string}} server @param {{below?: '/chat/'}} [options]
   */
  static async start(t, kind, server, { below } = {}) {
    const front = new Front();
    const { recipe, places, prefix, command, ready, reload } = KINDS[kind];
    front.folder = await mkdtemp(join(tmpdir(), 'sse-chat-front-'));
    t.after(() => front.#end());
    // What it starts as another user must get in.
    await chmod(front.folder, 0o755);
    const [http, https, admin] = await freePorts(3);
    front.ports = { http, https };
    front.certificate = await certify(front.folder);
    let text = await readFile(new URL(recipe, RECIPES), 'utf8');
    text = replaceEach(text, places({ server: server.host, http, https, admin, folder: front.folder }));
    if (below) text = replaceEach(text, prefix);
    const file = join(front.folder, recipe);
    await writeFile(file, text);
    await front.#run(command(file, front.folder), ready);
    front.#reload = typeof reload === 'string' ? reload : reload(file, admin);
    return front;
  }

  /** Has it read its file again, as an operator does it. */
  async reload() {
    if (typeof this.#reload === 'string') {
      this.#child.kill(this.#reload);
      return;
    }
    const [program, ...args] = this.#reload;
    await within(promisify(execFile)(program, args), 'the reload');
  }

  async #run([program, ...args], ready) {
    // A group of its own, since those that work for it outlive a `kill -9`.
    const child = spawn(program, args, {
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: process.env.PATH, HOME: this.folder },
    });
    this.#child = child;
    running.add(this);
    const isReady = new Promise((resolve, reject) => {
      createInterface({ input: child.stderr }).on('line', (line) => {
        this.said.push(line);
        if (ready.test(line)) resolve();
      });
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`${program} exited with ${code}: ${this.said.join('\n')}`)));
    });
    await within(isReady, `${program} is ready`);
  }

  /** To all of its processes. */
  signal(signal) {
    try {
      process.kill(-this.#child.pid, signal);
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  }

  async #end() {
    const child = this.#child;
    if (child?.pid && child.exitCode === null && child.signalCode === null) {
      const exit = once(child, 'exit');
      this.signal('SIGKILL');
      await within(exit, 'the proxy ends');
    }
    running.delete(this);
    await rm(this.folder, { recursive: true });
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

/** A certificate for the site, as a file for those who want key and certificate in one, too. */
async function certify(folder) {
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  await promisify(execFile)('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-subj', `/CN=${SITE}`, '-addext', `subjectAltName=DNS:${SITE}`, '-keyout', key, '-out', certificate,
  ]);
  const [keyText, text] = await Promise.all([key, certificate].map((file) => readFile(file, 'utf8')));
  await writeFile(join(folder, 'both.pem'), text + keyText);
  return text;
}

/** Ports that nobody has at the moment. */
async function freePorts(count) {
  const servers = Array.from({ length: count }, () => net.createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
