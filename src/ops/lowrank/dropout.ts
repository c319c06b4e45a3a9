// Inverted dropout whose masks come from counters: nothing random is kept, and a replay draws what the first run drew.

import code from '../../../shaders/dropout.wgsl?raw' with { type: 'text' };
import { kernel, type Program, run } from '../../gpu/program.ts';
import type { Tensor } from '../../gpu/tensor.ts';
import { vec4sOf, workgroups } from '../elementwise/lanes.ts';
import { SCALARS } from '../stream/stream.ts';

/** Share of the elements that is left out, and what tells this use of it from every other in the run. */
export interface Dropout {
  share: number;
  key: number;
}

/** Whether this program drops: only where a step is learned from, whose scalars then number the pass. */
export const drops = (p: Program, d: Dropout | null): d is Dropout => d !== null && d.share > 0 && p.random !== null;

/** y (+)= x mask / (1 - share), elementwise; the mask of a pass is the same wherever it is asked for. */
export function dropout(p: Program, d: Dropout, x: Tensor, y: Tensor, accumulate: 0 | 1): void {
  if (!p.random) throw new Error(`program ${p.name}: expected scalars that number the pass, got none: it is no training step`);
  const count = vec4sOf(x);
  const params = {
    count,
    key: d.key >>> 0,
    least: Math.min(0xffffffff, Math.round(d.share * 2 ** 32)),
    scale: 1 / (1 - d.share),
    pass_at: SCALARS.pass,
    accumulate,
  };
  run(p, kernel('dropout', [code]), { scalars: p.random, x, y }, params, [workgroups(count)], { flops: 20 * count });
}
