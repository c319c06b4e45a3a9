// Matrices inside tensors, and what a product is made of and added to. Types, and next to nothing that runs.

import { columns, rowsOf, type Tensor } from '../../gpu/tensor.ts';
import type { StoredFormat } from '../stored/formats.ts';

/** A matrix inside a tensor: element offset of its first entry and distance between rows. */
export interface Mat {
  t: Tensor;
  at: number;
  ld: number;
  /** Where t holds a stored weight instead of f32: its format, and its scales. Only what readsStored() allows. */
  stored?: { format: StoredFormat; s?: Tensor };
  /** Chosen blocks, whose differences are added to what is stored. Only where wouldTile() says so. */
  blocks?: Differences;
}

/** A whole tensor [rows, cols], or what is columns of one, as a matrix. */
export const whole = (t: Tensor): Mat => rowsOf(t);

/** A matrix `width` wide as a tensor: what is behind it where it is all of that, else columns of it. */
export function entire({ t, at, ld }: Mat, width: number): Tensor {
  return at === 0 && ld === width ? t : columns(t, at, width, t.name);
}

/** What is multiplied: c[m, n] summed over k. How a and b lie is the layout's matter. */
export interface Product {
  a: Mat;
  b: Mat;
  c: Mat;
  m: number;
  n: number;
  k: number;
}

/** A product or a piece of one: its operands and sizes. */
export type Operands = Omit<Product, 'c'>;

/** What a product is added to, element by element: a bias for each column, from element bias_at of it on, or a matrix of its shape. */
export interface Onto {
  bias?: { t: Tensor; at: number };
  add?: Mat;
}

/** Chosen blocks of the matrix of which B is rows line0 and after: W + D is what is multiplied by. */
export interface Differences {
  /** Edge, a multiple of 4, and blocks in a row of the matrix. */
  b: number;
  across: number;
  d: Tensor;
  /** For each 32 blocks which are chosen, and how many were before, from word map_at on. */
  lists: Tensor;
  map_at: number;
  line0: number;
}
