// The buttons of messages that have actions: one stop of the Tab key for all of
// them. What they do, and the arrows between them, is in actions.js.

const BUTTONS = 'li:not([hidden]) > .more';

/** @param {HTMLElement} log @param {(more: HTMLElement, id: string) => void} opened has the button and the id of its message */
export function watchActions(log, opened) {
  log.addEventListener('click', ({ target }) => {
    const more = /** @type {HTMLElement | null} */ (/** @type {Element} */ (target).closest('.more'));
    if (more) opened(more, more.closest('li')?.id.slice('message-'.length) ?? '');
  });
  log.addEventListener('keydown', async (event) => {
    if (!/** @type {Element} */ (event.target).matches('.more') || !/^(Arrow|Home|End)/.test(event.key)) return;
    event.preventDefault();
    (await import('../later/actions.js').catch(() => null))?.moveFocus(buttonsOf(log), event.key);
  });
  log.addEventListener('focusin', () => keepStop(log));
}

/** @param {HTMLElement} log */
const buttonsOf = (log) => /** @type {HTMLElement[]} */ ([...log.querySelectorAll(BUTTONS)]);

/** Makes the focused button, or the last one, the stop. @param {HTMLElement} log */
export function keepStop(log) {
  const all = buttonsOf(log);
  const stop = all.find((more) => more === document.activeElement) ?? all.at(-1);
  for (const more of all) if (more.tabIndex !== (more === stop ? 0 : -1)) more.tabIndex = more === stop ? 0 : -1;
}
