// SwiGLU's middle: s = silu(gate) up. The product with down_proj around it is `linear`'s.

import silu from '../../../shaders/silu.wgsl?raw' with { type: 'text' };
import swigluCode from '../../../shaders/swiglu.wgsl?raw' with { type: 'text' };
import backward from '../../../shaders/swiglu_backward.wgsl?raw' with { type: 'text' };
import columnsCode from '../../../shaders/swiglu_columns.wgsl?raw' with { type: 'text' };
import columnsBackward from '../../../shaders/swiglu_columns_backward.wgsl?raw' with { type: 'text' };
import { flows, giveGrad, gradOf, kernel, onBackward, type Program, run, temp } from '../../gpu/program.ts';
import { handOver, isAwaited, promise, remake } from '../../gpu/recompute.ts';
import { rowsOf, type Tensor } from '../../gpu/tensor.ts';
import { vec4sOf, workgroups } from './lanes.ts';

/**
 * s[N, F] = silu(gate[N, F]) up[N, F]; gate and up may be columns of the same rows, all by fours. Its backward overwrites gate and up,
 * so nothing else may read them in a backward.
 */
export function swiglu(p: Program, gate: Tensor, up: Tensor): Tensor {
  const s = forward(p, gate, up, 's');
  if (!flows(p, s, [gate, up])) return s;
  remake(p, s, () => forward(p, gate, up, 's_again'));
  promise(p, s);
  onBackward(p, () => {
    const ds = gradOf(p, s);
    if (!ds) return;
    // In place, which saves two tensors of the layer's largest size: whoever reads s has asked for it, and waits or has read it by now.
    const AGAIN = isAwaited(p, s);
    const { columns, bind, params } = middleOf(gate, up);
    const k = columns
      ? kernel('swiglu_columns_backward', [silu, columnsBackward], { AGAIN })
      : kernel('swiglu_backward', [silu, backward], { AGAIN });
    run(p, k, { ds, ...bind }, params, [workgroups(params.count)], { flops: 60 * params.count });
    giveGrad(p, gate, gate);
    giveGrad(p, up, up);
    handOver(p, s, AGAIN ? ds : null);
  });
  return s;
}

function forward(p: Program, gate: Tensor, up: Tensor, name: string): Tensor {
  const s = temp(p, name, gate.shape);
  const { columns, bind, params } = middleOf(gate, up);
  const k = columns ? kernel('swiglu_columns', [silu, columnsCode]) : kernel('swiglu', [silu, swigluCode]);
  run(p, k, { ...bind, s }, params, [workgroups(params.count)], { flops: 40 * params.count });
  return s;
}

/** How gate and up lie: whether as columns, what is bound, and the sizes in vec4s. */
function middleOf(gate: Tensor, up: Tensor): { columns: boolean; bind: Record<string, Tensor>; params: Record<string, number> } {
  const count = vec4sOf(gate);
  if (!gate.of) return { columns: false, bind: { gate, up }, params: { count } };
  const [g, u] = [rowsOf(gate), rowsOf(up)];
  if (g.t !== u.t || [g.at, u.at, g.ld, gate.shape[1]].some((n) => n % 4))
    throw new Error(
      `expected gate and up as columns of the same rows, by fours, got ${gate.name} and ${up.name}: lay them out so`,
    );
  const params = { count, cols: gate.shape[1] / 4, gate_at: g.at / 4, up_at: u.at / 4, ld: g.ld / 4 };
  return { columns: true, bind: { x: g.t }, params };
}
