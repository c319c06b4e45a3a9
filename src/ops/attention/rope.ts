// Rotary positions, in Hugging Face's convention: dimension i of a head turns with dimension i + head_dim/2.
// Angles come from a table made once on the CPU in f64: sin and cos of some adapters are off by 2e-4.

import code from '../../../shaders/rope.wgsl?raw' with { type: 'text' };
import { gradOf, kernel, onBackward, type Program, run } from '../../gpu/program.ts';
import type { Tensor } from '../../gpu/tensor.ts';
import { type RopeConfig, ropeFrequencies } from '../../models/config.ts';
import { workgroups } from '../elementwise/lanes.ts';

export { qkNorm } from '../norm/qknorm.ts';

export interface Rope {
  /** Position of each token [N], u32, below the rows of the table. */
  positions: Tensor;
  /** cos and sin [positions, head_dim / 2, 2]: what `ropeTable` gives. */
  table: Tensor;
  heads: number;
  head_dim: number;
}

/** Turns each head of x [N, heads head_dim] by its position, in place; the backward turns the gradient back in place. */
export function rope(p: Program, x: Tensor, { positions, table, heads, head_dim }: Rope): void {
  const N = x.shape[0];
  const half = head_dim / 2;
  if (x.shape[1] !== heads * head_dim || table.shape[1] !== half)
    throw new Error(
      `expected rows of ${heads} heads of ${head_dim} and a table of ${half} pairs a position, got [${x.shape}] and [${table.shape}]: ` +
        'make the table for this head_dim',
    );
  const turn = (y: Tensor, sign: 1 | -1) =>
    run(p, kernel('rope', [code]), { positions, table, x: y }, { N, heads, half, sign }, [workgroups(N * half)], {
      flops: 3 * N * heads * head_dim,
    });
  turn(x, 1);
  if (!p.needs.has(x)) return;
  onBackward(p, () => {
    const dx = gradOf(p, x);
    if (dx) turn(dx, -1);
  });
}

/** cos and sin of position times frequency, [positions, head_dim / 2, 2], computed in f64. */
export function ropeTable(rope: RopeConfig, head_dim: number, positions: number): Float32Array<ArrayBuffer> {
  const half = head_dim / 2;
  const table = new Float32Array(positions * head_dim);
  ropeFrequencies(rope, head_dim).forEach((frequency, i) => {
    for (let t = 0; t < positions; t++) {
      table[(t * half + i) * 2] = Math.cos(t * frequency);
      table[(t * half + i) * 2 + 1] = Math.sin(t * frequency);
    }
  });
  return table;
}
