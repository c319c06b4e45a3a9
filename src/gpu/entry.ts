// What a program is a list of: dispatches of kernels over tensors, copies and clears. Plain data.

import type { Linked } from './link.ts';
import type { Tensor } from './tensor.ts';

/** A compute kernel as data: WGSL parts and the values of their constants. The same kernel is the same object. */
export interface Kernel {
  name: string;
  linked: Linked;
}

export type Grid = readonly [x: number, y: number, z: number];

/** One entry of a program. `grid` counts workgroups; `flops` and `bytes` are what the work costs, for cutting and for rooflines. */
export type Entry =
  | { op: 'run'; label: string; kernel: Kernel; bind: Tensor[]; params: number[]; grid: Grid; flops: number; bytes: number }
  | { op: 'copy'; from: Tensor; to: Tensor; fromAt: number; toAt: number; bytes: number }
  | { op: 'clear'; to: Tensor };
