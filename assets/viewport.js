// The part of the window that a keyboard on the screen leaves. Most browsers
// make the page smaller by themselves (interactive-widget); Safari on phones
// does not, and moves the page up instead.

export function fitAboveKeyboard() {
  const { visualViewport } = window;
  if (!visualViewport) return;
  visualViewport.addEventListener('resize', () => {
    const isCovered = visualViewport.height < innerHeight - 1 && visualViewport.scale === 1;
    document.body.style.height = isCovered ? `${visualViewport.height}px` : '';
    if (isCovered) scrollTo(0, 0);
  });
}
