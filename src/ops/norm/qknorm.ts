// The q/k norm of Qwen3: RMSNorm over each head of q or k, with one weight for all heads, before the positions turn it.
// Until the backward live x and the inverse RMS of each head; the gradient of x takes the place of that of y.

import columnTerm from '../../../shaders/columnsum_rmsnorm.wgsl?raw' with { type: 'text' };
import code from '../../../shaders/qknorm.wgsl?raw' with { type: 'text' };
import backward from '../../../shaders/qknorm_backward.wgsl?raw' with { type: 'text' };
import { flows, giveGrad, gradOf, kernel, onBackward, type Program, run, temp } from '../../gpu/program.ts';
import type { Tensor } from '../../gpu/tensor.ts';
import { lanesOf, workgroups } from '../elementwise/lanes.ts';
import type { Vector } from '../stored/weight.ts';
import { columnSum } from './columnsum.ts';

/** y = x inv w over each head of x [N, heads head_dim], with inv = 1 / sqrt(mean(x²) + eps); w [head_dim]. */
export function qkNorm(
  p: Program,
  x: Tensor,
  w: Vector,
  { heads, head_dim, eps }: { heads: number; head_dim: number; eps: number },
): Tensor {
  const n = x.shape[0];
  if (x.shape[1] !== heads * head_dim || w.value.shape[0] !== head_dim)
    throw new Error(
      `expected rows of ${heads} heads of ${head_dim} and as long a weight, got [${x.shape}] and [${w.value.shape}]: check ${w.name}`,
    );
  const { part, per } = lanesOf(head_dim);
  const rows = n * heads;
  const cols = head_dim / per;
  const inv = temp(p, 'inv_rms', [n, heads], 'activations');
  const y = temp(p, 'normed', x.shape);
  const cost = { flops: 4 * rows * head_dim };
  run(p, kernel('qknorm', [part, code]), { x, w: w.value, inv, y }, { rows, cols, eps }, [workgroups(rows)], cost);
  if (!flows(p, y, [x], w.grad !== null)) return y;

  onBackward(p, () => {
    const dy = gradOf(p, y);
    if (!dy) return;
    if (w.grad) columnSum(p, { part: columnTerm, bind: { x, inv, dy } }, rows, head_dim, w.grad);
    if (!p.needs.has(x)) return;
    const back = kernel('qknorm_backward', [part, backward]);
    run(p, back, { x, w: w.value, inv, dy }, { rows, cols }, [workgroups(rows)], { flops: 8 * rows * head_dim });
    giveGrad(p, x, dy);
  });
  return y;
}
