// Every kernel that hardware may run keeps within what a GPU has for it. Those that do not yet are named with the figure that is over;
// one that has been mended, or got worse, fails here until the list says so.
import { readdirSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import type { Dispatch } from '../../src/gpu/cost.ts';
import type { Kernel } from '../../src/gpu/program.ts';
import { hardwareDispatches } from './kernels.ts';
import { type Figures, nameOf, overLimits } from './limits.ts';

/** The parts of each kernel. */
const partsOf = vi.hoisted(() => new Map<Kernel, readonly string[]>());
vi.mock(import('../../src/gpu/program.ts'), async (original) => {
  const real = await original();
  const kernel: typeof real.kernel = (name, parts, consts) => {
    const made = real.kernel(name, parts, consts);
    partsOf.set(made, parts);
    return made;
  };
  return { ...real, kernel };
});

/** Files of which no GPU runs anything: what a software adapter has in their place. */
const SOFTWARE = [
  'attention_backward',
  'attention_cached',
  'attention_delta',
  'attention_dkv',
  'attention_dq',
  'attention_forward',
  'attention_keys',
  'attention_subgroup',
  'attention_subgroup_dkv',
  'attention_subgroup_dq',
  'attention_subgroup_forward',
  'blocks_by8',
  'blocks_forward8',
  'blocks_input8',
  'blocks_weight8',
  'columnsum',
  'columnsum_magnitude',
  'gemm_pack',
  'gemm_pack_any',
  'gemm_pack_stored',
  'gemm_pack_vec4',
  'gemm_packed',
  'gemm_packed_plain',
  'gemm_reduce',
  'gemm_store',
  'gemv_rows',
  'muon_product8',
];

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
      'likeliest',
      'ranked',
      'cache_moved',
      'peak',
    ])
      expect([...names]).toContain(name);
    expect([...names].filter((name) => /packed|subgroup/.test(name))).toEqual([]); // what only software adapters run
  });

  test('are of every file of shaders/ but those for software adapters', () => {
    const all = [...dispatches.keys()].flatMap((k) => partsOf.get(k)!).join('\n');
    const files = readdirSync('shaders').filter((name) => name.endsWith('.wgsl'));
    const unseen = files.filter((name) => !all.includes(readFileSync(`shaders/${name}`, 'utf8').trim()));
    expect(unseen.map((name) => name.slice(0, -5))).toEqual(SOFTWARE);
  });

  test('keep within a GPU, but for those that are known not to', () => {
    expect(overLimits(dispatches.values())).toEqual(KNOWN);
  });
});
