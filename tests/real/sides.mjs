// Where the lines of a message stand. The function runs in the browser, so it
// uses nothing around it.

/** For each line of a text, the side of its box at which it stands. @param {HTMLElement} text */
export function sidesOfLines(text) {
  const node = text.firstChild;
  const box = text.getBoundingClientRect();
  let from = 0;
  return node.data.split('\n').map((line) => {
    const range = document.createRange();
    range.setStart(node, from);
    range.setEnd(node, from + line.length);
    from += line.length + 1;
    const { left, right } = range.getBoundingClientRect();
    return left - box.left < 2 ? 'left' : box.right - right < 2 ? 'right' : 'between';
  });
}
