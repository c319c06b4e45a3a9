// Low-rank factors beside a stored matrix (LoRA): y += s B A x with A [rank, cols] and B [rows, rank], and the backward beside it.
// The base is never written. Of the forward only s A x lives on, rank numbers a token.

import downCode from '../../../shaders/lowrank_down.wgsl?raw' with { type: 'text' };
import upCode from '../../../shaders/lowrank_up.wgsl?raw' with { type: 'text' };
import weightCode from '../../../shaders/lowrank_weight.wgsl?raw' with { type: 'text' };
import { adds, kernel, type Program, run, temp } from '../../gpu/program.ts';
import { resident, rowsOf, type Tensor } from '../../gpu/tensor.ts';
import { beside } from '../matmul/linear.ts';
import type { Trains } from '../stored/weight.ts';
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
  };
}

/** What trains of the weight that the factors belong to. */
export function trainsFactors(f: LowRank): Trains {
  return beside(
    (p, x, y) => {
      const back = lowRankForward(p, f, masked(p, f, x), y);
      return {
        gradients: (dy, x) => back.gradients(dy, masked(p, f, x)),
        input(dy, dx) {
          const masks = drops(p, f.dropout);
          const inner = masks ? temp(p, 'd_dropped', dx.shape) : dx;
          back.input(dy, inner, masks ? 0 : 1);
          if (masks) dropout(p, f.dropout!, inner, dx, 1);
        },
      };
    },
    { columns: true },
  );
}

/** The input as the factors see it: with dropout a copy, made anew by whoever asks. */
export function masked(p: Program, f: LowRank, x: Tensor): Tensor {
  if (!drops(p, f.dropout)) return x;
  const out = temp(p, 'dropped', x.shape);
  dropout(p, f.dropout, x, out, 0);
  return out;
}

/** The backward of y += s B A x; s B' dy is made once for both of its parts. */
export interface LowRankBackward {
  /** dB (+)= dy' (s A x) and dA (+)= (s B' dy)' x, for x[N, cols] already masked. */
  gradients(dy: Tensor, x: Tensor): void;
  /** dx[N, cols] (+)= A' (s B' dy), the mask left to the caller. */
  input(dy: Tensor, dx: Tensor, accumulate: 0 | 1): void;
}

/** y[N, rows] += s B A x for x[N, cols], already masked. */
export function lowRankForward(p: Program, f: LowRank, x: Tensor, y: Tensor): LowRankBackward {
  const u = temp(p, 'rank', [x.shape[0], f.rank], 'activations');
  down(p, x, x.shape[0], ofA(f), u, f.scale);
  up(p, u, ofB(f), y, 1);
  let made: Tensor | null = null;
  const between = (dy: Tensor) => {
    if (made) return made;
    made = temp(p, 'd_rank', [dy.shape[0], f.rank]);
    down(p, dy, dy.shape[0], ofB(f), made, f.scale);
    return made;
  };
  return {
    gradients(dy, x) {
      if (!f.grads) throw new Error(`expected factors that train, got ${f.name} without gradients`);
      gradient(p, u, dy, { ...ofB(f), t: f.grads.B }, adds(p, f.grads.B));
      gradient(p, between(dy), x, { ...ofA(f), t: f.grads.A }, adds(p, f.grads.A));
    },
    input: (dy, dx, accumulate) => up(p, between(dy), ofA(f), dx, accumulate),
  };
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
  const rows = x.of ? rowsOf(x) : { t: x, at: 0, ld: f.width };
  const params = { N, ...f, x_at: rows.at, ldx: rows.ld, out_at: row0 * f.rank, scale };
  const grid = [Math.ceil(N / (2 * TILE)), Math.ceil(f.rank / 4)];
  run(p, kernel('lowrank_down', [downCode]), { x: rows.t, factor: t, out }, params, grid, costOf(N, f));
}

/** y[n, j] (+)= sum_k u[n, k] F(k, j). */
function up(p: Program, u: Tensor, { t, ...f }: Factor, y: Tensor, accumulate: 0 | 1): void {
  const N = u.shape[0];
  const grid = [Math.ceil(f.width / (4 * TILE)), Math.ceil(N / (2 * TILE))];
  const rows = rowsOf(y);
  const params = { N, ...f, y_at: rows.at, ldy: rows.ld, accumulate };
  run(p, kernel('lowrank_up', [upCode]), { u, factor: t, y: rows.t }, params, grid, costOf(N, f));
}

/** dF(k, j) (+)= sum_n u[n, k] x[n, j]. */
function gradient(p: Program, u: Tensor, x: Tensor, { t, ...f }: Factor, accumulate: 0 | 1): void {
  const N = x.shape[0];
  const grid = [Math.ceil(f.width / (4 * TILE)), Math.ceil(f.rank / 4)];
  const rows = rowsOf(x);
  const params = { N, ...f, x_at: rows.at, ldx: rows.ld, accumulate };
  run(p, kernel('lowrank_weight', [weightCode]), { u, x: rows.t, grad: t }, params, grid, costOf(N, f));
}

const TILE = 16; // invocations along the width; a workgroup takes twice as many rows

const costOf = (N: number, { rank, width }: Pick<Factor, 'rank' | 'width'>) => ({
  flops: 2 * N * rank * width,
  bytes: 4 * (N * (rank + width) + rank * width),
});
