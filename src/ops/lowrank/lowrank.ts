// Low-rank factors beside a stored matrix (LoRA): y += s B A x with A [rank, cols] and B [rows, rank], and the backward beside it.
// The base is never written. Of the forward only s A x lives on, rank numbers a token.

import downCode from '../../../shaders/lowrank_down.wgsl?raw' with { type: 'text' };
import upCode from '../../../shaders/lowrank_up.wgsl?raw' with { type: 'text' };
import weightCode from '../../../shaders/lowrank_weight.wgsl?raw' with { type: 'text' };
import { kernel, type Program, run, temp } from '../../gpu/program.ts';
import { resident, type Tensor } from '../../gpu/tensor.ts';
import type { Hooked } from '../stored/weight.ts';
import { type Dropout, dropout, drops } from './dropout.ts';

/** Factors of one matrix [rows, cols]. `grads` is absent where they are only applied. */
export interface LowRank {
  name: string;
  rows: number;
  cols: number;
  rank: number;
  /** s: alpha / rank, or alpha / sqrt(rank) with rslora. */
  scale: number;
  A: Tensor;
  B: Tensor;
  grads: { A: Tensor; B: Tensor } | null;
  /** On the input of A, while training. */
  dropout: Dropout | null;
  /** What each program's forward left for its backward: s A x, and s B' dy once that is made. */
  kept: WeakMap<Program, { u: Tensor; g?: Tensor }>;
}

/** Factors of a matrix, not yet allocated. */
export function newLowRank(
  name: string,
  rows: number,
  cols: number,
  rank: number,
  scale: number,
  train: { dropout: Dropout | null } | null,
): LowRank {
  const module = name.replace(/\.weight$/, '');
  const factor = (part: string, shape: number[]) => resident(`${module}.${part}`, shape, 'trained');
  const grad = (part: string, shape: number[]) => resident(`${module}.${part}.grad`, shape, 'gradients');
  const [a, b] = [
    [rank, cols],
    [rows, rank],
  ];
  return {
    name,
    rows,
    cols,
    rank,
    scale,
    A: factor('lora_A', a),
    B: factor('lora_B', b),
    grads: train && { A: grad('lora_A', a), B: grad('lora_B', b) },
    dropout: train?.dropout ?? null,
    kept: new WeakMap(),
  };
}

/** What trains of the weight that the factors belong to. */
export function lowRankHook(f: LowRank): Hooked {
  return {
    kind: 'hook',
    forward: (p, x, y) => lowRankForward(p, f, masked(p, f, x), y),
    backwardInput: (p, dy, dx) => lowRankInput(p, f, dy, dx),
    backwardWeight: (p, dy, x) => lowRankWeight(p, f, dy, masked(p, f, x)),
  };
}

/** The input as the factors see it: with dropout a copy, made anew by whoever asks. */
export function masked(p: Program, f: LowRank, x: Tensor): Tensor {
  if (!drops(p, f.dropout)) return x;
  const out = temp(p, 'dropped', x.shape);
  dropout(p, f.dropout, x, out, 0);
  return out;
}

/** y[N, rows] += s B A x for x[N, cols], already masked. */
export function lowRankForward(p: Program, f: LowRank, x: Tensor, y: Tensor): void {
  const N = x.shape[0];
  const u = temp(p, 'rank', [N, f.rank], 'activations');
  down(p, x, N, ofA(f), u, f.scale);
  up(p, u, ofB(f), y, 1);
  f.kept.set(p, { u });
}

/** dB (+)= dy' (s A x) and dA (+)= (s B' dy)' x over the N tokens of dy[N, rows] and x[N, cols], already masked. */
export function lowRankWeight(p: Program, f: LowRank, dy: Tensor, x: Tensor): void {
  if (!f.grads) throw new Error(`expected factors that train, got ${f.name} without gradients`);
  const accumulate = p.accumulate;
  gradient(p, keptOf(p, f).u, dy, { ...ofB(f), t: f.grads.B }, accumulate);
  gradient(p, between(p, f, dy), x, { ...ofA(f), t: f.grads.A }, accumulate);
}

/** dx[N, cols] += A' (s B' dy), through the mask where there is one. */
export function lowRankInput(p: Program, f: LowRank, dy: Tensor, dx: Tensor): void {
  const masks = drops(p, f.dropout);
  const inner = masks ? temp(p, 'd_dropped', dx.shape) : dx;
  throughFactors(p, f, dy, inner, masks ? 0 : 1);
  if (masks) dropout(p, f.dropout!, inner, dx, 1);
}

/** dx (+)= A' (s B' dy), the mask left to the caller. */
export function throughFactors(p: Program, f: LowRank, dy: Tensor, dx: Tensor, accumulate: 0 | 1): void {
  up(p, between(p, f, dy), ofA(f), dx, accumulate);
}

/** s B' dy [N, rank]: made once a backward, for dA and dx. */
function between(p: Program, f: LowRank, dy: Tensor): Tensor {
  const kept = keptOf(p, f);
  if (kept.g) return kept.g;
  kept.g = temp(p, 'd_rank', [dy.shape[0], f.rank]);
  down(p, dy, dy.shape[0], ofB(f), kept.g, f.scale);
  return kept.g;
}

function keptOf(p: Program, f: LowRank) {
  const kept = f.kept.get(p);
  if (!kept) throw new Error(`program ${p.name}: expected a forward through the factors of ${f.name} before their backward`);
  return kept;
}

// --- the three products ------------------------------------------------------------------------------------------------
// The f32 product packs and tiles for three long sides; where one is a rank, these read their operands once and are faster.

/** A factor as the products see it: F(k, j) with k along the rank and j along the width. */
export interface Factor {
  t: Tensor;
  rank: number;
  width: number;
  along_rank: number;
  along_width: number;
}

export const ofA = ({ A, rank, cols }: LowRank): Factor => ({ t: A, rank, width: cols, along_rank: cols, along_width: 1 });
const ofB = ({ B, rank, rows }: LowRank): Factor => ({ t: B, rank, width: rows, along_rank: 1, along_width: rank });

/** out[row0 + n, k] = scale sum_j x[n, j] F(k, j) for N rows of x. */
export function down(p: Program, x: Tensor, N: number, { t, ...f }: Factor, out: Tensor, scale: number, row0 = 0): void {
  const params = { N, ...f, out_at: row0 * f.rank, scale };
  const grid = [Math.ceil(N / (2 * TILE)), Math.ceil(f.rank / 4)];
  run(p, kernel('lowrank_down', [downCode]), { x, factor: t, out }, params, grid, costOf(N, f));
}

/** y[n, j] (+)= sum_k u[n, k] F(k, j). */
function up(p: Program, u: Tensor, { t, ...f }: Factor, y: Tensor, accumulate: 0 | 1): void {
  const N = u.shape[0];
  const grid = [Math.ceil(f.width / (4 * TILE)), Math.ceil(N / (2 * TILE))];
  run(p, kernel('lowrank_up', [upCode]), { u, factor: t, y }, { N, ...f, accumulate }, grid, costOf(N, f));
}

/** dF(k, j) (+)= sum_n u[n, k] x[n, j]. */
function gradient(p: Program, u: Tensor, x: Tensor, { t, ...f }: Factor, accumulate: 0 | 1): void {
  const N = x.shape[0];
  const grid = [Math.ceil(f.width / (4 * TILE)), Math.ceil(f.rank / 4)];
  run(p, kernel('lowrank_weight', [weightCode]), { u, x, grad: t }, { N, ...f, accumulate }, grid, costOf(N, f));
}

const TILE = 16; // invocations along the width; a workgroup takes twice as many rows

const costOf = (N: number, { rank, width }: Pick<Factor, 'rank' | 'width'>) => ({
  flops: 2 * N * rank * width,
  bytes: 4 * (N * (rank + width) + rank * width),
});
