// Two people at three servers that share one history: deploy/cluster.sh, as a person starts
// it. Servers are killed in front of their eyes.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import test from 'node:test';

import { LIMIT, Person, QUICK } from './browser.mjs';
import { freePorts } from './ports.mjs';
import { within } from './server.mjs';

/** Starts the three servers. */
async function startCluster(t) {
  const ports = await freePorts(5);
  const child = spawn('bash', ['../../deploy/cluster.sh', ...QUICK], {
    cwd: import.meta.dirname,
    env: { ...process.env, PORTS: ports.join(' ') },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(async () => {
    const end = once(child, 'exit');
    child.kill();
    await within(end, 'the end of the cluster');
  });
  const [line] = await within(once(createInterface({ input: child.stdout }), 'line'), 'the line that says what to open');
  const [, url, folder] = /open (\S+) .* process ids in (\S+)\)$/.exec(line) ?? [];
  assert(url, line);
  const processOf = async (number) => Number(await readFile(`${folder}/chat-${number}.pid`, 'utf8'));
  return { url, processOf };
}

test('whichever server is killed, two people lose nothing', LIMIT, async (t) => {
  const { url, processOf } = await startCluster(t);
  const [ann, bob] = await Promise.all(['Ann', 'Bob'].map(async (name) => (await Person.arrive(t)).open(url, name)));
  const texts = [];
  const say = async (chat, text) => {
    texts.push(text);
    await chat.say(text);
  };
  const allThere = () => Promise.all([ann, bob].map((chat) => chat.says(...texts)));
  await say(ann, 'hello');
  await allThere();
  // Two of three: their readers go on at the last one.
  for (const number of [1, 2]) {
    process.kill(await processOf(number), 'SIGKILL');
    await say(ann, `Ann after server ${number}`);
    await allThere();
    await say(bob, `Bob after server ${number}`);
    await allThere();
  }
  await Promise.all([ann, bob].map((chat) => chat.has('#people-count', '2')));
  assert.equal(await ann.log.locator('.gap').count(), 0);
  assert.equal(await bob.log.locator('.gap').count(), 0);
});
