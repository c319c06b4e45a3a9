// A key/value cache: rows of keys or values at their positions, for decoding. Positions are data, so one trace serves every token.

import code from '../../../shaders/cache_write.wgsl?raw' with { type: 'text' };
import { kernel, type Program, run } from '../../gpu/program.ts';
import { resident, type Tensor } from '../../gpu/tensor.ts';

/** Room for `capacity` positions of that width, and one row that swallows padding. */
export function newCache(name: string, capacity: number, width: number): Tensor {
  return resident(name, [capacity + 1, width], 'kv');
}

/** cache[positions[t]] = x[t] for every row of x [N, width]. */
export function cacheWrite(p: Program, x: Tensor, positions: Tensor, cache: Tensor): void {
  const [n, width] = x.shape;
  run(p, kernel('cache_write', [code]), { x, positions, cache }, { count: n * width, width }, [Math.ceil((n * width) / 64)]);
}
