// What goes wrong with gradients over a run: steps that were skipped because a gradient was not finite, counted, in a row too, and
// norms far above what they were. The GPU skips by itself (ops/optimizer/gradnorm.ts); here it is heard of.

import type { Report } from '../report.ts';

/** Steps skipped: in a row up to now, and in all. Kept with checkpoints. */
export interface Skips {
  row: number;
  all: number;
}

export interface Trouble {
  /** Takes a step's result; answers whether the run goes on. */
  heard(step: number, norm: number, skipped: boolean): boolean;
  skips: Skips;
  /** Why the run cannot go on, where it cannot. */
  fault(): string | undefined;
}

/** Norms that a median is taken of, and how many there must be. */
const WINDOW = 128;
const ENOUGH = 16;

/** maxSkips: steps skipped in a row that end the run; spike: norms over so many medians of those before are told. */
export function troubleOf(
  { maxSkips = Number.POSITIVE_INFINITY, spike }: { maxSkips?: number; spike?: number },
  skips: Skips,
  report: Report,
): Trouble {
  const norms: number[] = [];
  let since = 0;
  const t: Trouble = {
    skips,
    heard(step, norm, skipped) {
      if (skipped && t.skips.row === 0) since = step;
      t.skips = skipped ? { row: t.skips.row + 1, all: t.skips.all + 1 } : { ...t.skips, row: 0 };
      if (!skipped) rose(step, norm);
      return t.skips.row < maxSkips;
    },
    fault() {
      const { row, all } = t.skips;
      if (row < maxSkips) return undefined;
      return (
        `expected gradients of finite numbers, got ${row} steps in a row without, from step ${since || 'an earlier one'} on (${all} in all). ` +
        'They were skipped and moved nothing. Likely cures: a lower learning rate, a slower rise of it, arithmetic in f32, ' +
        'and a look at the rows of those steps and at the base for values that are none.'
      );
    },
  };
  const rose = (step: number, norm: number) => {
    const usual = norms.length >= ENOUGH ? median(norms) : Number.POSITIVE_INFINITY;
    if (spike && norm > spike * usual) {
      const times = (norm / usual).toPrecision(3);
      report({
        kind: 'warning',
        text: `step ${step}: the gradient's norm is ${norm.toPrecision(4)}, ${times} times its median of ${usual.toPrecision(4)} over ${norms.length} steps`,
      });
    }
    norms.push(norm);
    if (norms.length > WINDOW) norms.shift();
  };
  return t;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}
