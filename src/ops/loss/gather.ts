// Rows picked out of a matrix, so that the head runs over target tokens only.

import gatherCode from '../../../shaders/gather.wgsl?raw' with { type: 'text' };
import scatterCode from '../../../shaders/scatter.wgsl?raw' with { type: 'text' };
import { clear, flows, gradOf, intoGrad, kernel, onBackward, type Program, run, temp } from '../../gpu/program.ts';
import type { Tensor } from '../../gpu/tensor.ts';
import { lanesOf } from '../elementwise/lanes.ts';

/** y[M, D] = h[at[m]] of h[N, D] for the first M of `at`; 0xffffffff picks zeros. No row may be picked twice where a gradient flows. */
export function gatherRows(p: Program, h: Tensor, at: Tensor, M: number): Tensor {
  const D = h.shape[1];
  const { part, per } = lanesOf(D);
  const y = temp(p, 'gathered', [M, D]);
  const cols = D / per;
  run(p, kernel('gather', [part, gatherCode]), { h, at, y }, { cols }, [M]);
  if (!flows(p, y, [h])) return y;
  onBackward(p, () => {
    const dy = gradOf(p, y);
    if (!dy) return;
    const { into: dh, accumulate } = intoGrad(p, h);
    if (!accumulate) clear(p, dh);
    run(p, kernel('scatter', [part, scatterCode]), { dy, at, dh }, { cols }, [M]);
  });
  return y;
}
