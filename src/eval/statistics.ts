// What counts of right answers say: intervals of a share, of the mean of several, and whether two models differ on the same rows.

/** Deviations of a normal variable within which 95 % of it lie. */
const Z = 1.959963984540054;

/** A share and its 95 % interval, each 0 to 1. */
export interface Share {
  accuracy: number;
  low: number;
  high: number;
}

/** Wilson's score interval of right/rows: (p + z²/2n -+ z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n). */
export function wilson(right: number, rows: number): Share {
  const p = right / rows;
  const z2 = Z * Z;
  const middle = p + z2 / (2 * rows);
  const half = Z * Math.sqrt((p * (1 - p)) / rows + z2 / (4 * rows * rows));
  const within = (x: number) => Math.min(1, Math.max(0, x / (1 + z2 / rows)));
  return { accuracy: p, low: within(middle - half), high: within(middle + half) };
}

/**
 * The unweighted mean of shares of unlike rows. Its interval is put together from theirs (Zou and Donner's MOVER):
 * mean -+ sqrt(sum (p - bound)²) / k.
 */
export function meanOf(shares: readonly Share[]): Share {
  const k = shares.length;
  const accuracy = shares.reduce((sum, { accuracy }) => sum + accuracy, 0) / k;
  const reach = (bound: 'low' | 'high') => Math.hypot(...shares.map((s) => s.accuracy - s[bound])) / k;
  return { accuracy, low: Math.max(0, accuracy - reach('low')), high: Math.min(1, accuracy + reach('high')) };
}

/**
 * McNemar's exact test, two-sided: how likely it is that, of the rows on which two models differ, so unequal a part or a more unequal
 * one goes to one of them by chance. 1 where they differ on none.
 */
export function mcnemar(onlyFirst: number, onlySecond: number): number {
  const n = onlyFirst + onlySecond;
  let term = -n * Math.LN2; // log of C(n, k) / 2^n
  let tail = 0;
  for (let k = 0; k <= Math.min(onlyFirst, onlySecond); k++) {
    tail += Math.exp(term);
    term += Math.log((n - k) / (k + 1));
  }
  return Math.min(1, 2 * tail);
}
