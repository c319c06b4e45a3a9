// Views: several residents in one buffer, each bound, copied, cleared, written and read as if it were alone.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Gpu } from '../../src/gpu/device.ts';
import { planningOf } from '../../src/gpu/limits.ts';
import { plan } from '../../src/gpu/plan.ts';
import { type Build, clear, copy, kernel, type Program, run, trace } from '../../src/gpu/program.ts';
import { dispose, prepare, readback, replay } from '../../src/gpu/run.ts';
import { allocate, free, newScope } from '../../src/gpu/scope.ts';
import { arena, read, resident, snapshot, write } from '../../src/gpu/tensor.ts';
import { closeGpu, testGpu } from './harness.ts';

let gpu: Gpu;
beforeAll(async () => {
  gpu = await testGpu();
});
afterAll(() => closeGpu(gpu));

describe('a snapshot', () => {
  // in pieces: one tensor larger than a piece, several together, and views of one buffer
  const MB = 1 << 18;
  const tensors = () => [
    resident('large', [18 * MB], 'trained'),
    ...Array.from({ length: 9 }, (_, i) => resident(`small ${i}`, [2 * MB + i], 'moments')),
    ...arena('views', parts(100, 7, 3), 'moments', 4096).parts,
  ];

  test('is what tensors held when it was taken, whatever the device does then; and leaves nothing on it', async () => {
    const scope = newScope(gpu.memory.root);
    const all = tensors();
    for (const t of all) allocate(scope, t.home!);
    const values = (t: { shape: readonly number[] }, of: number) =>
      Float32Array.from({ length: t.shape[0] }, (_, i) => of + (i % 1000));
    all.forEach((t, k) => write(gpu.memory, t, values(t, k)));
    const before = gpu.memory.bytes;
    const taken = await snapshot(gpu.memory, all);
    for (const t of all) write(gpu.memory, t, values(t, -5000)); // the run goes on
    for (const [k, t] of all.entries()) {
      const value = await taken.values[k];
      expect(value.length).toBe(t.shape[0]);
      const want = values(t, k);
      expect(
        value.findIndex((x, i) => x !== want[i]),
        t.name,
      ).toBe(-1); // toEqual takes seconds for millions
    }
    await taken.landed;
    expect(gpu.memory.bytes).toBe(before);
    expect((await read(gpu.memory, all[3]))[1]).toBe(-4999);
    free(scope);
  });
});

const parts = (...sizes: number[]) => sizes.map((n, i) => ({ name: `part ${i}`, shape: [n] }));
const ADD = `
struct Params { origin: vec3u, n: u32 }
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + P.origin.x) * 64u + lane;
  if (i < P.n) { y[i] += x[i]; }
}`;

describe('an arena', () => {
  test.each([
    { sizes: [1], most: 1024, starts: [0], homes: [16] },
    { sizes: [64, 64], most: 512, starts: [0, 256], homes: [512] },
    { sizes: [64, 65], most: 512, starts: [0, 0], homes: [256, 272] },
    { sizes: [63, 1, 100], most: 4096, starts: [0, 256, 512], homes: [912] },
    { sizes: [], most: 512, starts: [], homes: [] },
  ])('of $sizes floats in bindings of $most bytes lies in $homes', ({ sizes, most, starts, homes }) => {
    const { whole, parts: made } = arena('a', parts(...sizes), 'moments', most);
    expect(made.map((t) => t.start)).toEqual(starts);
    expect(made.map((t) => t.shape)).toEqual(sizes.map((n) => [n]));
    expect(whole.map((t) => t.home!.bytes)).toEqual(homes);
    expect(whole.map((t) => t.bytes)).toEqual(homes);
  });

  test('is counted once in a plan', () => {
    const { whole, parts: made } = arena('a', parts(100, 100), 'moments', 4096);
    const y = resident('y', [100], 'other');
    const build: Build = (p) => {
      for (const x of made) run(p, kernel('add', [ADD]), { x, y }, { n: 100 }, [2]);
    };
    const { bytes } = plan([{ name: 'p', build, dims: {} }], planningOf(gpu.limits));
    expect(bytes.moments).toBe(whole[0].bytes);
  });

  test('cannot be read by one part and written by another in one dispatch, which WebGPU refuses', () => {
    const [x, y] = arena('a', parts(100, 100), 'moments', 4096).parts;
    const build = (p: Program) => run(p, kernel('add', [ADD]), { x, y }, { n: 100 }, [2]);
    expect(() => trace('p', build, {}, planningOf(gpu.limits))).toThrow('bound twice');
  });
});

test('parts are bound, copied, cleared, written, read and read back each by itself', async () => {
  const scope = newScope(gpu.scope);
  const xs = arena('x', parts(70, 5, 130), 'other', 4096).parts;
  const ys = arena('y', parts(70, 5, 130), 'other', 4096).parts;
  const values = xs.map(({ shape: [n] }, i) => Float32Array.from({ length: n }, (_, j) => 1000 * i + j));
  for (const t of [...xs, ...ys]) allocate(scope, t.home!);
  xs.forEach((t, i) => write(gpu.memory, t, values[i]));
  ys.forEach((t) => write(gpu.memory, t, new Float32Array(t.shape[0]).fill(7)));
  const build: Build = (p) => {
    run(p, kernel('add', [ADD]), { x: xs[0], y: ys[0] }, { n: 70 }, [2]);
    clear(p, ys[1]);
    copy(p, xs[2], ys[2], 3, 4, 100);
  };
  const machine = await prepare(gpu, plan([{ name: 'p', build, dims: {}, readback: ys[2] }], planningOf(gpu.limits)));
  replay(machine, 'p', {});
  const back = await readback(machine, 'p');
  const got = [];
  for (const y of ys) got.push([...(await read(gpu.memory, y))]);
  expect(got[0]).toEqual([...values[0]].map((v) => v + 7));
  expect(got[1]).toEqual([0, 0, 0, 0, 0]);
  expect(got[2]).toEqual([7, 7, 7, 7, ...values[2].subarray(3, 103), ...new Array(26).fill(7)]);
  expect([...back.subarray(0, 130)]).toEqual(got[2]);
  dispose(machine);
  free(scope);
});
