// Rotary positions, in Hugging Face's convention: dimension i of a head turns with dimension i + head_dim/2.
// Angles come from a table made once on the CPU in f64: sin and cos of some adapters are off by 2e-4.

import code from '../../../shaders/rope.wgsl?raw' with { type: 'text' };
import { gradOf, kernel, onBackward, type Program, run } from '../../gpu/program.ts';
import type { Tensor } from '../../gpu/tensor.ts';
import { groupsOf } from '../elementwise/lanes.ts';

export { qkNorm } from '../norm/qknorm.ts';

/** How a model slows its frequencies down to reach further than it was trained for. */
export type RopeScaling =
  | { type: 'linear'; factor: number }
  | {
      type: 'llama3';
      factor: number;
      low_freq_factor: number;
      high_freq_factor: number;
      original_max_position_embeddings: number;
    }
  /** Each frequency is divided by its factor; head_dim / 2 of them. */
  | { type: 'factors'; factors: number[] };

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
    run(p, kernel('rope', [code]), { positions, table, x: y }, { N, heads, half, sign }, [groupsOf(N * half)], {
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
export function ropeTable(
  { theta, scaling }: { theta: number; scaling: RopeScaling | null },
  head_dim: number,
  positions: number,
): Float32Array<ArrayBuffer> {
  const half = head_dim / 2;
  const table = new Float32Array(positions * head_dim);
  for (let i = 0; i < half; i++) {
    const frequency = scaled(theta ** (-i / half), i, scaling);
    for (let t = 0; t < positions; t++) {
      table[(t * half + i) * 2] = Math.cos(t * frequency);
      table[(t * half + i) * 2 + 1] = Math.sin(t * frequency);
    }
  }
  return table;
}

/** Radians a position of pair i after scaling. */
function scaled(frequency: number, i: number, scaling: RopeScaling | null): number {
  if (!scaling) return frequency;
  if (scaling.type === 'factors') return frequency / scaling.factors[i];
  const slow = frequency / scaling.factor;
  if (scaling.type === 'linear') return slow;
  // Llama 3 keeps the pairs that turn often within the context of pretraining, slows those that seldom do, and blends between.
  const { low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: context } = scaling;
  const turns = (context * frequency) / (2 * Math.PI);
  const kept = Math.min(1, Math.max(0, (turns - low) / (high - low)));
  return kept * frequency + (1 - kept) * slow;
}
