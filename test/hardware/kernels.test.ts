// Every kernel that hardware may run keeps within what a GPU has for it. Those that do not yet are named with the figure that is over;
// one that has been mended, or got worse, fails here until the list says so.
import { beforeAll, describe, expect, test } from 'vitest';
import type { Dispatch } from '../../src/gpu/cost.ts';
import type { Kernel } from '../../src/gpu/program.ts';
import { hardwareDispatches } from './kernels.ts';
import { type Figures, nameOf, overLimits } from './limits.ts';

/** What is over, by kernel: the worst of all its forms. */
const KNOWN: Record<string, Partial<Figures>> = {};

describe('kernels of hardware', () => {
  let dispatches: Map<Kernel, Dispatch>;

  beforeAll(() => {
    dispatches = hardwareDispatches();
  });

  test('are all there', () => {
    const names = new Set([...dispatches.keys()].map(nameOf));
    for (const name of [
      'attention_tiled_forward',
      'gemm_half64',
      'gemm_tile128',
      'gemm_tile32_blocks',
      'head_finish',
      'blocks_slices',
      'gemm_plain',
      'gemv',
      'dora_scale',
      'adamw',
      'muon_product',
      'attention_cached_tiled',
    ])
      expect([...names]).toContain(name);
    expect([...names].filter((name) => /packed|subgroup/.test(name))).toEqual([]); // what only software adapters run
  });

  test('keep within a GPU, but for those that are known not to', () => {
    expect(overLimits(dispatches.values())).toEqual(KNOWN);
  });
});
