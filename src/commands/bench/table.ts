// The bench's lines as a table for people.

import type { BenchLine } from './line.ts';

const HEADS = ['what', 'shape', 'ms', 'GFLOP/s', 'of peak', 'GB/s'];

/** Rows under a head, columns aligned; ratios of times stand under `what` alone. */
export function table(lines: readonly BenchLine[]): string {
  const rows = lines.map((l) => [
    l.layout ? `${l.name} ${l.layout}` : l.name,
    l.shape,
    l.ms === null ? '' : l.ms.toFixed(l.ms < 10 ? 2 : 1),
    l.gflops === null ? '' : l.gflops.toFixed(2),
    ratio(l),
    l.gbs === undefined ? '' : l.gbs.toFixed(2),
  ]);
  const all = [HEADS, ...rows];
  const widths = HEADS.map((_, c) => Math.max(...all.map((r) => r[c].length)));
  const text = (r: string[]) => r.map((cell, c) => (c < 2 ? cell.padEnd(widths[c]) : cell.padStart(widths[c]))).join('  ');
  return [text(HEADS), widths.map((w) => '-'.repeat(w)).join('  '), ...rows.map(text)].map((l) => l.trimEnd()).join('\n');
}

/** A share of the peak in percent; a ratio of two times or sizes as it is. */
function ratio(l: BenchLine): string {
  if (l.ratio === null) return '';
  return l.gflops === null ? `${l.ratio.toFixed(2)} x` : `${(100 * l.ratio).toFixed(0)} %`;
}
