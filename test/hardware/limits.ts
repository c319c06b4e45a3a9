// What a GPU has for a kernel, and what a kernel takes of it.

import type { Dispatch } from '../../src/gpu/cost.ts';
import { privateWords } from '../../src/gpu/private.ts';
import type { Kernel } from '../../src/gpu/program.ts';
import { workgroupBytes, worstConflict } from './banks.ts';
import { type Module, parse } from './wgsl.ts';

export interface Figures {
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

export const LIMITS: { [K in keyof Figures]: (n: number) => boolean } = {
  invocations: (n) => n >= 32 && n <= 256,
  shared: (n) => n <= 16384,
  private: (n) => n <= 112,
  conflicts: (n) => n <= 2,
  wgsl: (n) => n <= 16384,
  buffers: (n) => n <= 8,
};

const FORMAT = /_(f32|f16|bf16|q\d_\w)(?= |$)/;

/** The kernel's file: without its constants and the format that it reads. */
export const nameOf = ({ name }: Kernel) => name.replace(FORMAT, '').split(' ')[0];

/** Of one dispatch's kernel. */
export function figuresOf(e: Dispatch): Figures {
  const { linked } = e.kernel;
  const m = parse(linked.code);
  return {
    invocations: linked.workgroupSize.reduce((a, b) => a * b),
    shared: workgroupBytes(m),
    private: privateWords(linked),
    conflicts: conflictsOf(m, e),
    wgsl: linked.code.length,
    buffers: linked.bindings.filter((b) => b.kind !== 'uniform').length,
  };
}

const found = new Map<string, number>();

/** Formats of a product differ in how they are decoded, not in what is shared: one of them is followed for all. */
function conflictsOf(m: Module, e: Dispatch): number {
  const { name } = e.kernel;
  if (!/^gemm_/.test(name)) return worstConflict(m, e).ways;
  const like = name.replace(FORMAT, '');
  if (!found.has(like)) found.set(like, worstConflict(m, e).ways);
  return found.get(like)!;
}

/** The one of two figures that is further from what is wanted. */
export const worse = (what: keyof Figures, a: number, b: number) =>
  what === 'invocations' && Math.max(a, b) <= 256 ? Math.min(a, b) : Math.max(a, b);

/** What is over, by kernel: the worst of all its forms. */
export function overLimits(all: Iterable<Dispatch>): Record<string, Partial<Figures>> {
  const over: Record<string, Partial<Figures>> = {};
  for (const e of all) {
    const figures = figuresOf(e);
    for (const what of Object.keys(LIMITS) as (keyof Figures)[]) {
      if (LIMITS[what](figures[what])) continue;
      const of = (over[nameOf(e.kernel)] ??= {});
      of[what] = worse(what, of[what] ?? figures[what], figures[what]);
    }
  }
  return over;
}

/** The worst of all kernels, figure by figure. */
export function worstOf(all: Iterable<Dispatch>): Figures {
  const each = [...all].map(figuresOf);
  return each.reduce(
    (a, b) =>
      Object.fromEntries(
        (Object.keys(a) as (keyof Figures)[]).map((what) => [what, worse(what, a[what], b[what])]),
      ) as unknown as Figures,
  );
}
