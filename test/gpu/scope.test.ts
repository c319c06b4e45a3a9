// Who owns device bytes: what a scope frees, what outlives a machine, and that a failing preparation leaves nothing.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Gpu, openGpu } from '../../src/gpu/device.ts';
import { planningOf } from '../../src/gpu/limits.ts';
import { plan } from '../../src/gpu/plan.ts';
import { kernel, type Program, run, temp } from '../../src/gpu/program.ts';
import { dispose, pipelineOf, prepare, replay } from '../../src/gpu/run.ts';
import { allocate, free, type Memory, newScope, release } from '../../src/gpu/scope.ts';
import { read, resident, type Tensor, write } from '../../src/gpu/tensor.ts';
import { closeGpu } from './harness.ts';

let gpu: Gpu;
beforeEach(async () => {
  gpu = await openGpu();
});
afterEach(() => closeGpu(gpu));

const adding = (body: string) => `
struct Params { origin: vec3u, n: u32 }
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(1) fn main(@builtin(workgroup_id) id: vec3u) { let i = id.x + P.origin.x; ${body} }`;
const sound = kernel('add one', [adding('y[i] = x[i] + 1.0;')]);
const broken = kernel('broken', [adding('y[i] = x[i] + nothing;')]);

const home = (name: string, n = 4) => resident(name, [n], 'other').home!;
const held = () => ({ bytes: gpu.memory.bytes, buffers: gpu.memory.live.size });

/** y = x + 1 by way of a temporary, by a kernel. */
const planned = (k: ReturnType<typeof kernel>, x: Tensor, y: Tensor, more?: (p: Program) => void) => {
  const build = (p: Program) => {
    const t = temp(p, 't', [4]);
    run(p, sound, { x, y: t }, { n: 0 }, [4]);
    run(p, k, { x: t, y }, { n: 0 }, [4]);
    more?.(p);
  };
  return plan([{ name: 'p', build, dims: {}, readback: y }], planningOf(gpu.limits));
};

describe('a scope', () => {
  test('frees what was allocated in it and within it, and nothing else', () => {
    const outer = newScope(gpu.scope);
    const inner = newScope(outer);
    const [a, b, c] = [home('a'), home('b', 8), home('c', 100)];
    allocate(outer, a);
    allocate(inner, b);
    allocate(gpu.scope, c);
    expect(held()).toEqual({ bytes: 16 + 32 + 400, buffers: 3 });
    expect(allocate(inner, a)).toBe(a.buffer); // it stays the outer one's
    free(inner);
    expect([a, b, c].map((h) => Boolean(h.buffer))).toEqual([true, false, true]);
    allocate(newScope(outer), b);
    free(outer);
    free(outer);
    expect([a, b, c].map((h) => Boolean(h.buffer))).toEqual([false, false, true]);
    expect(held()).toEqual({ bytes: 400, buffers: 1 });
    closeGpu(gpu);
    expect(held()).toEqual({ bytes: 0, buffers: 0 });
  });

  test('that was freed takes nothing more, and none frees what is of another', () => {
    const [one, other] = [newScope(gpu.scope), newScope(gpu.scope)];
    const a = home('a');
    allocate(one, a);
    expect(() => release(other, a)).toThrow('expected a to be of the scope that frees it');
    release(one, a);
    expect(a.buffer).toBeUndefined();
    free(one);
    expect(() => allocate(one, a)).toThrow('got one that was freed');
    expect(() => newScope(one)).toThrow('got one that was freed');
    expect(held()).toEqual({ bytes: 0, buffers: 0 });
  });
});

describe('a machine', () => {
  test('owns what was not there, and leaves what was', async () => {
    const [x, y] = [resident('x', [4], 'other'), resident('y', [4], 'other')];
    const mine = newScope(gpu.scope);
    allocate(mine, y.home!);
    const before = held();
    const made = planned(sound, x, y);
    const machine = await prepare(gpu, made);
    expect(gpu.memory.bytes).toBe(made.bytes.total);
    write(gpu.memory, x, Float32Array.of(1, 2, 3, 4));
    replay(machine, 'p', {});
    dispose(machine);
    expect(held()).toEqual(before);
    expect([...(await read(gpu.memory, y))]).toEqual([3, 4, 5, 6]);
    expect(() => replay(machine, 'p', {})).toThrow('got one that was disposed of');
    await expect(read(gpu.memory, x)).rejects.toThrow('expected an allocated resident tensor, got x');
  });

  test('is freed with the scope that it was prepared within', async () => {
    const model = newScope(gpu.scope);
    await prepare(gpu, planned(sound, resident('x', [4], 'other'), resident('y', [4], 'other')), model);
    expect(gpu.memory.bytes).toBeGreaterThan(0);
    free(model);
    expect(held()).toEqual({ bytes: 0, buffers: 0 });
  });

  test('whose pipeline does not compile leaves nothing behind', async () => {
    const [x, y] = [resident('x', [4], 'other'), resident('y', [4], 'other')];
    allocate(gpu.scope, y.home!);
    const before = held();
    await expect(prepare(gpu, planned(broken, x, y))).rejects.toThrow(/kernel broken does not compile/);
    expect(held()).toEqual(before);
    expect(y.home!.buffer).toBeDefined();
  });

  test('one of whose buffers cannot be had leaves nothing behind', async () => {
    const giant = resident('giant', [gpu.device.limits.maxStorageBufferBindingSize / 4 + 4], 'other');
    const made = planned(sound, resident('x', [4], 'other'), resident('y', [4], 'other'), (p) =>
      run(p, sound, { x: giant, y: temp(p, 'z', [4]) }, { n: 0 }, [1]),
    );
    await expect(prepare(gpu, made)).rejects.toThrow(/expected a buffer of at most .* got giant/);
    expect(held()).toEqual({ bytes: 0, buffers: 0 });
  });
});

test('a kernel that failed to compile is compiled again when it is next asked for', async () => {
  const create = gpu.device.createComputePipelineAsync.bind(gpu.device);
  gpu.device.createComputePipelineAsync = () => Promise.reject(new Error('out of luck'));
  await expect(pipelineOf(gpu, sound)).rejects.toThrow(/kernel add one does not compile on .*: out of luck/);
  gpu.device.createComputePipelineAsync = create;
  const made = pipelineOf(gpu, sound);
  await expect(made).resolves.toBeDefined();
  expect(pipelineOf(gpu, sound)).toBe(made);
  expect(gpu.compiled).toBe(2);
});

describe('writing', () => {
  test('demands that somebody owns the bytes', () => {
    const x = resident('x', [4], 'other');
    expect(() => write(gpu.memory, x, new Float32Array(4))).toThrow('expected x to be allocated before it is written');
    expect(held()).toEqual({ bytes: 0, buffers: 0 });
  });

  test.each([2 ** 31, 2 ** 31 + 8, 2 ** 32 - 4])('%i bytes at once is one write of them all', (size) => {
    const written: number[] = [];
    const memory = { device: { queue: { writeBuffer: (...a: unknown[]) => written.push(a[4] as number) } } } as unknown as Memory;
    const x = resident('x', [2 ** 30], 'other');
    x.home!.buffer = {} as GPUBuffer;
    write(memory, x, { buffer: new ArrayBuffer(0), byteOffset: 0, byteLength: size } as Uint8Array<ArrayBuffer>);
    expect(written).toEqual([size]);
  });
});
