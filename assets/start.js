// The part of the page that is loaded first: it shows the newest messages, and starts
// the rest of the page (chat.js), which is loaded meanwhile.

import { server } from './server/server.js';
import { preview } from './view/preview.js';
import { loadWords } from './words/language.js';

async function start() {
  const chat = import('./chat.js');
  const settings = server.settings().catch(() => null);
  const words = loadWords();
  void preview.show(settings, words);
  const [{ startChat }, answer] = await Promise.all([chat, settings, words]);
  await startChat(answer);
}

void start();
