// Every kernel that hardware may run keeps within what a GPU has for it. Those that do not yet are named with the figure that is over;
// one that has been mended, or got worse, fails here until the list says so.
import { beforeAll, describe, expect, test } from 'vitest';
import type { Dispatch } from '../../src/gpu/cost.ts';
import { privateWords } from '../../src/gpu/private.ts';
import type { Kernel } from '../../src/gpu/program.ts';
import { workgroupBytes, worstConflict } from './banks.ts';
import { hardwareDispatches } from './kernels.ts';
import { parse } from './wgsl.ts';

interface Figures {
  /** Invocations of a workgroup: 32 are what runs in step, 256 what every device takes. */
  invocations: number;
  /** Bytes that they share: 16 KiB on every device. */
  shared: number;
  /** 32-bit words of variables an invocation: more than these spill. */
  private: number;
  /** Times that an access to shared memory is served for 32 invocations. */
  conflicts: number;
  /** Bytes of the text: what compiles within seconds. */
  wgsl: number;
  /** Storage buffers: 8 on every device. */
  buffers: number;
}

const LIMITS: { [K in keyof Figures]: (n: number) => boolean } = {
  invocations: (n) => n >= 32 && n <= 256,
  shared: (n) => n <= 16384,
  private: (n) => n <= 112,
  conflicts: (n) => n <= 2,
  wgsl: (n) => n <= 16384,
  buffers: (n) => n <= 8,
};

/** What is over, by kernel: the worst of all its forms. */
const KNOWN: Record<string, Partial<Figures>> = {
  blocks_forward8: { private: 290 },
  gemv: { conflicts: 8 },
  lowrank_down: { conflicts: 8 },
  lowrank_weight: { conflicts: 4 },
};

/** The kernel's file: without its constants and the format that it reads. */
const nameOf = ({ name }: Kernel) => name.split(' ')[0].replace(/_(f32|f16|bf16|q\d_\w)$/, '');

function figuresOf(e: Dispatch): Figures {
  const { linked } = e.kernel;
  const m = parse(linked.code);
  return {
    invocations: linked.workgroupSize.reduce((a, b) => a * b),
    shared: workgroupBytes(m),
    private: privateWords(linked),
    conflicts: worstConflict(m, e).ways,
    wgsl: linked.code.length,
    buffers: linked.bindings.filter((b) => b.kind !== 'uniform').length,
  };
}

describe('kernels of hardware', () => {
  let dispatches: Map<Kernel, Dispatch>;

  beforeAll(() => {
    dispatches = hardwareDispatches();
  });

  test('are all there', () => {
    const names = new Set([...dispatches.keys()].map(nameOf));
    for (const name of [
      'attention_tiled_forward',
      'gemm_half',
      'gemm_tile4',
      'gemm_plain',
      'gemv',
      'dora_scale',
      'adamw',
      'cache_write',
    ])
      expect([...names]).toContain(name);
    expect([...names].filter((name) => /packed|subgroup/.test(name))).toEqual([]); // what only software adapters run
  });

  test('keep within a GPU, but for those that are known not to', () => {
    const over: typeof KNOWN = {};
    for (const e of dispatches.values()) {
      const figures = figuresOf(e);
      for (const what of Object.keys(LIMITS) as (keyof Figures)[])
        if (!LIMITS[what](figures[what])) {
          const before = (over[nameOf(e.kernel)] ??= {})[what];
          const worse = what === 'invocations' && figures[what] < 32 ? Math.min : Math.max;
          over[nameOf(e.kernel)][what] = before === undefined ? figures[what] : worse(before, figures[what]);
        }
    }
    expect(over).toEqual(KNOWN);
  });
});
