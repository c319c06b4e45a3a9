// Numbers as people read them. A number and its unit stay on one line: the space between is a no-break space.

/** 950 B, 12.4 kB, 7.95 MB: decimal units, three digits. */
export function bytes(n: number): string {
  if (n < 1000) return `${n}${NB}B`;
  const [value, unit] = n < 1e6 ? [n / 1e3, 'kB'] : n < 1e9 ? [n / 1e6, 'MB'] : [n / 1e9, 'GB'];
  return `${digits(value)}${NB}${unit}`;
}

/** 453 k, 1.2 M: counts of parameters. */
export function count(n: number): string {
  if (n < 1e4) return whole(n);
  const [value, unit] = n < 1e6 ? [n / 1e3, 'k'] : n < 1e9 ? [n / 1e6, 'M'] : [n / 1e9, 'G'];
  return `${digits(value)}${NB}${unit}`;
}

/** 12,345 */
export const whole = (n: number): string => Math.round(n).toLocaleString('en');

/** 0.4 s, 12 s, 2 min 5 s. */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)}${NB}s`;
  const s = Math.round(seconds);
  if (s < 60) return `${s}${NB}s`;
  const rest = s % 60;
  if (s < 3600) return `${Math.floor(s / 60)}${NB}min${rest ? `${NB}${rest}${NB}s` : ''}`;
  return `${Math.floor(s / 3600)}${NB}h${NB}${Math.round((s % 3600) / 60)}${NB}min`;
}

/** 4.9 %; a share from 0 to 1. */
export function percent(share: number): string {
  const p = 100 * share;
  return `${p === 0 || p >= 9.95 ? Math.round(p) : p.toPrecision(2)}${NB}%`;
}

/** 1st, 2nd, 3rd, 11th. */
export function ordinal(n: number): string {
  const teen = n % 100 >= 11 && n % 100 <= 13;
  return `${whole(n)}${teen ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th')}`;
}

const NB = '\u00a0';
const digits = (x: number) => (x >= 99.95 ? x.toFixed(0) : x >= 9.995 ? x.toFixed(1) : x.toFixed(2));
