// Lengths of rows as bars, on round edges.

export interface Bar {
  /** Lengths from and to, both included. */
  from: number;
  to: number;
  rows: number;
}

const BARS = 24;

/** At most so many bars of equal round width from 1 to the longest; no rows, no bars. */
export function histogram(lengths: readonly number[], bars = BARS): Bar[] {
  const most = lengths.reduce((n, l) => Math.max(n, l), 0);
  if (most === 0) return [];
  const width = roundUp(most / bars);
  const out = Array.from({ length: Math.ceil(most / width) }, (_, i) => ({ from: i * width + 1, to: (i + 1) * width, rows: 0 }));
  for (const length of lengths) out[Math.max(0, Math.ceil(length / width) - 1)].rows++;
  return out;
}

/** The next of 1, 2, 5, 10, 20, 50, ... */
function roundUp(x: number): number {
  const unit = 10 ** Math.floor(Math.log10(Math.max(1, x)));
  return [1, 2, 5, 10].map((n) => n * unit).find((n) => n >= x - 1e-9)!;
}

/** The middle length; of an even number of rows the lower of the two. */
export function median(lengths: readonly number[]): number {
  const sorted = [...lengths].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length / 2) - 1)] ?? 0;
}
