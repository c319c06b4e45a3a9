// Telling, while a run goes on, what what trains has become so far. It is read off the device beside the steps, which do not wait for it.

import type { Line, Report } from '../report.ts';

/** Milliseconds between two tellings at least, and values that may be read in one: what is larger is told as much more seldom. */
const PAUSE = 250;
const VALUES = 1_250_000;

/** `due` after a step: tells, where enough time has passed since. `ended` resolves when nothing is being read any more. */
export function meanwhile(told: () => Promise<Line[]>, values: number, hear: Report) {
  const pause = PAUSE * Math.max(1, values / VALUES);
  let [next, reading]: [number, Promise<void> | null] = [0, null];
  return {
    due() {
      if (reading || performance.now() < next) return;
      reading = told()
        .then((lines) => lines.forEach(hear))
        .finally(() => {
          next = performance.now() + pause;
          reading = null;
        });
      reading.catch(() => {}); // a device that is lost is told by the run
    },
    ended: async () => reading?.catch(() => {}),
  };
}
