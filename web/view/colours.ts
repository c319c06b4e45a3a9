// The style sheet's colours for canvases, which cannot name variables, and word when the scheme changes.

import type { Colours } from '../map/draw.ts';

export function variable(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** The map's. */
export const colours = (): Colours => ({
  plate: variable('plate'),
  line: variable('surface'),
  scored: variable('scored'),
  low: variable('ramp-low'),
  high: variable('ramp-high'),
  moved: variable('moved'),
  off: variable('off'),
  text: variable('text'),
  muted: variable('muted'),
});

/** Calls back when light turns to dark or back; answers how to stop. */
export function onScheme(changed: () => void): () => void {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  dark.addEventListener('change', changed);
  return () => dark.removeEventListener('change', changed);
}
