// The kernels beside the product: reading stored formats, attention by FLOPs, and what is bound by memory by bytes.

import type { Gpu } from '../../gpu/device.ts';
import { planningOf } from '../../gpu/limits.ts';
import { msOf, type Peak } from '../../gpu/peak.ts';
import { plan } from '../../gpu/plan.ts';
import { type Build, backward, giveGrad, type Program, temp } from '../../gpu/program.ts';
import { dispose, type Machine, prepare, replay } from '../../gpu/run.ts';
import { resident, type Tensor, write } from '../../gpu/tensor.ts';
import { attention } from '../../ops/attention/attention.ts';
import { swiglu } from '../../ops/elementwise/swiglu.ts';
import { crossEntropy } from '../../ops/loss/crossentropy.ts';
import { whole } from '../../ops/matmul/gemm.ts';
import { productInto } from '../../ops/matmul/stored-product.ts';
import { rmsnorm } from '../../ops/norm/rmsnorm.ts';
import { adamw } from '../../ops/optimizer/adamw.ts';
import { newOptimizerState } from '../../ops/optimizer/gradnorm.ts';
import { newTrained } from '../../ops/optimizer/trained.ts';
import { STORED, type StoredFormat } from '../../ops/stored/formats.ts';
import { unpack } from '../../ops/stored/unpack.ts';
import { newVector, newWeight, tensorsOf } from '../../ops/stored/weight.ts';
import { newStream } from '../../ops/stream/stream.ts';
import type { Report } from '../../report.ts';
import { giga, line } from './line.ts';

/** What is timed: FLOPs where arithmetic is the work, else the bytes that must move. */
interface Work {
  name: string;
  shape: string;
  build: Build;
  flops?: number;
  bytes?: number;
  /** Written before it runs; what is not named here holds zeros. */
  inputs?: [Tensor, ArrayBufferView<ArrayBuffer>][];
}

export async function benchKernels(gpu: Gpu, peak: Peak, report: Report): Promise<void> {
  for (const format of Object.keys(STORED) as StoredFormat[]) await one(gpu, peak, report, unpacking(gpu, format));
  await storedProducts(gpu, report);
  for (const [T, hd, H, K] of [
    [128, 64, 9, 3],
    [256, 32, 8, 4],
  ]) {
    const forward = await one(gpu, peak, report, attending(T, hd, H, K, false));
    await one(gpu, peak, report, attending(T, hd, H, K, true), forward);
  }
  for (const work of [normalizing(), gating(), losing(), updating()]) await one(gpu, peak, report, work);
}

/** Times one program; `less` milliseconds of it are something else. */
async function one(gpu: Gpu, peak: Peak, report: Report, w: Work, less = 0): Promise<number> {
  const machine = await prepare(gpu, plan([{ name: w.name, build: w.build, dims: {} }], planningOf(gpu.limits)));
  for (const [t, data] of w.inputs ?? []) if (t.home?.buffer) write(gpu.memory, t, data);
  const ms = Math.max(1e-6, (await msOf(gpu, () => replay(machine, w.name, {}))) - less);
  await peak.again();
  dispose(machine);
  const speed = w.flops ? { gflops: giga(w.flops, ms), peak_gflops: peak.best } : { gbs: giga(w.bytes ?? 0, ms) };
  report(line(w.name, w.shape, { ms, ...speed }));
  return ms;
}

function unpacking(gpu: Gpu, format: StoredFormat): Work {
  const [rows, cols] = [1024, 1024];
  const w = newWeight('w', rows, cols, format, gpu.limits.maxBinding);
  const build: Build = (p) => unpack(p, w, w.windows[0], 0, rows, temp(p, 'panel', [rows, cols]));
  const stored = tensorsOf(w).reduce((n, t) => n + t.bytes, 0);
  return { name: `unpack ${format}`, shape: `${rows}x${cols}`, build, bytes: stored + 4 * rows * cols };
}

/** Products with stored weights over the f32 product, all in turn, the best of several rounds each. */
async function storedProducts(gpu: Gpu, report: Report): Promise<void> {
  const formats = Object.keys(STORED) as StoredFormat[];
  const best = new Map(formats.map((f) => [f, Number.POSITIVE_INFINITY]));
  const works = formats.map((f) => multiplying(gpu, f));
  const machines: Machine[] = [];
  for (const w of works)
    machines.push(await prepare(gpu, plan([{ name: w.name, build: w.build, dims: {} }], planningOf(gpu.limits))));
  for (let round = 0; round < 4; round++)
    for (const [i, f] of formats.entries())
      best.set(f, Math.min(best.get(f)!, await msOf(gpu, () => replay(machines[i], works[i].name, {}))));
  for (const m of machines) dispose(m);
  const plain = best.get('f32')!;
  for (const [i, f] of formats.entries())
    report(line(`${works[i].name} over f32's speed`, works[i].shape, { ms: best.get(f)!, ratio: plain / best.get(f)! }));
}

/** x W^T for 256 rows of x, straight from a stored weight. */
function multiplying(gpu: Gpu, format: StoredFormat): Work {
  const [n, rows, cols] = [256, 1024, 1024];
  const w = newWeight('w', rows, cols, format, gpu.limits.maxBinding);
  const [x, y] = [resident('x', [n, cols], 'other'), resident('y', [n, rows], 'other')];
  const build: Build = (p) => productInto(p, whole(x), n, w, whole(y), 0);
  return { name: `product with ${format}`, shape: `${n}x${rows}x${cols}`, build, flops: 2 * n * rows * cols };
}

/** Forward alone, or with the backward behind it. */
function attending(T: number, head_dim: number, n_heads: number, n_kv_heads: number, back: boolean): Work {
  const x = (name: string, heads: number) => resident(name, [T, heads * head_dim], 'other');
  const [q, k, v, dy] = [x('q', n_heads), x('k', n_kv_heads), x('v', n_kv_heads), x('dy', n_heads)];
  const { lo, last, hi } = newStream(T, 1);
  const build: Build = (p) => {
    if (back) for (const t of [q, k, v]) p.needs.add(t);
    const o = attention(p, q, k, v, { lo, last, hi, n_heads, n_kv_heads, head_dim, scale: head_dim ** -0.5 });
    if (back) giveGrad(p, o, dy);
    backward(p);
  };
  const inputs: Work['inputs'] = [
    [last, Uint32Array.from({ length: T }, (_, i) => i)],
    [hi, new Uint32Array(T).fill(T - 1)],
  ];
  const product = T * (T + 1) * n_heads * head_dim;
  const shape = `T${T} hd${head_dim} H${n_heads} K${n_kv_heads}`;
  return { name: `attention ${back ? 'backward' : 'forward'}`, shape, build, inputs, flops: (back ? 7 : 2) * product };
}

const [N, D, F, V] = [512, 576, 1536, 8192];

function normalizing(): Work {
  const x = resident('x', [N, D], 'other');
  const norm = newVector('norm', D);
  return { name: 'rmsnorm', shape: `${N}x${D}`, build: (p) => void rmsnorm(p, x, norm, 1e-5), bytes: 4 * 2 * N * D };
}

function gating(): Work {
  const [gate, up] = [resident('gate', [N, F], 'other'), resident('up', [N, F], 'other')];
  return { name: 'swiglu', shape: `${N}x${F}`, build: (p) => void swiglu(p, gate, up), bytes: 4 * 3 * N * F };
}

function losing(): Work {
  const M = 128;
  const { targetAt, targetId, scalars } = newStream(M, M);
  const [logits, logprob] = [resident('logits', [M, V], 'other'), resident('logprob', [M], 'other')];
  const build = (p: Program) => crossEntropy(p, logits, { m: M, at: 0, V, targetAt, targetId, scalars, logprob, train: true });
  return { name: 'crossentropy', shape: `${M}x${V}`, build, bytes: 4 * 2 * M * V };
}

function updating(): Work {
  const shape = [1024, 1024];
  const value = resident('w', shape, 'other');
  const grad = resident('grad', shape, 'other');
  const t = newTrained(value, grad, { decay: true });
  const { scalars } = newStream(1, 1);
  const options = { betas: [0.9, 0.95] as const, eps: 1e-8, weightDecay: 0 };
  return {
    name: 'adamw',
    shape: shape.join('x'),
    build: (p) => adamw(p, [t], newOptimizerState(), scalars, options),
    bytes: 4 * 7 * 1024 * 1024,
  };
}
