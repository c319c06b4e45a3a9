// The tuner on a device, with kernels whose speed is known: how long each loops. Its statistics are held in duel.test.ts.
import { expect, test, vi } from 'vitest';
import { shapeOf } from '../../src/commands/bench/gemm.ts';
import { LLAMA_3M } from '../../src/commands/bench/model.ts';
import { autotuneKernels, type Contest } from '../../src/gpu/autotune.ts';
import { closeGpu, openGpu } from '../../src/gpu/device.ts';
import { planningOf } from '../../src/gpu/limits.ts';
import { type Build, kernel, run, trace } from '../../src/gpu/program.ts';
import { resident } from '../../src/gpu/tensor.ts';
import { newDecoder } from '../../src/models/decoder.ts';
import { gemmContests } from '../../src/ops/matmul/gemm-contests.ts';
import { chooseVariant, classOf, type Shape, VARIANTS } from '../../src/ops/matmul/gemm-variants.ts';
import type { StoredFormat } from '../../src/ops/stored/formats.ts';
import { productsOf, withKernels } from '../../src/train/autotune.ts';
import { testGpu } from './harness.ts';

const gpu = await testGpu();
const budget = 60_000; // enough for any machine, however busy

const code = `
struct Params { origin: vec3u, n: u32 }
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  var x = f32(id.x);
  for (var i = 0u; i < P.n; i++) { x = fma(x, 0.999, 0.01); }
  y[id.x] = x;
}`;
const slowly =
  (n: number): Build =>
  (p) =>
    run(p, kernel('slow', [code]), { y: resident('y', [4096], 'other') }, { n }, [64]);
const broken: Build = (p) =>
  run(p, kernel('broken', [code.replace('0.999', 'nowhere')]), { y: resident('y', [4096], 'other') }, { n: 1 }, [64]);
const contest = (key: string, entrants: Record<string, Build>): Contest => ({
  key,
  entrants: Object.entries(entrants).map(([name, build]) => ({ name, build })),
});

test('the fastest entrant wins, wherever it stands, and nothing is left on the device', async () => {
  const before = gpu.memory.bytes;
  const choices = await autotuneKernels(
    gpu,
    [
      contest('a', { slow: slowly(8000), fast: slowly(100), middle: slowly(4000) }),
      contest('b', { fast: slowly(100), slow: slowly(8000) }),
    ],
    { budget },
  );
  expect(choices).toEqual({ a: 'fast', b: 'fast' });
  expect(gpu.memory.bytes).toBe(before);
});

test('what does not compile here is passed over', async () => {
  expect(await autotuneKernels(gpu, [contest('a', { standard: slowly(1000), broken })], { budget })).toEqual({ a: 'standard' });
  expect(await autotuneKernels(gpu, [contest('a', { broken, other: slowly(1000) })], { budget })).toEqual({ a: 'other' });
});

test('a device that fails meanwhile ends it, with nothing left on the device', async () => {
  const own = await openGpu();
  const before = own.memory.bytes;
  const failing: Build = (p) => {
    slowly(100)(p);
    own.failed = new Error('the GPU was lost');
  };
  const tuning = autotuneKernels(own, [contest('a', { slow: slowly(8000), failing, fast: slowly(100) })], { budget });
  await expect(tuning).rejects.toThrow('the GPU was lost');
  expect(own.memory.bytes).toBe(before);
  closeGpu(own);
});

test('no time, no measurement: the default stays and is not remembered', async () => {
  const set = vi.fn();
  const choices = await autotuneKernels(gpu, [contest('a', { slow: slowly(8000), fast: slowly(100) })], {
    budget: -1,
    cache: { get: () => null, set },
  });
  expect(choices).toEqual({ a: 'slow' });
  expect(set).not.toHaveBeenCalled();
});

test('a result is remembered by adapter and entrants, and measured once', async () => {
  const stored = new Map<string, string>();
  const cache = { get: (k: string) => stored.get(k), set: (k: string, v: string) => void stored.set(k, v) };
  const build = vi.fn(slowly(100));
  const a = contest('a', { slow: slowly(8000), fast: build });
  expect(await autotuneKernels(gpu, [a], { cache, budget })).toEqual({ a: 'fast' });
  const calls = build.mock.calls.length;
  expect(await autotuneKernels(gpu, [a], { cache, budget })).toEqual({ a: 'fast' });
  expect(build.mock.calls.length).toBe(calls);
  expect([...stored.keys()]).toEqual([expect.stringContaining(gpu.name)]);
  // one entrant more is one question more
  const third = vi.fn(slowly(1000));
  await autotuneKernels(gpu, [contest('a', { slow: slowly(8000), fast: build, third })], { cache, budget });
  expect(stored.size).toBe(2);
  expect(third).toHaveBeenCalled();
  expect(build.mock.calls.length).toBe(calls);
});

test.each(['', 'gone', '-1', '1.5', 'NaN'])('an answer in the cache that says nothing is measured anew: %j', async (wrong) => {
  const set = vi.fn();
  const a = contest('a', { slow: slowly(8000), fast: slowly(100) });
  expect(await autotuneKernels(gpu, [a], { cache: { get: () => wrong, set }, budget })).toEqual({ a: 'fast' });
  expect(set).toHaveBeenCalledOnce();
});

const shape: Shape = { m: 256, n: 64, k: 64, a_at: 0, lda: 64, b_at: 0, ldb: 64, c_at: 0, ldc: 64 };

const variants = VARIANTS.filter((v) => v.layout === 'nn' && !v.half);
test.each(variants.map((v) => [v.name, v.only === 'software'] as const))('choices are taken: %s', (name, software) => {
  const choices = { [classOf('nn', shape, { software })]: name };
  expect(chooseVariant('nn', shape, { software, subgroups: 8, choices }).name).toBe(name);
});

test.each([
  ['a variant that the device cannot take', { [classOf('nn', shape, {})]: 'gemm_packed8_nn' }],
  ['a variant for software adapters', { [classOf('nn', shape, {})]: 'gemm_packed_plain_nn' }],
  ['half precision that was not asked for', { [classOf('nn', shape, {})]: 'gemm_half64_nn' }],
  ['a variant of another layout', { [classOf('nn', shape, {})]: 'gemm_plain_nt' }],
  ['an unknown name', { [classOf('nn', shape, {})]: 'gemm_of_tomorrow' }],
  ['another class', { 'gemm nn 16 all': 'gemm_plain_nn' }],
])('%s is not chosen', (_, choices) => {
  expect(chooseVariant('nn', shape, { choices })).toBe(chooseVariant('nn', shape));
});

test.each([
  ['rows', { m: 16 }, { m: 17 }],
  ['rows', { m: 64 }, { m: 65 }],
  ['rows', { m: 256 }, { m: 257 }],
  ['what divides', {}, { k: 63 }],
  ['what divides', { a_at: 1 }, { c_at: 1 }],
])('shapes that differ in %s are of two classes', (_, a, b) => {
  for (const software of [true, false])
    expect(classOf('nn', { ...shape, ...a }, { software })).not.toBe(classOf('nn', { ...shape, ...b }, { software }));
});

test('on GPUs shapes of as many workgroups are of one class, and a contest keeps to it', () => {
  const of = (m: number, n: number, software = false) => classOf('nn', { ...shape, m, n }, { software });
  expect(of(512, 2048)).toBe(of(2048, 512));
  expect(of(512, 2048)).not.toBe(of(512, 512));
  expect(of(512, 2048, true)).toBe(of(512, 512, true));
  expect(of(512, 8192)).toBe(of(512, 128256));
  const gpu = planningOf({ maxBinding: 2 ** 31 - 4, maxBuffer: 2 ** 31 - 4, software: false, subgroups: 32 });
  const sizes = { layout: 'nt' as const, m: 512, k: 8192 };
  const contests = gemmContests(
    [512, 2048, 8192].map((n) => ({ ...sizes, n })),
    gpu,
  );
  expect(contests.length).toBe(3);
  for (const { key, entrants } of contests)
    for (const { name, build } of entrants.filter((e) => e.name.startsWith('gemm_tile'))) {
      const [e] = trace('contest', build, {}, gpu).entries.filter((e) => e.op === 'run');
      const n = e.grid[0] * Number(name.match(/tile(\d+)/)![1]);
      expect(classOf('nt', shapeOf('nt', 512, n, 256), gpu)).toBe(key);
      expect(e.flops).toBeLessThanOrEqual(8e9);
    }
});

const desktop = planningOf({ maxBinding: 2 ** 31 - 4, maxBuffer: 2 ** 31 - 4, software: false, subgroups: 32 });

test.each<StoredFormat>(['bf16', 'q8_0', 'q4_k'])('on GPUs a contest multiplies by weights as they are stored: %s', (stored) => {
  const [contest] = gemmContests([{ layout: 'nt', m: 512, n: 8192, k: 2048, stored }], desktop);
  expect(contest.of).toBe(stored);
  expect(contest.entrants.length).toBeGreaterThan(2);
  for (const { name, build } of contest.entrants) {
    const runs = trace('contest', build, {}, desktop).entries.filter((e) => e.op === 'run');
    expect([
      name,
      runs.some((e) => e.kernel.name.includes(stored) && e.kernel.linked.bindings.some((b) => b.name === 'wq')),
    ]).toEqual([name, true]);
  }
  const [software] = gemmContests(
    [{ layout: 'nt', m: 512, n: 8192, k: 2048, stored }],
    planningOf({ ...desktop, software: true }),
  );
  expect(software.of).toBeUndefined();
});

test('times of one stored format are not remembered for another', async () => {
  const keys: string[] = [];
  const get = (key: string) => {
    keys.push(key);
    return 'no';
  };
  const a = contest('a', { slow: slowly(1), fast: slowly(1) });
  for (const of of [undefined, 'bf16', 'q8_0']) await autotuneKernels(gpu, [{ ...a, of }], { cache: { get, set: () => {} } });
  expect(new Set(keys).size).toBe(3);
});

test('a contest has the default first and every variant that the device can take, at a size of a few milliseconds', () => {
  const products = productsOf(
    newDecoder(LLAMA_3M, 256, () => 'f32', gpu.limits.maxBinding),
    { N: 256, M: 255 },
    true,
  );
  expect(products.length).toBe((4 * 7 + 1) * 3);
  const contests = gemmContests(products, planningOf(gpu.limits));
  // 256 and 255 rows; no dimension of the model or of the batch but the latter is odd
  expect(new Set(contests.map((c) => c.key)).size).toBe(contests.length);
  expect(contests.length).toBeGreaterThanOrEqual(3);
  for (const { key, entrants } of contests) {
    expect(key).toMatch(/^gemm (nt|nn|tn) (16|64|256|many) (all|c|none)(, 2\^\d+ tiles)?$/);
    expect(new Set(entrants.map((e) => e.name)).size).toBe(entrants.length);
    expect(entrants.length).toBeGreaterThan(1);
  }
});

test('tuning for a model gives a planning with the choices; limits of the device are fixed', async () => {
  const cache = { get: (k: string) => (k.endsWith('|gemm_plain_nt') ? '0.5' : 'no'), set: () => {} };
  const planning = planningOf(gpu.limits, { half: true });
  const decoder = newDecoder(LLAMA_3M, 256, () => 'f32', gpu.limits.maxBinding);
  const tuned = await withKernels({ gpu, planning, decoder }, { N: 256, M: 256 }, { wholeGradients: false }, { cache });
  const [nt] = Object.entries(tuned.choices).filter(([k]) => k.startsWith('gemm nt 256'));
  expect(nt[1]).toBe('gemm_plain_nt'); // what the cache said to be faster
  const q: Shape = { m: 256, n: 256, k: 256, a_at: 0, lda: 256, b_at: 0, ldb: 256, c_at: 0, ldc: 256 };
  expect(chooseVariant('nt', q, planningOf(tuned, { half: false })).name).toBe('gemm_plain_nt');
  expect(tuned.half).toBe(true);
  expect(planning.choices).toEqual({});
  expect(() => Object.assign(gpu.limits, { maxBinding: 1 })).toThrow(TypeError);
});
