// How fast a device is taken to be: what a machine learns from replays, queued or not, on a device whose speed is known; and what is
// measured and remembered of this one.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { autotunePace } from '../../src/gpu/autotune.ts';
import type { Gpu } from '../../src/gpu/device.ts';
import { planningOf } from '../../src/gpu/limits.ts';
import { type Pace, SLOW_GPU, workTime } from '../../src/gpu/pace.ts';
import { measurePace, measurePeak } from '../../src/gpu/peak.ts';
import { plan, SUBMIT_MS } from '../../src/gpu/plan.ts';
import { kernel, run } from '../../src/gpu/program.ts';
import { type Machine, prepare, replay } from '../../src/gpu/run.ts';
import { newMemory } from '../../src/gpu/scope.ts';
import { submitsOf } from '../../src/gpu/table.ts';
import { resident } from '../../src/gpu/tensor.ts';
import { gpuWith } from './kernels.ts';

const code = `
struct Params { origin: vec3u, n: u32 }
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3u) { y[id.x + P.origin.x + P.n] = 1.0; }`;

/** Anything that is called, or read, and says nothing. */
const mute: unknown = new Proxy(() => {}, { get: (_, name) => (name === 'then' ? undefined : mute), apply: () => mute });

/** A device that works off workgroups in their order, so many a millisecond, in fake time. */
function deviceOf(groupsPerMs: () => number) {
  let until = 0;
  let encoded = 0;
  const submits: number[] = [];
  const pass = { setPipeline() {}, setBindGroup() {}, dispatchWorkgroups: (x: number) => void (encoded += x), end() {} };
  const queue = {
    writeBuffer() {},
    submit() {
      const ms = encoded / groupsPerMs();
      encoded = 0;
      submits.push(ms);
      until = Math.max(until, performance.now()) + ms;
    },
    onSubmittedWorkDone: () => new Promise<void>((done) => setTimeout(done, Math.max(0, until - performance.now()))),
  };
  const encoder = { beginComputePass: () => pass, finish() {} };
  const device = new Proxy({} as GPUDevice, {
    get: (_, name) => {
      if (name === 'queue') return queue;
      if (name === 'limits') return { maxBufferSize: 2 ** 31, maxStorageBufferBindingSize: 2 ** 31 };
      if (name === 'createCommandEncoder') return () => encoder;
      return name === 'popErrorScope' ? async () => null : mute;
    },
  });
  const memory = newMemory(device);
  const gpu = { device, memory, scope: memory.root, failed: null, pace: SLOW_GPU, doneAt: 0, software: false };
  return { gpu: { ...gpu, layouts: new Map(), pipelines: new Map() } as unknown as Gpu, submits };
}

describe('a machine learns', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** A replay takes ten such submits on a slow GPU. */
  const GROUPS = 4000;
  const flops = (10 * SUBMIT_MS) / workTime({ flops: 1, bytes: 0 }, SLOW_GPU).ms;

  /** Replays, `queued` at a time, of a device that is so many times as fast; how many times as fast it is taken to be then. */
  async function learned(times: number, queued: number, replays: number) {
    const { gpu, submits } = deviceOf(() => (times * GROUPS) / (10 * SUBMIT_MS));
    const y = resident('y', [64], 'other');
    const build = (p: Parameters<typeof run>[0]) =>
      run(p, kernel('known', [code]), { y }, { n: 0 }, [GROUPS], { flops, bytes: 0 });
    const limits = { maxBinding: 2 ** 31 - 4, maxBuffer: 2 ** 31 - 4, software: false, subgroups: 32 };
    const machine: Machine = await prepare(gpu, plan([{ name: 'p', build, dims: {} }], planningOf(limits)));
    for (let i = 0; i < replays; i++) {
      replay(machine, 'p', {});
      if (i % queued === queued - 1) await vi.runAllTimersAsync();
    }
    return { times: machine.pace.tflops / SLOW_GPU.tflops, submits };
  }

  test.each([
    [20, 1],
    [20, 8],
    [1, 8],
    [0.2, 8],
    [0.2, 1],
  ])('a device %d times as fast, of replays queued %i at a time', async (times, queued) => {
    const { times: got, submits } = await learned(times, queued, 24);
    expect(got / times).toBeGreaterThan(0.8);
    expect(got / times).toBeLessThan(1.25);
    expect(submits.at(-1)).toBeLessThan(2 * SUBMIT_MS);
  });

  test('a slower one within three replays: its submits are short again', async () => {
    const { submits } = await learned(0.1, 1, 4);
    expect(submits[0]).toBeGreaterThan(5 * SUBMIT_MS);
    expect(submits.at(-1)).toBeLessThan(3 * SUBMIT_MS);
  });
});

test('submits are refilled for another pace without cutting again', () => {
  const steps = Array.from({ length: 10 }, (_, entry) => ({ entry, grid: null, offset: 0, ms: 20 }));
  const at = (times: number): Pace => ({ tflops: 2 * times, gbps: 50 * times });
  const lengths = (times: number) => submitsOf({ steps, pace: at(1) }, at(times)).map(({ from, to }) => to - from);
  expect(lengths(1)).toEqual([2, 2, 2, 2, 2]);
  expect(lengths(2)).toEqual([5, 5]);
  expect(lengths(0.1)).toEqual(Array(10).fill(1));
});

describe('a pace', () => {
  test('is what the adapter does: near its peak, and more than a floppy disk', async () => {
    const gpu = await gpuWith('own');
    const { tflops, gbps } = await measurePace(gpu);
    const peak = (await measurePeak(gpu)) / 1e3;
    expect(tflops / peak).toBeGreaterThan(0.2);
    expect(tflops / peak).toBeLessThan(3);
    expect(gbps).toBeGreaterThan(0.1);
    expect(gbps).toBeLessThan(20_000);
  });

  test('is measured once and remembered; a processor keeps the one it has', async () => {
    const stored = new Map<string, string>();
    const cache = { get: (key: string) => stored.get(key), set: (key: string, value: string) => void stored.set(key, value) };
    const hardware = async () => Object.assign(await gpuWith('tiles'), { software: false, pace: SLOW_GPU }) as Gpu;
    const first = await hardware();
    await autotunePace(first, { cache });
    expect(first.pace).not.toEqual(SLOW_GPU);
    expect([...stored]).toEqual([[expect.stringMatching(/\|pace$/), expect.stringMatching(/^[\d.e+-]+ [\d.e+-]+$/)]]);
    const compiled = first.compiled;
    const again = await hardware();
    await autotunePace(again, { cache });
    const rounded = (x: number) => Number(x.toPrecision(3)); // as it is remembered
    expect(again.pace).toEqual({ tflops: rounded(first.pace.tflops), gbps: rounded(first.pace.gbps) });
    expect(again.compiled).toBe(compiled);
    const own = Object.assign(await gpuWith('own'), { software: true, pace: SLOW_GPU }) as Gpu;
    await autotunePace(own, { cache: { get: () => '1 1', set: () => {} } });
    expect(own.pace).toEqual(SLOW_GPU);
  });
});
