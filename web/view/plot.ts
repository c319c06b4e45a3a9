// The plotter, loaded when the first chart is drawn: the page is there before it.

import { useEffect, useState } from 'preact/hooks';
import type uPlot from 'uplot';

/** The plotter's constructor; null until it is there. */
export function usePlotter(): typeof uPlot | null {
  const [plotter, setPlotter] = useState<typeof uPlot | null>(null);
  useEffect(() => void import('uplot').then(({ default: loaded }) => setPlotter(() => loaded)), []);
  return plotter;
}
