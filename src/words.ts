// Figures in words: bytes, numbers, times and shares as people read them, on the command line, in reports and on the page.

const UNITS = ['bytes', 'KB', 'MB', 'GB', 'TB'];

/** Bytes with three digits, in decimal units: 5.05 MB. */
export function bytes(n: number): string {
  if (n < 1000) return `${n} bytes`;
  const unit = Math.min(UNITS.length - 1, Math.floor(Math.log10(n) / 3 + 1e-9));
  return `${three(n / 1000 ** unit)} ${UNITS[unit]}`;
}

/** A count with three digits: 1.24 billion, 135 million, 263 thousand. */
export function count(n: number): string {
  if (n >= 1e9) return `${three(n / 1e9)} billion`;
  if (n >= 1e6) return `${three(n / 1e6)} million`;
  return n >= 1e4 ? `${three(n / 1e3)} thousand` : String(n);
}

/** A whole number with its thousands apart: 12,345. */
export const grouped = (n: number): string => Math.round(n).toLocaleString('en');

/** 1st, 2nd, 3rd, 11th. */
export function ordinal(n: number): string {
  const teen = n % 100 >= 11 && n % 100 <= 13;
  return `${grouped(n)}${teen ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th')}`;
}

/** 0.4 s, 45 s, 2:05 min, 1:02:05 h. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  const two = (n: number) => String(n).padStart(2, '0');
  if (seconds < 9.95 && !Number.isInteger(seconds)) return `${Math.max(0, seconds).toFixed(1)} s`;
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)}:${two(s % 60)} min`;
  return `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)} h`;
}

/** A share of 1 in percent, two digits: 0.84 %. */
export function percent(x: number): string {
  return `${x >= 0.995 ? (100 * x).toFixed(0) : Number((100 * x).toPrecision(2))} %`;
}

/** A rate: no decimals from 10 on. */
export function rate(x: number): string {
  return x >= 10 ? x.toFixed(0) : x.toPrecision(2);
}

/** "1 row", "2 rows". */
export function several(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}

const three = (x: number) => (x >= 100 ? x.toFixed(0) : x.toPrecision(3));

/** What trains as a share of the targets; of what is not among them as a share of the model. */
export function shareWords({ share_targets, share_model }: { share_targets: number; share_model: number }): string {
  if (share_model >= 1) return 'everything';
  return share_targets > 1 ? `${percent(share_model)} of all` : percent(share_targets);
}
