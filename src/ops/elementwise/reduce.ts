// Sums over a workgroup: which part of WGSL makes them, and how wide it is.

import narrow from '../../../shaders/reduce.wgsl?raw' with { type: 'text' };
import wide from '../../../shaders/reduce_wide.wgsl?raw' with { type: 'text' };
import { type Kernel, kernel, type Program } from '../../gpu/program.ts';

/** Invocations of the widest workgroup that every GPU has. */
const WIDEST = 256;

/**
 * A kernel whose workgroup sums over `count` elements: on GPUs as wide as that keeps every invocation busy, 64 on software adapters,
 * where a wider one only waits longer at its barriers.
 */
export function reducing(
  p: Program,
  name: string,
  parts: readonly string[],
  count = WIDEST,
  consts: Record<string, number | boolean> = {},
): Kernel {
  if (p.planning.software) return kernel(name, [narrow, ...parts], consts);
  return kernel(name, [wide, ...parts], { WIDTH: [WIDEST, 128].find((width) => width <= count) ?? 64, ...consts });
}
