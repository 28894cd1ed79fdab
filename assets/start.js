// Loads the texts of the page's language, then the page.

import { loadWords } from './words/language.js';

await loadWords();
await import('./chat.js');
