// The bell in the row of a room: which of its messages raise alerts.

import { button, icon } from './dom.js';
import { translate } from '../words/language.js';

const BELL = 'M6 16V11a6 6 0 0 1 12 0v5l1.500 2h-15zM10 21h4';
/** The bell's stroke, and more by level. */
const SHAPES = { all: `${BELL}M3 7q.500-2.500 2-4M21 7q-.500-2.500-2-4`, mentions: BELL, nothing: `${BELL}M4 4l16 16` };

/** @param {(opener: HTMLElement) => void} clicked */
export function bellOf(clicked) {
  const bell = button('icon bell', '', () => clicked(bell));
  bell.ariaHasPopup = 'menu';
  bell.append(icon(BELL));
  return bell;
}

/** @param {HTMLElement} bell @param {import('../state/rooms.js').Room} room */
export function showLevel(bell, { name, alerts }) {
  bell.querySelector('path')?.setAttribute('d', SHAPES[alerts]);
  bell.dataset.level = alerts;
  bell.title = bell.ariaLabel = translate('alertsIn', { room: name });
}
