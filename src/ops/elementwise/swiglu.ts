// SwiGLU's middle: s = silu(gate) up. The product with down_proj around it is `linear`'s.

import silu from '../../../shaders/silu.wgsl?raw' with { type: 'text' };
import swigluCode from '../../../shaders/swiglu.wgsl?raw' with { type: 'text' };
import backward from '../../../shaders/swiglu_backward.wgsl?raw' with { type: 'text' };
import { flows, giveGrad, gradOf, kernel, onBackward, type Program, run, temp } from '../../gpu/program.ts';
import { remake } from '../../gpu/recompute.ts';
import type { Tensor } from '../../gpu/tensor.ts';
import { vec4sOf, workgroups } from './lanes.ts';

/** s[N, F] = silu(gate[N, F]) up[N, F]. Its backward overwrites gate and up, so nothing else may read them in a backward. */
export function swiglu(p: Program, gate: Tensor, up: Tensor): Tensor {
  const s = forward(p, gate, up, 's');
  if (!flows(p, s, [gate, up])) return s;
  remake(p, s, () => forward(p, gate, up, 's_again'));
  onBackward(p, () => {
    const ds = gradOf(p, s);
    if (!ds) return;
    // In place, which saves two tensors of the layer's largest size. It is safe because the tape is unwound from the end:
    // whoever made s again from gate and up (the down projection, and what trains of it) has done so by now.
    const count = vec4sOf(gate);
    run(p, kernel('swiglu_backward', [silu, backward]), { ds, gate, up }, { count }, [workgroups(count)], { flops: 60 * count });
    giveGrad(p, gate, gate);
    giveGrad(p, up, up);
  });
  return s;
}

function forward(p: Program, gate: Tensor, up: Tensor, name: string): Tensor {
  const s = temp(p, name, gate.shape);
  const count = vec4sOf(gate);
  run(p, kernel('swiglu', [silu, swigluCode]), { gate, up, s }, { count }, [workgroups(count)], { flops: 40 * count });
  return s;
}
