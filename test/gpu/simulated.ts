// A device whose speed is known, for the tuner: kernels of so many milliseconds a run, a clock that is rounded, and other work that
// comes and goes and takes its share. Time passes only while it works. No test in here.
import type { Build } from '../../src/gpu/program.ts';
import type { Stopwatch } from '../../src/gpu/stopwatch.ts';
import { random } from '../../src/random.ts';

export interface Simulated {
  /** Milliseconds of one run by kernel; refused: it does not compile. */
  kernels: Record<string, number | 'refused'>;
  /** What the clock is rounded to, in milliseconds. */
  resolution: number;
  load: keyof typeof LOADS;
  seed: number;
  /** Milliseconds of compiling one kernel. */
  compile?: number;
  /** The device is lost after so many milliseconds. */
  lostAt?: number;
}

/** How slow other work makes the device, from then on for how many milliseconds; and how much two readings of the same vary. */
const LOADS = {
  quiet: { next: (_: () => number) => ({ slowdown: 1, lasts: 1e9 }), varies: 0.01 },
  /** Idle and busy in turn, one and a half of three milliseconds. */
  bursts: {
    next: (u: () => number) =>
      u() < 0.5 ? { slowdown: 1, lasts: -40 * Math.log(u()) } : { slowdown: 1.5 + 4 * u(), lasts: -60 * Math.log(u()) },
    varies: 0.03,
  },
  /** Never idle. */
  busy: { next: (u: () => number) => ({ slowdown: 2 + 4 * u(), lasts: -15 * Math.log(u()) }), varies: 0.05 },
};

/** Entrants by name, and the watch that times them. */
export function simulated(of: Simulated) {
  const next = random(of.seed);
  const u = () => (next() + 1) / (2 ** 32 + 1);
  const { next: other, varies } = LOADS[of.load];
  let now = 0;
  let load = { slowdown: 1, until: 0 };
  const work = (ms: number) => {
    for (let left = ms; left > 0; ) {
      if (now >= load.until) {
        const { slowdown, lasts } = other(u);
        load = { slowdown, until: now + lasts };
      }
      const done = Math.min(left, (load.until - now) / load.slowdown);
      now += done * load.slowdown;
      left -= done;
    }
  };
  const builds = new Map<Build, number | 'refused'>();
  const entrants = Object.entries(of.kernels).map(([name, ms]) => {
    const build: Build = () => {};
    builds.set(build, ms);
    return { name, build };
  });
  const lost = () => (now >= (of.lostAt ?? Number.POSITIVE_INFINITY) ? new Error('the GPU was lost') : null);
  const orLost = () => {
    const error = lost();
    if (error) throw error;
  };
  const open = { now: 0, ever: 0, runs: 0 };
  const watch: Stopwatch = {
    name: 'simulated',
    now: () => now,
    least: 10,
    failed: lost,
    async open(build) {
      work(of.compile ?? 60);
      orLost();
      const ms = builds.get(build)!;
      if (ms === 'refused') throw new Error('does not compile');
      open.now++;
      open.ever++;
      return {
        async time(times) {
          const since = now;
          work(times * ms * Math.exp(varies * (u() + u() + u() + u() - 2)));
          open.runs += times;
          const seen = now - since;
          work(0.2); // from the submit to the fence
          orLost();
          return of.resolution * Math.floor(seen / of.resolution);
        },
        close: () => void open.now--,
      };
    },
  };
  return { watch, entrants, open };
}
