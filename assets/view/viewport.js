// Fits the page above an on-screen keyboard. Most browsers resize the page
// (interactive-widget); Safari on iOS scrolls it up instead.

export function fitAboveKeyboard() {
  const { visualViewport } = window;
  if (!visualViewport) return;
  visualViewport.addEventListener('resize', () => {
    const isCovered = visualViewport.height < innerHeight - 1 && visualViewport.scale === 1;
    document.body.style.height = isCovered ? `${visualViewport.height}px` : '';
    if (isCovered) scrollTo(0, 0);
  });
}
