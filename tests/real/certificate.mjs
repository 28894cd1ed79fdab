// Certificates that are made for one test.

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** @typedef {{certificate: string, key: string, text: string}} Pair two files, and the text of the certificate */

/**
 * Makes a certificate that signs itself, and its key.
 * @param {string} folder @param {string} name its host, beside 127.0.0.1 @param {string} [prefix] of the files
 * @returns {Promise<Pair>}
 */
export async function certify(folder, name, prefix = '') {
  const [key, certificate] = ['key.pem', 'certificate.pem'].map((file) => join(folder, prefix + file));
  await promisify(execFile)('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name},IP:127.0.0.1`, '-keyout', key, '-out', certificate,
  ]);
  return { certificate, key, text: await readFile(certificate, 'utf8') };
}

/** The pair of a test's server, in a folder that goes with the test. @returns {Promise<Pair>} */
export async function certifyFor(t) {
  const folder = await mkdtemp(join(tmpdir(), 'sse-chat-certificate-'));
  t.after(() => rm(folder, { recursive: true }));
  return certify(folder, 'localhost');
}

/** Puts a new pair in the place of one, each file at once. @param {Pair} pair @returns {Promise<Pair>} */
export async function renew(pair) {
  const made = await certify(join(pair.key, '..'), 'localhost', 'new-');
  await rename(made.key, pair.key);
  await rename(made.certificate, pair.certificate);
  return { ...pair, text: made.text };
}
