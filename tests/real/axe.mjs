// What axe-core finds wrong with the accessibility of a page.

import { readFile } from 'node:fs/promises';

const AXE = await readFile(new URL('node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');

/** What axe-core finds wrong, in words. */
export async function violations(page) {
  // By the debugger, which the page's policy does not bind.
  await page.evaluate(AXE);
  // For styles with @import, a preload adds inline styles, against the policy.
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'], preload: false }));
  return found.violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target} ${failureSummary}`));
}
