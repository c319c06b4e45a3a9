// LoRA and DoRA as PEFT defines them: low-rank factors beside frozen matrices, with DoRA a learned length for every row too.
// Any stored format will do (on a quantized base this is QLoRA). How the products run is in ops/lowrank and ops/dora.

import { type Gpu, idle } from '../gpu/device.ts';
import type { Planning } from '../gpu/limits.ts';
import { plan } from '../gpu/plan.ts';
import type { Build } from '../gpu/program.ts';
import { dispose, prepare, replay } from '../gpu/run.ts';
import type { Memory } from '../gpu/scope.ts';
import { type Home, read, type Tensor, write } from '../gpu/tensor.ts';
import { type Dora, doraScale, doraSquares, newDora, trainsDora } from '../ops/lowrank/dora.ts';
import { type LowRank, newLowRank, trainsFactors } from '../ops/lowrank/lowrank.ts';
import type { Trained } from '../ops/optimizer/adamw.ts';
import type { Weight } from '../ops/stored/weight.ts';
import { moments } from './full.ts';

/** What is attached to one matrix. */
export interface RankedMatrix {
  weight: Weight;
  factors: LowRank;
  /** With DoRA; the factors are its. */
  dora: Dora | null;
}

export interface RankOptions {
  method: 'lora' | 'dora';
  rank: number;
  /** The factors count this much: alpha / rank, or with rslora alpha / sqrt(rank). */
  scale: number;
}

/** Values of a matrix's factors: A [rank, cols], B [rows, rank], and DoRA's magnitudes [rows], by default the rows' norms. */
export interface Factors {
  A: Float32Array<ArrayBuffer>;
  B: Float32Array<ArrayBuffer>;
  magnitude?: Float32Array<ArrayBuffer>;
}

/** Attaches factors to weights. Nothing is allocated. train: share of the input dropped, and the seed of its masks. */
export function attachFactors(
  weights: Weight[],
  { method, rank, scale }: RankOptions,
  train: { dropout: number; seed: number } | null,
): RankedMatrix[] {
  return weights.map((weight, i) => {
    const { name, rows, cols } = weight;
    const dropout = train?.dropout ? { share: train.dropout, key: keyOf(train.seed, i) } : null;
    const factors = newLowRank(name, rows, cols, rank, scale, train && { dropout });
    const dora = method === 'dora' ? newDora(weight, factors) : null;
    weight.trains = dora ? trainsDora(dora) : trainsFactors(factors);
    return { weight, factors, dora };
  });
}

/** What the optimizer moves. Decay acts on the factors, as matrices; not on magnitudes. */
export function trainedFactors(matrices: RankedMatrix[]): Trained[] {
  const trained = (value: Tensor, grad: Tensor, decay: boolean) => ({ ...moments(value.name, value.shape), value, grad, decay });
  return matrices.flatMap(({ factors: { A, B, grads }, dora }) => [
    trained(A, grads!.A, true),
    trained(B, grads!.B, true),
    ...(dora ? [trained(dora.magnitude, dora.grad!, false)] : []),
  ]);
}

/** Device bytes that outlive training beside the model itself. */
export function homesOfFactors(matrices: RankedMatrix[]): Home[] {
  return matrices.flatMap(({ factors: f, dora: d }) =>
    [f.A, f.B, ...(d ? [d.magnitude, d.squares, d.scale, d.invNorm] : [])].map((t) => t.home!),
  );
}

/** Those of them that a finished adapter needs: its factors and row scales. */
export function appliedFactors(matrices: RankedMatrix[]): Home[] {
  return matrices.flatMap(({ factors: f, dora: d }) => [f.A, f.B, ...(d ? [d.scale] : [])].map((t) => t.home!));
}

/** A device, and what programs for it are planned with. */
interface On {
  gpu: Gpu;
  planning: Planning;
}

/** Writes allocated factors' values, and with DoRA makes what follows from them and the stored rows. */
export async function fillFactors(on: On, matrices: RankedMatrix[], values: (m: RankedMatrix) => Factors): Promise<void> {
  const { memory } = on.gpu;
  if (matrices.some((m) => m.dora)) await once(on, squaresOf(matrices));
  for (const m of matrices) {
    const { A, B, magnitude } = values(m);
    write(memory, m.factors.A, A);
    write(memory, m.factors.B, B);
    if (m.dora) write(memory, m.dora.magnitude, magnitude ?? (await rowNorms(memory, m.dora)));
  }
  await rescaleNow(on, matrices);
}

/** Row scales as the factors now are: to be run after whatever moves them. Nothing to do without DoRA. */
export function rescale(matrices: RankedMatrix[]): Build {
  return (p) => {
    for (const { dora } of matrices) if (dora) doraScale(p, dora);
  };
}

/** The same, at once: where the host has written factors. */
export async function rescaleNow(on: On, matrices: RankedMatrix[]): Promise<void> {
  if (matrices.some((m) => m.dora)) await once(on, rescale(matrices));
}

const squaresOf =
  (matrices: RankedMatrix[]): Build =>
  (p) => {
    for (const { dora } of matrices) if (dora) doraSquares(p, dora);
  };

/** Norms of the stored rows: where magnitudes begin, since B begins at zero. */
async function rowNorms(memory: Memory, d: Dora): Promise<Float32Array<ArrayBuffer>> {
  return (await read(memory, d.squares)).map(Math.sqrt);
}

/** Runs a program a single time over allocated tensors. */
async function once({ gpu, planning }: On, build: Build): Promise<void> {
  const made = plan([{ name: 'once', build, dims: {} }], planning);
  const machine = await prepare(gpu, made);
  try {
    replay(machine, 'once', {});
    await idle(gpu);
  } finally {
    dispose(machine);
  }
}

/** One key a seed and matrix, so that no two of them drop alike. */
const keyOf = (seed: number, i: number) => (Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(i + 1, 0x85ebca6b)) >>> 0;
