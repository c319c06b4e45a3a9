// The adapter's own peak: fused multiply-adds a second that it reaches with nothing else to do, and bytes. Speeds are told as shares of it,
// and on hardware the first submits are sized by it.

import bandwidth from '../../shaders/bandwidth.wgsl?raw' with { type: 'text' };
import code from '../../shaders/peak.wgsl?raw' with { type: 'text' };
import { type Gpu, idle } from './device.ts';
import { planningOf } from './limits.ts';
import type { Pace } from './pace.ts';
import { plan } from './plan.ts';
import { type Build, kernel, run } from './program.ts';
import { dispose, prepare, replay } from './run.ts';
import { reading, type Stopwatch, stopwatch } from './stopwatch.ts';
import { resident } from './tensor.ts';

/** Measured FMA peak in GFLOP/s (a multiply-add is two): the best of several workgroup sizes and repeats. About two seconds. */
export async function measurePeak(gpu: Gpu): Promise<number> {
  const peak = await openPeak(gpu);
  peak.free();
  return peak.best;
}

/** A peak that can be measured again beside what is compared with it, since a busy machine's speed changes. */
export interface Peak {
  /** The best so far, GFLOP/s. */
  best: number;
  /** One more measurement of a tenth of a second. */
  again(): Promise<number>;
  free(): void;
}

/** Invocations of a workgroup that are worth a try: a GPU runs at least 32 in step. */
const WIDTHS = { software: [16, 64, 256], hardware: [64, 256] };
const MOST = 1 << 20;

/** Enough invocations to fill a large GPU, few enough that starting them costs a software adapter nothing. */
const invocationsOf = (software: boolean) => (software ? 8192 : 1 << 18);

/** Programs of multiply-adds alone, `n` turns of 32 FLOPs an invocation, by the width of their workgroups. */
export function peakParts(software: boolean, n = MOST): { name: string; build: Build; dims: { n: number } }[] {
  const invocations = invocationsOf(software);
  const y = resident('peak', [invocations, 4], 'other');
  return WIDTHS[software ? 'software' : 'hardware'].map((width) => {
    const k = kernel('peak', [code], { WG: width });
    const build: Build = (p) => run(p, k, { y }, { n: p.dims.n }, [invocations / width], { flops: 32 * invocations * p.dims.n });
    return { name: `peak ${width}`, build, dims: { n } };
  });
}

export async function openPeak(gpu: Gpu): Promise<Peak> {
  const invocations = invocationsOf(gpu.software);
  const parts = peakParts(gpu.software);
  const machine = await prepare(gpu, plan(parts, planningOf(gpu.limits)));
  const time = (name: string, n: number) => wallMs(gpu, () => replay(machine, name, { n }));
  const rate = (n: number, ms: number) => (32 * invocations * n) / ms / 1e6;
  let n = 1000;
  await time(parts[0].name, n);
  for (let ms = 0; (ms = await time(parts[0].name, n)) < LEAST_MS && n < MOST; ) n *= ms < LEAST_MS / 8 ? 8 : 2;
  let fastest = parts[0].name;
  const peak: Peak = {
    best: 0,
    async again() {
      const now = rate(n, await time(fastest, n));
      peak.best = Math.max(peak.best, now);
      return now;
    },
    free: () => dispose(machine),
  };
  for (let round = 0; round < 2; round++)
    for (const { name } of parts) {
      const now = rate(n, await time(name, n));
      if (now > peak.best) [peak.best, fastest] = [now, name];
    }
  return peak;
}

/** A fence may be late by ten milliseconds, so what is timed by one should take many of them. */
export const LEAST_MS = 100;

/** Milliseconds from `submit` to the fence behind it, on a device that was idle. */
export async function wallMs(gpu: Gpu, submit: () => void): Promise<number> {
  await idle(gpu);
  const t = performance.now();
  submit();
  await idle(gpu);
  return performance.now() - t;
}

/** Milliseconds of what `submit` submits: the best mean of some rounds, each over runs that together take `least` milliseconds. */
export async function msOf(gpu: Gpu, submit: () => void, least = LEAST_MS, rounds = 3): Promise<number> {
  let times = 1;
  let best = Number.POSITIVE_INFINITY;
  await wallMs(gpu, submit);
  for (let taken = 0; taken < rounds; ) {
    const ms = await wallMs(gpu, () => {
      for (let i = 0; i < times; i++) submit();
    });
    if (ms < least && times < 4096) times *= ms < least / 8 ? 8 : 2;
    else {
      best = Math.min(best, ms / times);
      taken++;
    }
  }
  return best;
}

// --- the pace that a run starts with ----------------------------------------------------------------------------------------

/** Bytes that are read, and as many written: more than the caches of large GPUs hold. */
const MOVED = 64 << 20;
/** Multiply-adds of four vec4s that an invocation does: a millisecond on a slow GPU. */
const TURNS = 256;

/** What is timed for the pace: multiply-adds alone, and bytes alone. */
export function paceBuilds(software: boolean): { adding: Build; moving: Build } {
  const invocations = invocationsOf(software);
  const count = MOVED / 16;
  return {
    adding(p) {
      const y = resident('peak', [invocations, 4], 'other');
      const flops = 32 * invocations * TURNS;
      run(p, kernel('peak', [code], { WG: 64 }), { y }, { n: TURNS }, [invocations / 64], { flops });
    },
    moving(p) {
      const [x, y] = ['from', 'to'].map((name) => resident(name, [count, 4], 'other'));
      run(p, kernel('bandwidth', [bandwidth]), { x, y }, { count }, [count / 256]);
    },
  };
}

/** Peak and bandwidth in a few tenths of a second: the best of some readings of both. */
export async function measurePace(gpu: Gpu, watch: Stopwatch = stopwatch(gpu)): Promise<Pace> {
  const { adding, moving } = paceBuilds(gpu.software);
  return {
    tflops: (32 * invocationsOf(gpu.software) * TURNS) / (await bestMs(watch, adding)) / 1e9,
    gbps: (2 * MOVED) / (await bestMs(watch, moving)) / 1e6,
  };
}

async function bestMs(watch: Stopwatch, build: Build): Promise<number> {
  const ready = await watch.open(build);
  let best = Number.POSITIVE_INFINITY;
  let times = 1;
  try {
    for (let i = 0; i < 3; i++) {
      const seen = await reading(ready, watch.least, times);
      times = seen.times;
      best = Math.min(best, seen.ms / times);
    }
  } finally {
    ready.close();
  }
  return best;
}
