// Low-rank factors beside a stored matrix (LoRA): y += s B A x with A [rank, cols] and B [rows, rank], and the backward beside it.
// The base is never written. Of the forward only s A x lives on, rank numbers a token. Factors of matrices that share their input are
// multiplied as one where they lie so: s A x of all of them, then each one's B.

import downCode from '../../../shaders/lowrank_down.wgsl?raw' with { type: 'text' };
import storeCode from '../../../shaders/lowrank_store.wgsl?raw' with { type: 'text' };
import storeDora from '../../../shaders/lowrank_store_dora.wgsl?raw' with { type: 'text' };
import upCode from '../../../shaders/lowrank_up.wgsl?raw' with { type: 'text' };
import weightCode from '../../../shaders/lowrank_weight.wgsl?raw' with { type: 'text' };
import { adds, kernel, type Program, run, temp } from '../../gpu/program.ts';
import { resident, rowsOf, runOf, type Tensor } from '../../gpu/tensor.ts';
import { type Beside, beside } from '../matmul/linear.ts';
import type { Stack, Trains } from '../stored/weight.ts';
import { type Dropout, dropout, drops } from './dropout.ts';

/** Factors of one matrix [rows, cols], or of the matrices of a stack. `grads` is absent where they are only applied. */
export interface LowRank {
  name: string;
  rows: number;
  cols: number;
  /** Of each matrix. */
  rank: number;
  /** The row at which each matrix begins. A is the A of each, one behind the other, and so is B. */
  bands: readonly number[];
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
    bands: [0],
    scale,
    A: factor('lora_A', a),
    B: factor('lora_B', b),
    grads: train && { A: grad('lora_A', a), B: grad('lora_B', b) },
    dropout: train?.dropout ?? null,
  };
}

/** Where a workgroup of these products begins: it has columns of one matrix alone. */
const BAND = 64;

/**
 * The factors of a stack's matrices as factors of the stack, where those of one lie behind those of the one before; null where they do
 * not, or see inputs of their own.
 */
export function joinedFactors({ name, rows, cols, parts }: Stack, factors: readonly LowRank[]): LowRank | null {
  const [{ rank, scale }] = factors;
  const bands = parts.map((_, i) => parts.slice(0, i).reduce((sum, w) => sum + w.rows, 0));
  const alike = factors.every((f) => f.rank === rank && f.scale === scale && f.grads && !f.dropout);
  if (!alike || bands.some((row) => row % BAND)) return null;
  const all = (part: 'A' | 'B', of: (f: LowRank) => Tensor) =>
    runOf(`${name}.lora_${part}`, factors.map(of), part === 'A' ? [parts.length * rank, cols] : [rows, rank]);
  const [A, B] = [all('A', (f) => f.A), all('B', (f) => f.B)];
  const grads = { A: all('A', (f) => f.grads!.A), B: all('B', (f) => f.grads!.B) };
  if (!A || !B || !grads.A || !grads.B) return null;
  return { name, rows, cols, rank, bands, scale, A, B, grads: { A: grads.A, B: grads.B }, dropout: null };
}

/** What trains of the weight that the factors belong to. */
export const trainsFactors = (f: LowRank): Trains => beside(besideFactors(f), { columns: true });

/** The factors beside the stored product. */
export function besideFactors(f: LowRank): Beside {
  return (p, x, y) => {
    const back = lowRankForward(p, f, masked(p, f, x), y);
    return {
      gradients(dy, x) {
        const seen = masked(p, f, x);
        back.ofB(dy);
        back.ofA(dy, seen);
      },
      input(dy, dx) {
        const masks = drops(p, f.dropout);
        const inner = masks ? temp(p, 'd_dropped', dx.shape) : dx;
        back.input(dy, inner, masks ? 0 : 1);
        if (masks) dropout(p, f.dropout!, inner, dx, 1);
      },
    };
  };
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
  /** s A x, for each matrix of the factors. */
  u: Tensor;
  /** dB (+)= dy' (s A x). */
  ofB(dy: Tensor): void;
  /** dA (+)= (s B' dy)' x, for x[N, cols] already masked. */
  ofA(dy: Tensor, x: Tensor): void;
  /** dx[N, cols] (+)= A' (s B' dy), the mask left to the caller. */
  input(dy: Tensor, dx: Tensor, accumulate: 0 | 1): void;
}

/** y[N, rows] += s B A x for x[N, cols], already masked; with DoRA z += s B A x, and y (+)= scale z. */
export function lowRankForward(p: Program, f: LowRank, x: Tensor, y: Tensor, dora?: Scaled): LowRankBackward {
  const u = temp(p, 'rank', [x.shape[0], f.bands.length * f.rank], 'activations');
  down(p, x, x.shape[0], ofA(f), u, f.scale);
  up(p, u, ofB(f), y, dora ? dora.accumulate : 1, dora);
  let made: Tensor | null = null;
  const between = (dy: Tensor) => {
    if (made) return made;
    made = temp(p, 'd_rank', u.shape);
    down(p, dy, dy.shape[0], ofB(f), made, f.scale);
    return made;
  };
  const { A, B } = f.grads ?? {};
  const trains = (t?: Tensor) => t ?? untrained(f);
  return {
    u,
    ofB: (dy) => gradient(p, u, dy, { ...ofB(f), t: trains(B) }, adds(p, trains(B))),
    ofA: (dy, x) => gradient(p, between(dy), x, { ...ofA(f), t: trains(A) }, adds(p, trains(A))),
    input: (dy, dx, accumulate) => up(p, between(dy), ofA(f), dx, accumulate),
  };
}

function untrained({ name }: LowRank): never {
  throw new Error(`expected factors that train, got ${name} without gradients`);
}

/** DoRA's product before it is scaled, z[N, rows], and what each of its columns is scaled by. */
export interface Scaled {
  z: Tensor;
  scale: Tensor;
  /** Whether y is added to. */
  accumulate: 0 | 1;
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
  /** Where along the width each matrix begins, which has numbers of its own along the rank. */
  bands: readonly number[];
}

export const ofA = ({ A, rank, cols, bands: { length } }: LowRank): Factor => ({
  ...{ t: A, rank: length * rank, width: cols, along_rank: cols, along_width: 1, bands: [0] },
});
const ofB = ({ B, rank, rows, bands }: LowRank): Factor => ({
  ...{ t: B, rank, width: rows, along_rank: 1, along_width: rank, bands },
});

const paramsOf = (f: Factor) => {
  const { rank, width, along_rank, along_width } = f;
  return { rank, width, along_rank, along_width, ...bandsOf(f, width) };
};

/** Where the second and the third matrix begin among `all` rows: behind them where there is none. */
export const bandsOf = ({ bands: [, band1, band2] }: Pick<LowRank, 'bands'>, all: number) => ({
  band1: band1 ?? all,
  band2: band2 ?? all,
});

/** out[row0 + n, k] = scale sum_j x[n, j] F(k, j) for N rows of x. */
export function down(p: Program, x: Tensor, N: number, f: Factor, out: Tensor, scale: number, row0 = 0): void {
  const rows = x.of ? rowsOf(x) : { t: x, at: 0, ld: f.width };
  const ld_out = f.bands.length * f.rank;
  const params = { N, ...paramsOf(f), x_at: rows.at, ldx: rows.ld, out_at: row0 * ld_out, ld_out, scale };
  const grid = [Math.ceil(N / (2 * TILE)), Math.ceil(f.rank / 4), f.bands.length];
  run(p, kernel('lowrank_down', [downCode]), { x: rows.t, factor: f.t, out }, params, grid, costOf(N, f));
}

/** y[n, j] (+)= sum_k u[n, k] F(k, j), or with DoRA what it is scaled to. */
function up(p: Program, u: Tensor, f: Factor, y: Tensor, accumulate: 0 | 1, dora?: Scaled): void {
  const N = u.shape[0];
  const grid = [Math.ceil(f.width / (4 * TILE)), Math.ceil(N / (2 * TILE))];
  const rows = rowsOf(y);
  const params = { N, ...paramsOf(f), ldu: u.shape[1], y_at: rows.at, ldy: rows.ld, accumulate };
  const k = dora ? kernel('lowrank_up_dora', [storeDora, upCode]) : kernel('lowrank_up', [storeCode, upCode]);
  const bind = { u, factor: f.t, y: rows.t, ...(dora && { z: dora.z, scale: dora.scale }) };
  const cost = costOf(N, f);
  run(p, k, bind, params, grid, dora ? { ...cost, bytes: cost.bytes + 8 * N * f.width } : cost);
}

/** dF(k, j) (+)= sum_n u[n, k] x[n, j]. */
function gradient(p: Program, u: Tensor, x: Tensor, f: Factor, accumulate: 0 | 1): void {
  const N = x.shape[0];
  const grid = gradientGrid(f);
  const rows = rowsOf(x);
  const params = { N, ...paramsOf(f), ldu: u.shape[1], x_at: rows.at, ldx: rows.ld, accumulate };
  run(p, kernel('lowrank_weight', [weightCode]), { u, x: rows.t, grad: f.t }, params, grid, costOf(N, f));
}

/** Workgroups of a factor's gradient: columns of its width, and of its rank. */
export const gradientGrid = ({ width, rank }: Pick<Factor, 'width' | 'rank'>) => [
  Math.ceil(width / (4 * TILE)),
  Math.ceil(rank / 4),
];

const TILE = 16; // invocations along the width; a workgroup takes twice as many rows

export const costOf = (N: number, { rank, width }: Pick<Factor, 'rank' | 'width'>) => ({
  flops: 2 * N * rank * width,
  bytes: 4 * (N * (rank + width) + rank * width),
});
