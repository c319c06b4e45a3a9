// Replay on a device: what is written, cut, allocated and read back, and that a whole run repeats its bits.
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { randomValues } from '../../src/commands/bench/model.ts';
import { planLikelihood, scoreRows, sizesOf } from '../../src/eval/likelihood.ts';
import { type Gpu, idle, openGpu } from '../../src/gpu/device.ts';
import { planningOf } from '../../src/gpu/limits.ts';
import { homesOf, plan, RING } from '../../src/gpu/plan.ts';
import { profile } from '../../src/gpu/profile.ts';
import { type Build, clear, copy, kernel, run } from '../../src/gpu/program.ts';
import { dispose, type Machine, prepare, readback, replay } from '../../src/gpu/run.ts';
import { read, readU32, resident, type Tensor, write } from '../../src/gpu/tensor.ts';
import { decoderOf, rowsOf, startRun, TINY, tinyDecoder } from '../models/tiny.ts';
import { closeGpu, testGpu } from './harness.ts';

let gpu: Gpu;
beforeAll(async () => {
  gpu = await testGpu();
});

/** y[group] += workgroup's own number + 1, group counted from the origin: every group must run exactly once. */
const counting = kernel('counting', [
  `
struct Params { origin: vec3u, width: u32, height: u32 }
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) id: vec3u) {
  let g = id + P.origin;
  let i = (g.z * P.height + g.y) * P.width + g.x;
  y[i] += i + 1u;
}`,
]);

async function count(grid: [number, number, number], rate?: number): Promise<Uint32Array> {
  const y = resident('y', [grid[0] * grid[1] * grid[2]], 'other', 'u32');
  const build: Build = (p) => run(p, counting, { y }, { width: grid[0], height: grid[1] }, grid, { flops: 1e6, bytes: 0 });
  const m = await prepare(gpu, plan([{ name: 'p', build, dims: {} }], planningOf(gpu.limits)));
  if (rate) m.pace = { tflops: rate / 1e9, gbps: rate / 1e6 };
  replay(m, 'p', {});
  await idle(gpu);
  const got = await readU32(gpu.memory, y);
  dispose(m);
  return got;
}

describe('grids', () => {
  test.each<[number, number, number]>([
    [65535, 1, 1],
    [65536, 1, 1],
    [131073, 1, 1],
    [2, 65537, 1],
    [1, 3, 65536],
  ])('of %i x %i x %i run every workgroup once', async (...grid) => {
    const got = await count(grid);
    expect(got.every((v, i) => v === i + 1)).toBe(true);
  });

  test.each([1, 100, 1e3, 1e5])('cut for a device of %i FLOPs a millisecond do too', async (rate) => {
    const got = await count([37, 11, 3], rate);
    expect(got.every((v, i) => v === i + 1)).toBe(true);
  });

  test('of no workgroups run none', async () => {
    const y = resident('y', [4], 'other', 'u32');
    const build: Build = (p) => run(p, counting, { y }, { width: 0, height: 1 }, [0, 1, 1]);
    const m = await prepare(gpu, plan([{ name: 'p', build, dims: {} }], planningOf(gpu.limits)));
    replay(m, 'p', {});
    await idle(gpu);
    expect([...(await readU32(gpu.memory, y))]).toEqual([0, 0, 0, 0]);
    dispose(m);
  });
});

describe('params', () => {
  const echo = kernel('echo', [
    `
struct Params { origin: vec3u, a: f32, b: u32, c: i32, d: f32 }
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) id: vec3u) {
  let at = id.x + P.origin.x;
  y[at] = bitcast<u32>(P.a);
  y[at + 1u] = P.b;
  y[at + 2u] = bitcast<u32>(P.c);
  y[at + 3u] = bitcast<u32>(P.d);
}`,
  ]);
  const ran = async (b: number) => {
    const y = resident('y', [4], 'other', 'u32');
    const m = await prepare(
      gpu,
      plan(
        [{ name: 'p', build: (p) => run(p, echo, { y }, { a: -0.1, b, c: -7, d: 3e38 }, [1]), dims: {} }],
        planningOf(gpu.limits),
      ),
    );
    try {
      replay(m, 'p', {});
      await idle(gpu);
      return (await readU32(gpu.memory, y)).buffer;
    } finally {
      dispose(m);
    }
  };

  test.each([0, 1, 2 ** 31, 2 ** 32 - 1])('arrive as what they are declared, u32 %i', async (b) => {
    const got = await ran(b);
    expect(new Float32Array(got)[0]).toBe(Math.fround(-0.1));
    expect(new Uint32Array(got)[1]).toBe(b);
    expect(new Int32Array(got)[2]).toBe(-7);
    expect(new Float32Array(got)[3]).toBe(Math.fround(3e38));
  });

  test.each([-1, 2 ** 32, 0.5, Number.NaN])('of u32 refuse %d', async (b) => {
    await expect(ran(b)).rejects.toThrow(`kernel echo: expected a u32 for b, got ${b}`);
  });
});

test('copies and clears run in their order among dispatches', async () => {
  const [y, z] = ['y', 'z'].map((n) => resident(n, [8], 'other', 'u32'));
  const build: Build = (p) => {
    run(p, counting, { y }, { width: 8, height: 1 }, [8]);
    copy(p, y, z, 2, 4, 3);
    clear(p, y);
    run(p, counting, { y }, { width: 8, height: 1 }, [2]);
  };
  const m = await prepare(gpu, plan([{ name: 'p', build, dims: {} }], planningOf(gpu.limits)));
  replay(m, 'p', {});
  await idle(gpu);
  expect([...(await readU32(gpu.memory, y))]).toEqual([1, 2, 0, 0, 0, 0, 0, 0]);
  expect([...(await readU32(gpu.memory, z))]).toEqual([0, 0, 0, 0, 3, 4, 5, 0]);
  const timed = await profile(m, 'p', {});
  expect(timed.map((t) => t.kernel)).toEqual(['counting', 'copy', 'clear', 'counting']);
  expect(timed.every((t) => t.ms >= 0 && t.ms < 60_000)).toBe(true);
  dispose(m);
});

describe('the ring of results', () => {
  let m: Machine;
  let y: Tensor;
  beforeAll(async () => {
    y = resident('y', [4], 'other', 'u32');
    const build: Build = (p) => run(p, counting, { y }, { width: 4, height: 1 }, [1]);
    m = await prepare(gpu, plan([{ name: 'p', build, dims: {}, readback: y }], planningOf(gpu.limits)));
  });
  const step = () => {
    replay(m, 'p', {});
    return readback(m, 'p').then((r) => new Uint32Array(r.buffer)[0]);
  };

  test('gives every step its own result, in order, though read late', async () => {
    write(gpu.memory, y, new Uint32Array(4));
    for (let round = 0; round < 3; round++) {
      const late = Array.from({ length: RING }, step);
      expect(await Promise.all(late)).toEqual([1, 2, 3, 4].map((i) => round * RING + i));
    }
  });

  test('refuses one more than it holds, and goes on when one has arrived', async () => {
    write(gpu.memory, y, new Uint32Array(4));
    const late = Array.from({ length: RING }, step);
    expect(step).toThrow(/expected at most 4 results of p on their way, got one more: await the oldest first/);
    expect(await late[0]).toBe(1);
    const after = step(); // the refused step had run, its result was not asked for in time
    expect(await Promise.all(late)).toEqual([1, 2, 3, 4]);
    expect(await after).toBe(6);
  });

  test('is not there for a program that reads nothing back', async () => {
    const none = await prepare(
      gpu,
      plan(
        [{ name: 'q', build: (p) => run(p, counting, { y }, { width: 1, height: 1 }, [1]), dims: {} }],
        planningOf(gpu.limits),
      ),
    );
    expect(() => readback(none, 'q')).toThrow(/expected program q to name what it reads back/);
    expect(() => replay(none, 'r', {})).toThrow(/expected one of the programs q, got r/);
    dispose(none);
  });
});

test('an error that nobody awaited comes out at the next call', async () => {
  const own = await openGpu();
  const y = resident('y', [4], 'other', 'u32');
  const m = await prepare(
    own,
    plan([{ name: 'p', build: (p) => run(p, counting, { y }, { width: 1, height: 1 }, [1]), dims: {} }], planningOf(own.limits)),
  );
  own.device.createShaderModule({ code: 'nonsense' });
  for (let i = 0; i < 500 && !own.failed; i++) {
    await own.device.queue.onSubmittedWorkDone(); // browsers pass errors on with the next answer
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(() => replay(m, 'p', {})).toThrow(/the GPU reported: /);
  await expect(idle(own)).rejects.toThrow(/the GPU reported: /);
  own.failed = null;
  closeGpu(own);
});

const smt = {
  block: 8,
  blocks: [
    ['model.layers.0.self_attn.q_proj.weight', 0, 1],
    ['model.layers.1.mlp.down_proj.weight', 3, 2],
  ] as [string, number, number][],
};
const recipe = { lr: 1e-3, betas: [0.9, 0.95] as const, eps: 1e-8, weight_decay: 0, clip: 1, batch: 2 };

/** 50 by `npm run evidence bits`. */
const REPEATS = Number(import.meta.env.REPEATS) || ('Deno' in globalThis ? 20 : 8);

describe.each([
  ['smt', smt],
  ['full', {}],
])('a whole run of %s', (_, what) => {
  const rows = rowsOf([9, 17, 5, 12, 20, 7]);

  test('allocates what was planned; after every size was seen it makes no buffer and no pipeline', async () => {
    const { memory } = gpu;
    const others = new Set(memory.live.values());
    const before = memory.bytes;
    const d = tinyDecoder(gpu);
    const base = memory.bytes;
    const r = await startRun(gpu, d, { ...recipe, ...what, rows });
    const { phase } = r;
    expect(memory.bytes - before).toBe(phase.plan.bytes.total);
    expect(new Set(homesOf(phase.plan))).toEqual(new Set([...memory.live.values()].filter((home) => !others.has(home))));
    await r.go(3);
    const { made } = memory;
    const { compiled } = gpu;
    const create = vi.spyOn(gpu.device, 'createBuffer');
    const curve = await r.go(20);
    expect(curve.loss.length).toBe(20);
    expect([memory.made, gpu.compiled, create.mock.calls.length]).toEqual([made, compiled, 0]);
    create.mockRestore();
    expect(memory.bytes - before).toBe(phase.plan.bytes.total);
    r.free();
    expect(memory.bytes).toBe(base); // the model is its owner's
  });

  test(`gives the same bits ${REPEATS} times`, async () => {
    const d = tinyDecoder(gpu);
    const r = await startRun(gpu, d, { ...recipe, ...what, rows });
    const { phase } = r;
    const values = phase.plan.residents.filter((h) => ['trained', 'moments'].includes(h.role));
    const bits = new Set<string>();
    const tensors = values.map(
      (home): Tensor => ({
        name: home.name,
        shape: [home.bytes / 4],
        dtype: 'f32',
        bytes: home.bytes,
        role: home.role,
        home,
        start: 0,
      }),
    );
    const start: Float32Array<ArrayBuffer>[] = [];
    for (const t of tensors) start.push(await read(gpu.memory, t));
    for (let i = 0; i < REPEATS; i++) {
      tensors.forEach((t, k) => write(gpu.memory, t, start[k]));
      write(gpu.memory, phase.state, new Uint8Array(phase.state.bytes));
      const { loss, grad_norm } = await r.again(3);
      const end = [];
      for (const t of tensors) end.push(hash(await read(gpu.memory, t)));
      bits.add(JSON.stringify([loss, grad_norm, end]));
    }
    expect(bits.size).toBe(1);
    expect([...bits][0]).not.toMatch(/null/); // NaN is null in JSON
    r.free();
  });
});

test('evaluation allocates what was planned', async () => {
  const own = await openGpu();
  const d = decoderOf(own, TINY, randomValues(1));
  const rows = rowsOf([9, 17, 5]);
  const sizes = sizesOf(rows, 2);
  const { plan: made, stream } = planLikelihood(d, sizes, planningOf(own.limits));
  const machine = await prepare(own, made);
  await scoreRows(own, { machine, stream, sizes }, rows, 2);
  expect(own.memory.bytes).toBe(made.bytes.total);
  closeGpu(own);
});

function hash(values: Float32Array<ArrayBuffer>): number {
  let h = 0;
  for (const x of new Uint32Array(values.buffer, values.byteOffset, values.length)) h = (Math.imul(h, 31) + x) | 0;
  return h;
}
