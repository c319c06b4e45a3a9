// How rows are read: four floats at a time where the row length allows, else one. Kernels are written once, over E (lanes*.wgsl).

import one from '../../../shaders/lanes1.wgsl?raw' with { type: 'text' };
import four from '../../../shaders/lanes4.wgsl?raw' with { type: 'text' };
import { elementsOf } from '../../gpu/tensor.ts';

/** Invocations of a workgroup in every kernel over elements. */
export const WIDTH = 64;

export interface Lanes {
  part: string;
  per: 1 | 4;
}

/** The widest element that divides a row of `cols` floats. */
export function lanesOf(cols: number): Lanes {
  return cols % 4 === 0 ? { part: four, per: 4 } : { part: one, per: 1 };
}

/** Workgroups for `n` invocations. */
export function workgroups(n: number): number {
  return Math.ceil(n / WIDTH);
}

/** vec4s of a tensor whose rows do not matter; the last one may reach into the padding that every tensor has (sizeOf). */
export function vec4sOf(t: { shape: readonly number[] }): number {
  return Math.ceil(elementsOf(t.shape) / 4);
}
