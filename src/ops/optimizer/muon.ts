// Muon over packed matrices: a step is the moment's matrix with its singular values made about 1, by five Newton-Schulz iterations, so
// that every direction moves alike. Jordan et al., 2024 (https://kellerjordan.github.io/posts/muon); matrices of one shape go together.

import applyCode from '../../../shaders/muon_apply.wgsl?raw' with { type: 'text' };
import onBase from '../../../shaders/muon_base.wgsl?raw' with { type: 'text' };
import itemsCode from '../../../shaders/muon_items.wgsl?raw' with { type: 'text' };
import momentCode from '../../../shaders/muon_moment.wgsl?raw' with { type: 'text' };
import plain from '../../../shaders/muon_plain.wgsl?raw' with { type: 'text' };
import productCode from '../../../shaders/muon_product.wgsl?raw' with { type: 'text' };
import product8Code from '../../../shaders/muon_product8.wgsl?raw' with { type: 'text' };
import scaleCode from '../../../shaders/muon_scale.wgsl?raw' with { type: 'text' };
import reduce from '../../../shaders/reduce.wgsl?raw' with { type: 'text' };
import { decide, kernel, type Program, run, temp } from '../../gpu/program.ts';
import type { Tensor } from '../../gpu/tensor.ts';
import { WIDTH, workgroups } from '../elementwise/lanes.ts';
import { tiledItems } from '../matmul/gemm-tile.ts';
import { chooseTile } from '../matmul/gemm-variants.ts';
import { type Matrices, rateOf, type Trained } from './trained.ts';

/** Iterations X = a X + (b Q + c Q Q) X with Q = X X', and their coefficients. */
const STEPS = 5;
const [A, B, C] = [3.4445, -4.775, 2.0315];

/** Bytes of one of the four temporaries, at most: more matrices go after each other. On GPUs few dispatches count more than room. */
const AT_ONCE = { software: 16 << 20, hardware: 32 << 20 };

/** RUN of muon_moment.wgsl. */
const RUN = 2048;

export interface MuonOptions {
  /** The first is the moment's. */
  betas: readonly [number, number];
  weightDecay: number;
}

/**
 * m = beta m + (1 - beta) g, u = beta m + (1 - beta) g, value -= lr (weightDecay (base + value) + scale sqrt(max(r, c)) X) for each
 * matrix [r, c] of the arenas that are its, X the orthogonalised u; `gradNorm` must have run on the same state.
 */
export function muon(p: Program, trained: readonly Trained[], state: Tensor, scalars: Tensor, o: MuonOptions): void {
  for (const t of trained) if (t.matrices) moveMatrices(p, t, t.matrices, state, scalars, o);
}

function moveMatrices(
  p: Program,
  t: Trained,
  { items, shapes }: Matrices,
  state: Tensor,
  scalars: Tensor,
  { betas, weightDecay }: MuonOptions,
): void {
  const decay = t.decay ? weightDecay : 0;
  const base = decay !== 0 ? t.base : undefined;
  const [beta] = betas;
  for (const { rows, cols, first: from, n: all } of shapes) {
    const count = rows * cols;
    const most = Math.max(
      1,
      Math.floor(Math.min(AT_ONCE[p.planning.software ? 'software' : 'hardware'], p.planning.maxBinding) / (4 * count)),
    );
    for (let at = 0; at < all; at += most) {
      const n = Math.min(most, all - at);
      const first = from + at;
      const runs = Math.ceil(count / RUN);
      const [x, squares] = [temp(p, 'muon', [n, count]), temp(p, 'squares', [n, runs])];
      const moment = kernel('muon_moment', [reduce, itemsCode, momentCode]);
      const bind = { items, state, grad: t.grad, m: t.m, x, squares };
      const whole = (arrays: number) => ({ flops: 8 * n * count, bytes: 4 * arrays * n * count });
      run(p, moment, bind, { first, rows, cols, beta, rest: 1 - beta }, [runs, 1, n], whole(4));
      const grid = [Math.ceil(count / (16 * WIDTH)), 1, n];
      run(p, kernel('muon_scale', [reduce, scaleCode]), { squares, x }, { count, runs }, grid, whole(2));
      const u = orthogonalised(p, x, n, Math.min(rows, cols), Math.max(rows, cols));
      const apply = kernel('muon_apply', [itemsCode, applyCode, base ? onBase : plain]);
      const into = { items, state, scalars, x: u, value: t.value, ...(base && { base }) };
      run(p, apply, into, { first, rows, cols, decay, lr_at: rateOf(t) }, [workgroups(count), 1, n], whole(3));
    }
  }
}

/** x[n, short, long] of norm 1 with its singular values brought to about 1. */
function orthogonalised(p: Program, x: Tensor, n: number, short: number, long: number): Tensor {
  const other = temp(p, 'muon', x.shape);
  const [q, r] = [temp(p, 'gram', [n, short * short]), temp(p, 'gram', [n, short * short])];
  let [from, to] = [x, other];
  for (let i = 0; i < STEPS; i++) {
    // Q is symmetric to the bit, so that turned it is itself
    product(p, n, { a: from, b: from, turned: true, d: from, c: q }, [short, short, long], [1, 0]);
    product(p, n, { a: q, b: q, turned: true, d: q, c: r }, [short, short, short], [C, B]);
    product(p, n, { a: r, b: from, turned: false, d: from, c: to }, [short, long, short], [1, A]);
    [from, to] = [to, from];
  }
  return from;
}

/** c = alpha a b + beta d for n packed matrices; a is symmetric where b is not turned. */
function product(
  p: Program,
  n: number,
  { a, b, turned, d, c }: { a: Tensor; b: Tensor; turned: boolean; d: Tensor; c: Tensor },
  [rows, cols, inner]: [number, number, number],
  [alpha, beta]: [number, number],
): void {
  const work = {
    flops: 2 * n * rows * cols * inner,
    bytes: 4 * n * (rows * inner + cols * inner + rows * cols * (beta ? 2 : 1)),
  };
  const sizes = { rows, cols, inner, alpha, beta };
  if (p.planning.software && rows % 8 === 0 && cols % 8 === 0 && inner % 8 === 0) {
    const groups = workgroups((n * rows * cols) / 64);
    run(p, kernel('muon_product8', [product8Code], { TURNED: turned }), { a, b, d, c }, { items: n, ...sizes }, [groups], work);
    return;
  }
  const tile = decide(p, () => (p.planning.software || rows < TILED ? null : tileOf(p, turned, n, { rows, cols, inner })));
  if (tile) {
    tiledItems(p, tile, n, { m: rows, n: cols, k: inner }, { a, b, c, d, alpha, beta });
    return;
  }
  const SIDE = rows <= 8 ? 1 : rows <= 16 ? 2 : 4;
  const k = kernel('muon_product', [productCode], { TURNED: turned, ADDS: beta !== 0, SIDE });
  const grid = [Math.ceil(cols / (8 * SIDE)), Math.ceil(rows / (8 * SIDE)), n];
  run(p, k, { a, b, d, c }, sizes, grid, work);
}

/** The side from which on the tiles of other products are worth it. */
const TILED = 32;

/** The tile of a GPU for n products of this size, if one can take them. Never in half precision. */
function tileOf(p: Program, turned: boolean, n: number, { rows, cols, inner }: { rows: number; cols: number; inner: number }) {
  const layout = turned ? 'nt' : 'nn';
  const places = { a_at: 0, lda: inner, b_at: 0, ldb: turned ? inner : cols, c_at: 0, ldc: cols };
  const device = { ...p.planning, half: false, choices: {} };
  return chooseTile(layout, { m: rows, n: cols, k: inner, ...places }, device, n) ?? null;
}
