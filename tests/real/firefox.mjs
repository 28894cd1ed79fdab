// The chat page in Debian's Firefox ESR, by WebDriver BiDi.

import { after, before } from 'node:test';

import puppeteer from 'puppeteer-core';

import { play } from './engine_scenes.mjs';
import { DEADLINE_MS } from './server.mjs';

let browser;

before(async () => {
  browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: '/usr/bin/firefox-esr',
    headless: true,
    // That of a test signs itself.
    acceptInsecureCerts: true,
    timeout: 120_000,
  });
});
after(() => browser?.close());

/** A user, in a browser profile of their own. */
class Person {
  complaints = [];

  static async arrive(t, url) {
    const person = new Person();
    const context = await browser.createBrowserContext();
    t.after(() => context.close());
    person.page = await context.newPage();
    person.page.setDefaultTimeout(DEADLINE_MS);
    person.page.on('pageerror', (error) => person.complaints.push(String(error)));
    await person.page.goto(url);
    return person;
  }

  run(work, ...args) {
    return this.page.evaluate(`(${work})(...${JSON.stringify(args)})`);
  }

  async until(condition, what, ...args) {
    await this.page.waitForFunction(`(${condition})(...${JSON.stringify(args)})`)
      .catch((error) => { throw new Error(`not in time: ${what} (${error.message})`); });
  }

  type(selector, text) {
    return this.page.type(selector, text);
  }

  async press(key, modifiers = []) {
    for (const modifier of modifiers) await this.page.keyboard.down(modifier);
    await this.page.keyboard.press(key);
    for (const modifier of modifiers) await this.page.keyboard.up(modifier);
  }

  click(selector) {
    return this.page.click(selector);
  }

  hover(selector) {
    return this.page.hover(selector);
  }

  resize(width, height) {
    return this.page.setViewport({ width, height });
  }
}

play({ name: 'Firefox', limit: { timeout: 90_000 }, arrive: Person.arrive });
