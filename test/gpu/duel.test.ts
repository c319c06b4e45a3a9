// The tuner on a device whose speed is known, by clocks that are rounded and on machines that are busy: what it finds in a hundred
// runs, how long it takes, what it remembers, and how it ends.
import { describe, expect, test } from 'vitest';
import { type AutotuneOptions, autotuneKernels } from '../../src/gpu/autotune.ts';
import type { Gpu } from '../../src/gpu/device.ts';
import { type Simulated, simulated } from './simulated.ts';

type Load = Simulated['load'];

const BUDGET = 5000;
/** Never asked: the watch stands for it. */
const gpu = {} as Gpu;

async function tuned(of: Simulated, options: AutotuneOptions = {}) {
  const { watch, entrants, open } = simulated(of);
  const contests = [{ key: 'x', entrants }];
  const { x } = await autotuneKernels(gpu, contests, { budget: BUDGET, stopwatch: watch, ...options });
  expect(open.now).toBe(0);
  expect(watch.now()).toBeLessThan(1.1 * BUDGET);
  return { chosen: x, ms: watch.now(), opened: open.ever };
}

/** How often each kernel is chosen in a hundred runs. */
async function hundred(kernels: Simulated['kernels'], load: Load) {
  const counts: Record<string, number> = {};
  for (let seed = 1; seed <= 100; seed++) {
    const { chosen } = await tuned({ kernels, resolution: 0.1, load, seed });
    counts[chosen] = (counts[chosen] ?? 0) + 1;
  }
  return counts;
}

const SETS: [what: string, kernels: Record<string, number>, fastest: string][] = [
  ['the fastest behind others that are faster', { standard: 0.1, faster: 0.08, fastest: 0.05, slower: 0.3 }, 'fastest'],
  ['a hundredth of what the clock sees', { standard: 0.002, slower: 0.004, fastest: 0.001 }, 'fastest'],
  ['an eighth faster', { standard: 1, slower: 1.1, fastest: 0.87, like: 1 }, 'fastest'],
  ['five times faster', { standard: 2.5, fastest: 0.5 }, 'fastest'],
  ['a tie', { standard: 1, like: 1, alike: 1 }, 'standard'],
  ['a little slower', { standard: 1, slower: 1.04, more: 1.15 }, 'standard'],
  ['much slower', { standard: 1, slower: 12, more: 60 }, 'standard'],
];

describe.each<Load>(['quiet', 'bursts'])('a clock rounded to 100 us, the machine: %s', (load) => {
  test.each(SETS)('%s: found in 100 of 100 runs', async (_, kernels, fastest) => {
    expect(await hundred(kernels, load)).toEqual({ [fastest]: 100 });
  });
});

describe('a machine that is never idle', () => {
  test('is given what is twice as fast', async () => {
    expect(await hundred({ standard: 0.1, faster: 0.08, fastest: 0.05, slower: 0.3 }, 'busy')).toEqual({ fastest: 100 });
  });

  test.each(SETS.filter(([, , fastest]) => fastest === 'standard'))('never gets a default replaced, %s', async (_, kernels) => {
    expect(await hundred(kernels, 'busy')).toEqual({ standard: 100 });
  });

  test('never gets what is slower', async () => {
    const counts = await hundred({ standard: 1, slower: 1.1, fastest: 0.87, like: 1 }, 'busy');
    expect(Object.keys(counts).filter((name) => !['standard', 'fastest'].includes(name))).toEqual([]);
  });
});

describe('memory', () => {
  const cacheOf = (stored: Map<string, string>) => ({
    get: (key: string) => stored.get(key),
    set: (key: string, value: string) => void stored.set(key, value),
  });
  const kernels = { standard: 1, fastest: 0.5, slower: 2 };

  test('of what is sure: nothing is compiled again, and the choice is the same', async () => {
    const stored = new Map<string, string>();
    const first = await tuned({ kernels, resolution: 0.1, load: 'bursts', seed: 1 }, { cache: cacheOf(stored) });
    expect([...stored.keys()].map((key) => key.split('|').slice(-2).join(' '))).toEqual(['standard fastest', 'standard slower']);
    const again = await tuned({ kernels, resolution: 0.1, load: 'busy', seed: 2 }, { cache: cacheOf(stored) });
    expect([first.chosen, again.chosen, again.opened]).toEqual(['fastest', 'fastest', 0]);
  });

  test('of nothing that is in doubt: it is measured again, and on a quiet machine it is sure', async () => {
    const near = { standard: 30, like: 29.5 };
    const stored = new Map<string, string>();
    const busy = await tuned({ kernels: near, resolution: 0.1, load: 'busy', seed: 1 }, { cache: cacheOf(stored) });
    expect([busy.chosen, stored.size]).toEqual(['standard', 0]);
    const quiet = await tuned({ kernels: near, resolution: 0.1, load: 'quiet', seed: 1 }, { cache: cacheOf(stored) });
    expect([quiet.chosen, stored.size]).toEqual(['standard', 1]);
  });

  test('grows from run to run where there is time for a few kernels only, until nothing is left', async () => {
    const many = { standard: 1, a: 1.1, b: 0.9, c: 0.5, d: 2 };
    const stored = new Map<string, string>();
    const chosen: string[] = [];
    for (let seed = 1; seed <= 6; seed++) {
      const of: Simulated = { kernels: many, resolution: 0.1, load: 'quiet', seed, compile: 1200 };
      chosen.push((await tuned(of, { cache: cacheOf(stored) })).chosen);
    }
    expect(stored.size).toBe(4);
    expect(chosen[0]).not.toBe('c');
    expect(chosen.at(-1)).toBe('c');
  });
});

test('several contests share the time: the first in doubt leaves some to the others', async () => {
  const { watch, entrants } = simulated({ kernels: { standard: 1, like: 0.94 }, resolution: 0.1, load: 'busy', seed: 3 });
  const keys = ['a', 'b', 'c', 'd'];
  const began = new Map<string, number>();
  const contests = keys.map((key) => ({ key, entrants }));
  const cache = { get: (key: string) => void began.set(key.split('|')[3], watch.now()), set: () => {} };
  expect(Object.keys(await autotuneKernels(gpu, contests, { budget: BUDGET, stopwatch: watch, cache }))).toEqual(keys);
  expect([...began.values()].at(-1)).toBeLessThan(0.9 * BUDGET);
  expect(watch.now()).toBeLessThan(1.1 * BUDGET);
});

describe('an end', () => {
  test.each<[string, Simulated['kernels'], string]>([
    ['a challenger', { standard: 1, other: 'refused', fastest: 0.5 }, 'fastest'],
    ['every challenger', { standard: 1, a: 'refused', b: 'refused' }, 'standard'],
    ['the default', { standard: 'refused', slower: 1, fastest: 0.5 }, 'fastest'],
    ['all but one', { standard: 'refused', other: 1 }, 'other'],
  ])('%s is refused: the rest goes on', async (_, kernels, chosen) => {
    expect((await tuned({ kernels, resolution: 0.1, load: 'quiet', seed: 1 })).chosen).toBe(chosen);
  });

  test.each([10, 100, 200, 300])('the device is lost after %i ms: said so, with nothing left open', async (lostAt) => {
    const of: Simulated = { kernels: { standard: 1, a: 0.5, b: 2 }, resolution: 0.1, load: 'quiet', seed: 1, lostAt };
    const { watch, entrants, open } = simulated(of);
    const tuning = autotuneKernels(gpu, [{ key: 'x', entrants }], { budget: BUDGET, stopwatch: watch });
    await expect(tuning).rejects.toThrow('the GPU was lost');
    expect(open.now).toBe(0);
    expect(watch.now()).toBeLessThan(lostAt + 100);
  });
});
