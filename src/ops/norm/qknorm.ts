// The q/k norm of Qwen3: RMSNorm over each head of q or k, with one weight for all heads, before the positions turn it.
// Until the backward live x and the inverse RMS of each head; the gradient of x takes the place of that of y.

import headTerm from '../../../shaders/columnsum_qknorm.wgsl?raw' with { type: 'text' };
import columnTerm from '../../../shaders/columnsum_rmsnorm.wgsl?raw' with { type: 'text' };
import code from '../../../shaders/qknorm.wgsl?raw' with { type: 'text' };
import backward from '../../../shaders/qknorm_backward.wgsl?raw' with { type: 'text' };
import { flows, giveGrad, gradOf, kernel, onBackward, type Program, run, temp } from '../../gpu/program.ts';
import { columns, rowsOf, type Tensor } from '../../gpu/tensor.ts';
import { lanesOf, workgroups } from '../elementwise/lanes.ts';
import type { Vector } from '../stored/weight.ts';
import { columnSum } from './columnsum.ts';

/**
 * y = x inv w over each head of every x [N, heads head_dim], with inv = 1 / sqrt(mean(x²) + eps) and a weight [head_dim] an x. Where
 * the xs are columns of the same rows, so are the ys, side by side in rows of their own.
 */
export function qkNorm(
  p: Program,
  xs: readonly Tensor[],
  weights: readonly Vector[],
  { head_dim, eps }: { head_dim: number; eps: number },
): Tensor[] {
  const widths = xs.map((x) => x.shape[1]);
  const starts = widths.map((_, i) => widths.slice(0, i).reduce((a, b) => a + b, 0));
  const together = xs.every((x) => x.of && x.of.t === xs[0].of!.t);
  const all = together ? temp(p, 'normed', [xs[0].shape[0], starts.at(-1)! + widths.at(-1)!]) : null;
  return xs.map((x, i) => {
    const y = all ? columns(all, starts[i], widths[i], `${x.name}.normed`) : temp(p, 'normed', x.shape);
    norm(p, x, weights[i], y, { head_dim, eps });
    return y;
  });
}

function norm(p: Program, x: Tensor, w: Vector, y: Tensor, { head_dim, eps }: { head_dim: number; eps: number }): void {
  const n = x.shape[0];
  const heads = x.shape[1] / head_dim;
  if (!Number.isInteger(heads) || w.value.shape[0] !== head_dim)
    throw new Error(
      `expected rows of heads of ${head_dim} and as long a weight, got [${x.shape}] and [${w.value.shape}]: check ${w.name}`,
    );
  const { part, per } = lanesOf(head_dim);
  const rows = n * heads;
  const cols = head_dim / per;
  const inv = temp(p, 'inv_rms', [n, heads], 'activations');
  const of = rowsOf(x);
  const sizes = (y: Tensor) => {
    const to = rowsOf(y);
    return { rows, cols, heads, x_at: of.at / per, ldx: of.ld / per, y_at: to.at / per, ldy: to.ld / per };
  };
  run(p, kernel('qknorm', [part, code]), { x: of.t, w: w.value, inv, y: rowsOf(y).t }, { ...sizes(y), eps }, [workgroups(rows)], {
    flops: 4 * rows * head_dim,
    bytes: 8 * rows * head_dim,
  });
  if (!flows(p, y, [x], w.grad !== null)) return;

  onBackward(p, () => {
    const dy = gradOf(p, y);
    if (!dy) return;
    const places = sizes(dy);
    const bind = { x: of.t, inv, dy: rowsOf(dy).t };
    if (w.grad) {
      const { x_at: X_AT, ldx: LDX, y_at: DY_AT, ldy: LDDY } = places;
      const term = x.of ? { part: headTerm, bind, consts: { HEADS: heads, X_AT, LDX, DY_AT, LDDY } } : { part: columnTerm, bind };
      columnSum(p, term, rows, head_dim, w.grad);
    }
    if (!p.needs.has(x)) return;
    const back = kernel('qknorm_backward', [part, backward]);
    run(p, back, { ...bind, w: w.value }, places, [workgroups(rows)], {
      flops: 8 * rows * head_dim,
      bytes: 12 * rows * head_dim,
    });
    giveGrad(p, x, dy);
  });
}
