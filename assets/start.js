// Loads the texts of the page's language, then starts the page.

import { startChat } from './chat.js';
import { loadWords } from './words/language.js';

void loadWords().then(startChat);
