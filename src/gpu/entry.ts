// What a program is a list of: dispatches of kernels over tensors, copies and clears. Plain data.

import type { Linked } from './link.ts';
import type { Tensor } from './tensor.ts';

/** A compute kernel as data: WGSL parts and the values of their constants. The same kernel is the same object. */
export interface Kernel {
  name: string;
  linked: Linked;
}

export type Grid = readonly [x: number, y: number, z: number];

/** What a dispatch costs by count: for cutting, for rooflines and for plans. */
export interface Work {
  /** FLOPs that the result needs. */
  flops: number;
  /** Bytes read and written, each operand once. */
  bytes: number;
  /** Of a matrix product: FLOPs with its tiles filled, and the parts that its sum over k is split into. */
  product?: { padded: number; split: number };
  /** Bytes of a stored weight that it goes through, where it is bound to one and not all of it is read. */
  reads?: number;
}

/** One entry of a program. `grid` counts workgroups. */
export type Entry =
  | ({ op: 'run'; label: string; kernel: Kernel; bind: Tensor[]; params: number[]; grid: Grid } & Work)
  | { op: 'copy'; from: Tensor; to: Tensor; fromAt: number; toAt: number; bytes: number }
  | { op: 'clear'; to: Tensor };
