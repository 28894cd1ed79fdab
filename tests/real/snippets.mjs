// The blocks of code in docs/backend.md that have a file name.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PAGE = new URL('../../docs/backend.md', import.meta.url);
const NODE_MODULES = fileURLToPath(new URL('node_modules', import.meta.url));

/** Each block by its file name. @returns {Promise<Map<string, string>>} */
export async function snippets() {
  const page = await readFile(PAGE, 'utf8');
  const blocks = page.matchAll(/^```\w+ (\S+)\n(.*?)^```$/gms);
  const all = new Map();
  for (const [, name, text] of blocks) {
    assert(!all.has(name), `two blocks are ${name}`);
    all.set(name, text);
  }
  return all;
}

/**
 * A folder for the test `t` with these blocks as files, a key, and the packages of npm.
 * @param {string[]} names @param {(name: string, text: string) => string} [change]
 */
export async function snippetFolder(t, names, key, change = (_, text) => text) {
  const folder = await mkdtemp(join(tmpdir(), 'sse-chat-backend-'));
  t.after(() => rm(folder, { recursive: true }));
  const all = await snippets();
  for (const name of names) {
    const text = all.get(name);
    assert(text, `docs/backend.md has no block ${name}`);
    await writeFile(join(folder, name), change(name, text));
  }
  await writeFile(join(folder, 'key'), `${key}\n`);
  await symlink(NODE_MODULES, join(folder, 'node_modules'));
  return folder;
}
