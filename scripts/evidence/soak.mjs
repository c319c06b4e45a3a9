// Twenty thousand steps on a tiny model: device bytes, buffers, heap and time of a step stay where they are. Words: how many steps
// (20000). Writes a table of docs/reliability.md: slopes with their standard errors.
import { run as deno, put } from './reliability/page.mjs';

const NAMES = { device: 'device bytes', buffers: 'device buffers', heap: 'heap bytes after collecting', ms: 'ms a step' };

export function run([steps = '20000']) {
  const all = deno('scripts/evidence/reliability/soak.ts', [steps], ['--v8-flags=--expose-gc']);
  const figure = (x) => (Number.isInteger(x) ? String(x) : x.toPrecision(3));
  put(
    'soak',
    ['figure', 'mean', 'slope a thousand steps', 'standard error', 'slope over the mean'],
    all.map(({ key, mean, slope, error }) => [
      NAMES[key],
      figure(mean),
      figure(slope),
      figure(error),
      `${((100 * slope) / mean).toFixed(3)} %`,
    ]),
    `${steps} steps of a tiny model in Deno, ${all[0].samples} samples after the first tenth.`,
  );
  // bytes on the device are counted, not measured: they must not move at all
  return all.some(({ key, slope }) => ['device', 'buffers'].includes(key) && slope !== 0) ? 1 : 0;
}
