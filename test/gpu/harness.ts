// Runs a traced program on the GPU for a test: inputs in, outputs back, errors thrown.

import { closeGpu, type Gpu, idle, type OpenOptions, openGpu } from '../../src/gpu/device.ts';
import { planningOf } from '../../src/gpu/limits.ts';
import { plan } from '../../src/gpu/plan.ts';
import { type Build, copy, type Dims, type Program } from '../../src/gpu/program.ts';
import { dispose, prepare, replay } from '../../src/gpu/run.ts';
import { allocate } from '../../src/gpu/scope.ts';
import { read, resident, type Tensor, write } from '../../src/gpu/tensor.ts';

let opened: Promise<Gpu> | undefined;

/** The test file's device, opened once. Pretended limits open one of their own. */
export function testGpu(options?: OpenOptions): Promise<Gpu> {
  if (options) return openGpu(options);
  opened ??= openGpu();
  return opened;
}

export { closeGpu };

/** A resident input holding data; its elements beyond `shape` up to the 16-byte round-up are NaN where it is f32. */
export async function input(
  name: string,
  shape: number[],
  data: ArrayLike<number>,
  dtype: 'f32' | 'u32' = 'f32',
  gpu?: Gpu,
): Promise<Tensor> {
  const { memory, scope } = gpu ?? (await testGpu());
  const t = resident(name, shape, 'other', dtype);
  allocate(scope, t.home!);
  const all = dtype === 'f32' ? new Float32Array(t.bytes / 4).fill(Number.NaN) : new Uint32Array(t.bytes / 4);
  all.set(data);
  write(memory, t, all);
  return t;
}

/**
 * Traces `build`, runs it once and reads what it returned (temporaries are copied out at the end).
 * The temporaries' buffers hold NaN beforehand, so that nothing unwritten passes for zero.
 */
export async function runProgram<K extends string>(
  build: (p: Program) => Record<K, Tensor>,
  { dims = {}, accumulate = 0, gpu }: { dims?: Dims; accumulate?: 0 | 1; gpu?: Gpu } = {},
): Promise<Record<K, Float32Array<ArrayBuffer>>> {
  const g = gpu ?? (await testGpu());
  const outs = new Map<K, Tensor>();
  const traced: Build = (p) => {
    for (const [k, t] of Object.entries(build(p)) as [K, Tensor][]) {
      if (t.home) {
        outs.set(k, t);
        continue;
      }
      const out = outs.get(k) ?? resident(`out ${k}`, t.shape, 'other', t.dtype);
      outs.set(k, out);
      copy(p, t, out);
    }
  };
  const made = plan([{ name: 'test', build: traced, dims }], planningOf(g.limits));
  const machine = await prepare(g, made);
  for (const slot of made.slots) g.device.queue.writeBuffer(slot.buffer!, 0, new Float32Array(slot.bytes / 4).fill(Number.NaN));
  replay(machine, 'test', dims, accumulate);
  await idle(g);
  const result = {} as Record<K, Float32Array<ArrayBuffer>>;
  for (const [k, t] of outs) result[k] = await read(g.memory, t);
  dispose(machine);
  return result;
}
