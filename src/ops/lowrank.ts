// Low-rank factors beside a stored matrix (LoRA): y += s B A x with A [rank, cols] and B [rows, rank], and the backward beside it.
// The base is never written. Of the forward only s A x lives on, rank numbers a token.

import scaleCode from '../../shaders/lowrank_scale.wgsl?raw' with { type: 'text' };
import { kernel, type Program, run, temp } from '../gpu/program.ts';
import { resident, type Tensor } from '../gpu/tensor.ts';
import { type Dropout, dropout, drops } from './dropout.ts';
import { gemm, whole } from './gemm.ts';
import { groupsOf, vec4sOf } from './lanes.ts';
import type { Hooked } from './weight.ts';

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
  gemm(p, 'nt', whole(x), whole(f.A), whole(u), N, f.rank, f.cols, 0);
  scaleBy(p, u, f.scale);
  gemm(p, 'nt', whole(u), whole(f.B), whole(y), N, f.rows, f.rank, 1);
  f.kept.set(p, { u });
}

/** dB (+)= dy' (s A x) and dA (+)= (s B' dy)' x over the N tokens of dy[N, rows] and x[N, cols], already masked. */
export function lowRankWeight(p: Program, f: LowRank, dy: Tensor, x: Tensor): void {
  if (!f.grads) throw new Error(`expected factors that train, got ${f.name} without gradients`);
  const accumulate = p.dims.first ? 0 : 1;
  const N = x.shape[0];
  gemm(p, 'tn', whole(dy), whole(keptOf(p, f).u), whole(f.grads.B), f.rows, f.rank, N, accumulate);
  gemm(p, 'tn', whole(between(p, f, dy)), whole(x), whole(f.grads.A), f.rank, f.cols, N, accumulate);
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
  gemm(p, 'nn', whole(between(p, f, dy)), whole(f.A), whole(dx), dy.shape[0], f.cols, f.rank, accumulate);
}

/** s B' dy [N, rank]: made once a backward, for dA and dx. */
function between(p: Program, f: LowRank, dy: Tensor): Tensor {
  const kept = keptOf(p, f);
  if (kept.g) return kept.g;
  const N = dy.shape[0];
  kept.g = temp(p, 'd_rank', [N, f.rank]);
  gemm(p, 'nn', whole(dy), whole(f.B), whole(kept.g), N, f.rank, f.rows, 0);
  scaleBy(p, kept.g, f.scale);
  return kept.g;
}

function keptOf(p: Program, f: LowRank) {
  const kept = f.kept.get(p);
  if (!kept) throw new Error(`program ${p.name}: expected a forward through the factors of ${f.name} before their backward`);
  return kept;
}

function scaleBy(p: Program, x: Tensor, scale: number): void {
  if (scale === 1) return;
  const count = vec4sOf(x);
  run(p, kernel('lowrank_scale', [scaleCode]), { x }, { count, scale }, [groupsOf(count)], { flops: 4 * count });
}
