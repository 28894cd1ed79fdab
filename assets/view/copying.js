// Copies selected messages as names and texts, without avatars, times, dividers and
// buttons.

/** Watches a log. @param {HTMLElement} log */
export function watchCopying(log) {
  log.addEventListener('copy', (event) => {
    const selection = getSelection();
    if (!selection || selection.rangeCount === 0 || !event.clipboardData) return;
    const range = selection.getRangeAt(0);
    // Within one text the browser's own copy is right.
    const inside = range.commonAncestorContainer;
    const element = inside instanceof Element ? inside : inside.parentElement;
    if (element?.closest('.text')) return;
    const lines = [...log.querySelectorAll('.message')].filter((row) => range.intersectsNode(row))
      .map((row) => lineOf(row, range)).filter(Boolean);
    if (lines.length === 0) return;
    event.preventDefault();
    event.clipboardData.setData('text/plain', lines.join('\n'));
  });
}

/** The selected part of a message. @param {Element} row @param {Range} range */
function lineOf(row, range) {
  const [name, text] = ['bdi', '.text'].map((selector) => selected(row.querySelector(selector), range));
  return name && text ? `${name}: ${text}` : text || name;
}

/** @param {Element | null} element @param {Range} range */
function selected(element, range) {
  if (!element || !range.intersectsNode(element)) return '';
  const part = document.createRange();
  part.selectNodeContents(element);
  if (part.compareBoundaryPoints(Range.START_TO_START, range) < 0) part.setStart(range.startContainer, range.startOffset);
  if (part.compareBoundaryPoints(Range.END_TO_END, range) > 0) part.setEnd(range.endContainer, range.endOffset);
  const content = part.cloneContents();
  content.querySelectorAll('.kind, .copy').forEach((other) => other.remove());
  content.querySelectorAll('.code').forEach((code) => {
    code.prepend('\n');
    code.append('\n');
  });
  return content.textContent?.trim() ?? '';
}
