// RMSNorm: y = x / sqrt(mean(x²) + eps) w, row by row. Of the forward only x and the inverse RMS live until the backward, which makes
// y again where somebody waits for it.

import columnTerm from '../../../shaders/columnsum_rmsnorm.wgsl?raw' with { type: 'text' };
import rmsnormCode from '../../../shaders/rmsnorm.wgsl?raw' with { type: 'text' };
import apply from '../../../shaders/rmsnorm_apply.wgsl?raw' with { type: 'text' };
import backward from '../../../shaders/rmsnorm_backward.wgsl?raw' with { type: 'text' };
import { flows, gradOf, intoGrad, kernel, onBackward, type Program, run, temp } from '../../gpu/program.ts';
import { again, handOver, isAwaited, promise, remake } from '../../gpu/recompute.ts';
import type { Tensor } from '../../gpu/tensor.ts';
import { lanesOf, workgroups } from '../elementwise/lanes.ts';
import { reducing } from '../elementwise/reduce.ts';
import type { Vector } from '../stored/weight.ts';
import { columnSum } from './columnsum.ts';

/** y[R, D] = x inv w with inv[R] = 1 / sqrt(mean(x²) + eps) over each row of x[R, D]; w[D]. */
export function rmsnorm(p: Program, x: Tensor, w: Vector, eps: number): Tensor {
  const [R, D] = x.shape;
  const { part, per } = lanesOf(D);
  const cols = D / per;
  const inv = temp(p, 'inv_rms', [R], 'activations');
  const y = temp(p, 'normed', x.shape);
  run(p, reducing(p, 'rmsnorm', [part, rmsnormCode], cols), { x, w: w.value, inv, y }, { cols, eps }, [R], { flops: 4 * R * D });
  if (!flows(p, y, [x], w.grad !== null)) return y;

  remake(p, y, () => {
    const made = temp(p, 'normed_again', x.shape);
    const count = R * cols;
    run(p, kernel('rmsnorm_apply', [part, apply]), { x: again(p, x), w: w.value, inv, y: made }, { cols, count }, [
      workgroups(count),
    ]);
    return made;
  });
  promise(p, y);
  onBackward(p, () => {
    const dy = gradOf(p, y);
    if (!dy) return;
    const input = again(p, x);
    if (w.grad) columnSum(p, { part: columnTerm, bind: { x: input, inv, dy } }, R, D, w.grad);
    if (!p.needs.has(x)) {
      handOver(p, y, null);
      return;
    }
    const { into: dx, accumulate } = intoGrad(p, x);
    const AGAIN = isAwaited(p, y);
    const k = reducing(p, 'rmsnorm_backward', [part, backward], cols, { AGAIN });
    run(p, k, { x: input, w: w.value, inv, dy, dx }, { cols, accumulate }, [R], { flops: 8 * R * D });
    handOver(p, y, AGAIN ? dy : null);
  });
  return y;
}
