// Rotary positions, in Hugging Face's convention: dimension i of a head turns with dimension i + head_dim/2.
// Angles come from a table made once on the CPU in f64: sin and cos of some adapters are off by 2e-4.

import code from '../../../shaders/rope.wgsl?raw' with { type: 'text' };
import { gradOf, kernel, onBackward, type Program, run } from '../../gpu/program.ts';
import { rowsOf, type Tensor } from '../../gpu/tensor.ts';
import { type RopeConfig, ropeFrequencies, ropeLength } from '../../models/config.ts';
import { workgroups } from '../elementwise/lanes.ts';

export { qkNorm } from '../norm/qknorm.ts';

export interface Rope {
  /** Position of each token [N], u32, below the rows of the table. */
  positions: Tensor;
  /** cos and sin [positions, head_dim / 2, 2]: what `ropeTable` gives. */
  table: Tensor;
  head_dim: number;
}

/**
 * Turns each head of every x [N, heads head_dim] by its position, in place; the backward turns the gradients back in place.
 * What are neighbouring columns of the same rows turns in one dispatch.
 */
export function rope(p: Program, xs: readonly Tensor[], { positions, table, head_dim }: Rope): void {
  const half = head_dim / 2;
  for (const x of xs)
    if (x.shape[1] % head_dim || table.shape[1] !== half)
      throw new Error(
        `expected rows of heads of ${head_dim} and a table of ${half} pairs a position, got [${x.shape}] and [${table.shape}]: ` +
          'make the table for this head_dim',
      );
  const turn = (all: readonly Tensor[], sign: 1 | -1) => {
    for (const { t, at, ld, width } of neighbours(all)) {
      const [N, heads] = [t.shape[0], width / head_dim];
      run(
        p,
        kernel('rope', [code]),
        { positions, table, x: t },
        { N, heads, half, first: at, ld, sign },
        [workgroups(N * half)],
        {
          flops: 3 * N * width,
          bytes: 4 * N * (2 * width + head_dim),
        },
      );
    }
  };
  turn(xs, 1);
  const trained = xs.filter((x) => p.needs.has(x));
  if (!trained.length) return;
  onBackward(p, () =>
    turn(
      trained.flatMap((x) => gradOf(p, x) ?? []),
      -1,
    ),
  );
}

/** Rows of some tensors, those joined that are columns of the same rows and side by side. */
function neighbours(all: readonly Tensor[]): { t: Tensor; at: number; ld: number; width: number }[] {
  const out: { t: Tensor; at: number; ld: number; width: number }[] = [];
  for (const x of all) {
    const rows = rowsOf(x);
    const last = out.at(-1);
    if (last && last.t === rows.t && last.at + last.width === rows.at) last.width += x.shape[1];
    else out.push({ ...rows, width: x.shape[1] });
  }
  return out;
}

/** cos and sin of position times frequency, as long as the scaling has them, [positions, head_dim / 2, 2], computed in f64. */
export function ropeTable(rope: RopeConfig, head_dim: number, positions: number): Float32Array<ArrayBuffer> {
  const half = head_dim / 2;
  const length = ropeLength(rope);
  const table = new Float32Array(positions * head_dim);
  ropeFrequencies(rope, head_dim).forEach((frequency, i) => {
    for (let t = 0; t < positions; t++) {
      table[(t * half + i) * 2] = length * Math.cos(t * frequency);
      table[(t * half + i) * 2 + 1] = length * Math.sin(t * frequency);
    }
  });
  return table;
}
