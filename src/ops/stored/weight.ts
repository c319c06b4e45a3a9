// A weight matrix as the model sees it: what is stored, in windows of whole rows, and what of it trains.
// Models never ask which method trains it; methods never ask where in the network it sits.

import type { Program } from '../../gpu/program.ts';
import { arena, type Role, resident, type Tensor } from '../../gpu/tensor.ts';
import type { Mat } from '../matmul/gemm.ts';
import { type StoredFormat, storedBytes } from './formats.ts';

/** Rows r0 <= r < r1 of a weight: quants (or plain elements) and, for quantized formats, scales. */
export interface Window {
  r0: number;
  r1: number;
  q: Tensor;
  s?: Tensor;
}

/** A matrix [rows, cols] = [out, in], named as the checkpoint names it. */
export interface Weight {
  name: string;
  rows: number;
  cols: number;
  format: StoredFormat;
  windows: Window[];
  trains: Trains | null;
  /** Where matrices of one input lie one behind the other: all of them as one matrix, with what trains of it as such. */
  stack?: Stack;
}

/** Matrices, one behind the other, as one. */
export interface Stack extends Weight {
  parts: Weight[];
}

/** A vector parameter (norm weight, bias), always f32. `grad` is there where it trains. */
export interface Vector {
  name: string;
  value: Tensor;
  grad: Tensor | null;
}

/** What trains of a matrix, in the place of its plain product. One hook, whatever the method. */
export interface Trains {
  /** y = f(x), onto what it begins at, over n rows of x[n, cols] and y[n, rows]; returns its own backward. */
  forward(p: Program, w: Weight, x: Mat, n: number, y: Mat, start: Start): Backward;
  /** Whether y and its gradient may be columns of wider rows, where takesBlocks() says that products run in tiles. */
  columns?: boolean;
  /** The same beside another hook's product instead of the stored one: absent where it is no part beside a product. */
  over?(other: Trains): Trains;
  /** Where all of the matrix trains: its gradient, one tensor a window. A lookup of rows (an embedding) adds to it. */
  grads?: Tensor[];
}

/** What a product begins at: nothing (0), what is there (1), or a bias for each column and the residual, of y's shape. */
export type Start = 0 | 1 | { bias: Vector | null; add?: Tensor };

/**
 * From dy the gradients of what trains, and dx (+)= its own where one is asked for. Who needs the input gives `x` what to do with it:
 * it may have to be made again, at once or when the backward of what made it comes.
 */
export type Backward = (dy: Mat, x: (use: (x: Mat) => void) => void, dx: Into | null) => void;

/** Where a result goes: written over what is there (0), or added to it (1). */
export interface Into {
  into: Mat;
  accumulate: 0 | 1;
}

/** Resident tensors for a matrix, in as few windows of whole rows as the limits allow. */
export function newWeight(
  name: string,
  rows: number,
  cols: number,
  format: StoredFormat,
  maxBinding: number,
  role: Role = 'weights',
): Weight {
  const perRow = storedBytes(format, 1, cols);
  const windows = rowWindows(name, rows, Math.max(perRow.q, perRow.s ?? 0), maxBinding).map(({ r0, r1 }): Window => {
    const bytes = storedBytes(format, r1 - r0, cols);
    const at = r1 - r0 < rows ? `[${r0}:${r1}]` : '';
    return {
      r0,
      r1,
      q: resident(`${name}${at}`, [Math.ceil(bytes.q / 4)], role, format === 'f32' ? 'f32' : 'u32'),
      s: bytes.s === undefined ? undefined : resident(`${name}${at}.scales`, [Math.ceil(bytes.s / 4)], role, 'u32'),
    };
  });
  return { name, rows, cols, format, windows, trains: null };
}

/** Where one buffer may be bound from: WebGPU's default minStorageBufferOffsetAlignment, in bytes. */
const ALIGNED = 256;

/**
 * Matrices that share their input, [rows, cols] each, not yet allocated: where a binding holds them all they lie one behind the other in
 * one buffer, so that one product can go through them.
 */
export function newStack(
  matrices: readonly { name: string; rows: number }[],
  cols: number,
  format: StoredFormat,
  maxBinding: number,
): Weight[] {
  const rows = matrices.reduce((sum, m) => sum + m.rows, 0);
  const each = matrices.map((m) => storedBytes(format, m.rows, cols));
  const all = storedBytes(format, rows, cols);
  const gapless = each.slice(0, -1).every((b) => b.q % ALIGNED === 0 && (b.s ?? 0) % ALIGNED === 0);
  if (!gapless || Math.max(all.q, all.s ?? 0) > maxBinding)
    return matrices.map((m) => newWeight(m.name, m.rows, cols, format, maxBinding));
  const name = matrices.map((m) => m.name).join(' ');
  const dtype = format === 'f32' ? 'f32' : 'u32';
  const words = (bytes: number) => [Math.ceil(bytes / 4)];
  const lay = (suffix: string, kind: 'q' | 's', type: 'f32' | 'u32') => {
    const asked = matrices.map((m, i) => ({ name: m.name + suffix, shape: words(each[i][kind]!), dtype: type }));
    const { whole, parts } = arena(name + suffix, asked, 'weights', maxBinding);
    return { whole: { ...whole[0], shape: words(all[kind]!), dtype: type }, parts };
  };
  const q = lay('', 'q', dtype);
  const s = all.s === undefined ? undefined : lay('.scales', 's', 'u32');
  const stack: Stack = {
    ...{ name, rows, cols, format, trains: null, parts: [] },
    windows: [{ r0: 0, r1: rows, q: q.whole, s: s?.whole }],
  };
  stack.parts = matrices.map((m, i) => {
    const windows = [{ r0: 0, r1: m.rows, q: q.parts[i], s: s?.parts[i] }];
    return { name: m.name, rows: m.rows, cols, format, windows, trains: null, stack };
  });
  return stack.parts;
}

/** The rows of a matrix in as few windows of whole rows as fit a binding. A block of rows may lie in two of them. */
export function rowWindows(name: string, rows: number, rowBytes: number, maxBinding: number): { r0: number; r1: number }[] {
  const most = evenly(Math.floor(maxBinding / rowBytes));
  if (most < 1)
    throw new Error(
      `expected a row of ${name} to fit a binding of ${maxBinding} bytes, got ${rowBytes} bytes: this adapter is too small for it`,
    );
  return Array.from({ length: Math.ceil(rows / most) }, (_, i) => ({ r0: i * most, r1: Math.min(rows, (i + 1) * most) }));
}

/** At most n rows, such that blocks of 2, 4, ... 256 rows lie in one window where they can. */
function evenly(n: number): number {
  return n >= 256 ? n - (n % 256) : n < 1 ? n : 2 ** Math.floor(Math.log2(n));
}

export function newVector(name: string, n: number): Vector {
  return { name, value: resident(name, [n], 'weights'), grad: null };
}

/** Vectors that belong to matrices of one stack: one behind the other too, as far as a binding holds them. */
export function newVectors(asked: readonly { name: string; n: number }[], maxBinding: number): Vector[] {
  const shapes = asked.map(({ name, n }) => ({ name, shape: [n] }));
  const { parts } = arena(asked.map((v) => v.name).join(' '), shapes, 'weights', maxBinding);
  return parts.map((value) => ({ name: value.name, value, grad: null }));
}

/** Every tensor that a weight keeps on the device. */
export function tensorsOf(w: Weight | Vector): Tensor[] {
  return 'windows' in w ? w.windows.flatMap((v) => (v.s ? [v.q, v.s] : [v.q])) : [w.value];
}
