// Makes elements. User input becomes only textContent.

/** @template {Element} [T=HTMLElement] @param {string} id @returns {T} */
export const byId = (id) => /** @type {T} */ (/** @type {unknown} */ (document.getElementById(id)));

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {string} [className] @param {...(string | Node)} content
 * @returns {HTMLElementTagNameMap[T]}
 */
export function make(tag, className = '', ...content) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...content);
  return element;
}

/**
 * An element with text of other users, in its own direction and language.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {string} className @param {...(string | Node)} content
 */
export function foreign(tag, className, ...content) {
  const element = make(tag, className, ...content);
  element.dir = 'auto';
  element.lang = '';
  return element;
}

/** @param {string} className @param {string} label @param {(event: MouseEvent) => void} clicked */
export function button(className, label, clicked) {
  const element = make('button', className, label);
  element.type = 'button';
  element.addEventListener('click', clicked);
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

/** @param {string} name @param {Record<string, string>} attributes @param {...Node} content */
export function makeSvg(name, attributes, ...content) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...content);
  return element;
}

/** An icon of 24 by 24 units. @param {string} lines */
export const icon = (lines) => makeSvg('svg', { viewBox: '0 0 24 24', 'aria-hidden': 'true' }, makeSvg('path', { d: lines }));

/** @param {string} id @param {() => void} clicked */
export const onClick = (id, clicked) => byId(id).addEventListener('click', clicked);

/** @param {string} text @returns {Promise<boolean>} whether it was copied; over plain HTTP only execCommand is available */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const box = make('textarea', 'sr-only', text);
    (document.querySelector('dialog[open]') ?? document.body).append(box);
    const before = /** @type {HTMLElement | null} */ (document.activeElement);
    box.select();
    const done = document.execCommand('copy');
    box.remove();
    before?.focus();
    return done;
  }
}
