// The style sheet's colours for canvases, which cannot name variables, and word when the scheme changes.

import type { Colours } from '../map/draw.ts';

const RAMP_STEPS = 12;

export function variable(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export function colours(): Colours {
  const [low, high] = [variable('ramp-low'), variable('ramp-high')];
  const ramp = Array.from(
    { length: RAMP_STEPS },
    (_, i) => `color-mix(in oklab, ${high} ${Math.round((100 * i) / (RAMP_STEPS - 1))}%, ${low})`,
  );
  return { plate: variable('plate'), line: variable('grid'), text: variable('text'), muted: variable('muted'), ramp };
}

/** Calls back when light turns to dark or back; answers how to stop. */
export function onScheme(changed: () => void): () => void {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  dark.addEventListener('change', changed);
  return () => dark.removeEventListener('change', changed);
}
