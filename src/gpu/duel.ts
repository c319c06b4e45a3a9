// Kernels for the same work, timed in turn beside the default until it is sure which are faster: the statistics of the tuner.
// A machine may be busy: what is compared are readings of the same round, taken one behind the other, and the least of all rounds.
// What stays in doubt is told as such. Knows no GPU: it is told times.

import { type Ready, reading } from './stopwatch.ts';

/** How a challenger fares beside the default: its time over the default's, the least of each; and whether it surely is faster. */
export interface Standing {
  ratio: number;
  verdict: 'faster' | 'not faster' | 'unsure';
}

/** A challenger must be faster by this much: a default is what was tested most. */
export const MARGIN = 0.95;
/** Rounds at most: what these do not show is too little to win, or hidden by too busy a machine. */
const ROUNDS = 40;
/** Rounds before those that are faster are ranked, by their least times. */
const RANKED = 10;
/** How often a coin must not do what readings did, for them to prove something. */
const DOUBT = 1e-3;
/** How much readings of an undisturbed kernel may vary. */
const JITTER = 0.06;

/**
 * Times challengers beside the default. least: milliseconds that a reading should have for the clock to be trusted; fits: whether
 * another round of so many milliseconds may begin. null: a challenger that did not run. Rejects where the default does not.
 */
export async function duel(
  standard: Pick<Ready, 'time'>,
  challengers: Pick<Ready, 'time'>[],
  { least, fits }: { least: number; fits: (ms: number) => boolean },
): Promise<(Standing | null)[]> {
  const first = racer(standard);
  const others = challengers.map(racer);
  for (let round = 0; round < ROUNDS; round++) {
    const running = others.filter((r) => !r.failed);
    const faster = running.filter((r) => r.verdict === 'faster');
    const unranked = faster.length > 1 && round < RANKED ? faster : [];
    const live = [first, ...running.filter((r) => r.verdict === 'unsure'), ...unranked];
    if (live.length === 1 || (round && !fits(live.reduce((ms, r) => ms + r.times * r.last, 0)))) break;
    for (const i of live.keys()) await read(live[(i + round) % live.length], least);
    if (first.failed) throw first.failed;
    for (const r of live.slice(1)) if (!r.failed) settle(r, first);
  }
  return others.map(({ failed, ratio, verdict }) => (failed ? null : { ratio, verdict }));
}

interface Racer extends Standing {
  timed: Pick<Ready, 'time'>;
  /** Runs a submit. */
  times: number;
  /** Milliseconds of one run: the least, and the last. */
  best: number;
  last: number;
  readings: number[];
  /** The last over the default's last, by round. */
  ratios: number[];
  failed: Error | null;
}

const racer = (timed: Racer['timed']): Racer => {
  return {
    timed,
    times: 1,
    best: Number.POSITIVE_INFINITY,
    last: 0,
    readings: [],
    ratios: [],
    ratio: 1,
    verdict: 'unsure',
    failed: null,
  };
};

async function read(r: Racer, least: number): Promise<void> {
  try {
    const { ms, times } = await reading(r.timed, least, r.times);
    r.times = times;
    r.last = ms / times;
    r.best = Math.min(r.best, r.last);
    r.readings.push(r.last);
  } catch (e) {
    r.failed = e as Error;
  }
}

/** What is known of a challenger after one more round. */
function settle(r: Racer, first: Racer): void {
  r.ratios.push(r.last / first.last);
  r.ratio = r.best / first.best;
  if (isFaster(r, first)) r.verdict = 'faster';
  else if (isNotFaster(r, first)) r.verdict = 'not faster';
}

function isFaster(r: Racer, first: Racer): boolean {
  const n = r.ratios.length;
  if (r.ratio >= MARGIN) return false;
  if (n >= 5 && r.ratios.every((ratio) => ratio < 2 / 3)) return true;
  return proven(won(r), n) || (floors(r, first) && r.ratio < MARGIN - JITTER / 2 && won(r) > n / 3);
}

function isNotFaster(r: Racer, first: Racer): boolean {
  const n = r.ratios.length;
  const slower = Math.min(r.ratio, ...r.ratios);
  if (slower > 20 || (n >= 2 && slower > 8) || (n >= 5 && slower > 1.5)) return true;
  if (n >= RANKED && even(r.ratios)) return true;
  return r.ratio > MARGIN && (proven(n - won(r), n) || (floors(r, first) && r.ratio > MARGIN + JITTER / 2));
}

/** Rounds in which it was faster by the margin. */
const won = (r: Racer) => r.ratios.filter((ratio) => ratio < MARGIN).length;

/** Whether k of n is more than chance gives. */
function proven(k: number, n: number): boolean {
  let [chance, ways] = [0, 1];
  for (let i = n; i >= k; i--) {
    chance += ways;
    ways = (ways * i) / (n - i + 1);
  }
  return chance / 2 ** n < DOUBT;
}

/** Whether the least times of both are what they take undisturbed: a good part of the readings comes near them. */
function floors(...racers: Racer[]): boolean {
  return racers.every(({ readings, best }) => {
    const near = readings.filter((ms) => ms < best * (1 + JITTER)).length;
    return near >= Math.max(4, readings.length / 4);
  });
}

/** Whether the middle half of the readings lies so near the margin that it does not matter which is chosen. */
function even(ratios: number[]): boolean {
  const sorted = [...ratios].sort((a, b) => a - b);
  const quarter = Math.floor(sorted.length / 4);
  return sorted[quarter] > MARGIN - JITTER && sorted[sorted.length - 1 - quarter] < MARGIN + JITTER;
}
