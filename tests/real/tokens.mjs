// Tokens for tests: a key of one test, and JWTs that are signed with it.

import { createHmac, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

export class TokenKey {
  #secret = randomBytes(32).toString('hex');

  /** A key that ends with the test `t`, in a file for `--token-key`. */
  static async make(t) {
    const key = new TokenKey();
    const folder = await mkdtemp(join(tmpdir(), 'sse-chat-key-'));
    t.after(() => rm(folder, { recursive: true }));
    key.file = join(folder, 'key');
    await writeFile(key.file, key.#secret);
    return key;
  }

  /** @param {{name?: string, sub?: string, rooms?: object}} claims @param {number} [seconds] until it expires */
  token(claims, seconds = 3_600) {
    const exp = Math.floor(Date.now() / 1_000) + seconds;
    const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ exp, rooms: { write: ['*'] }, ...claims })}`;
    return `${signed}.${createHmac('sha256', this.#secret).update(signed).digest('base64url')}`;
  }
}
