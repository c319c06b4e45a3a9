// What programs cost, counted from their traces: no GPU, and nothing of what networks are. What a trace says of each dispatch is
// Work (entry.ts); the least that a step could cost, and how long it takes, are known above.

import type { Entry, Kernel } from './entry.ts';
import { doneFlops, firstPace, scaled } from './pace.ts';
import type { Part } from './plan.ts';
import { privateWords } from './private.ts';
import { makeTable, submitsOf } from './table.ts';

export type Dispatch = Extract<Entry, { op: 'run' }>;

/** Figures of some programs that run one after the other. */
export interface Counted {
  dispatches: number;
  pipelines: number;
  /** Queue submits on a device whose speed is not known yet. */
  submits: number;
  /** As done, tiles filled up; and what the results need. */
  flops: number;
  flops_needed: number;
  /** Every operand once a dispatch. */
  bytes: number;
  /** Products with fewer than 64 workgroups, and their sum not split either. */
  small_grids: number;
  /** FLOPs of products with their tiles filled, over what is needed. */
  padded_share: number;
  /** The most 32-bit words that an invocation keeps in variables. */
  private_floats: number;
  /** Invocations of the smallest workgroup. */
  min_workgroup: number;
  /** The longest text of a pipeline. */
  wgsl_bytes: number;
  /** Most FLOPs first, then most bytes. */
  by_kernel: { name: string; dispatches: number; flops: number; bytes: number }[];
}

/** Fewer workgroups than these leave a GPU's cores without work. */
const FEW_GROUPS = 64;

/** The figures of planned programs. */
export function countCost(parts: readonly Part[]): Counted {
  const all = parts.flatMap(dispatchesOf);
  const kernels = [...new Set(all.map((e) => e.kernel))];
  const products = all.filter((e) => e.product);
  const padded = sum(products, (e) => e.product!.padded);
  return {
    dispatches: sum(
      parts,
      (part) => tableOf(part, scaled(paceOf(part), Number.POSITIVE_INFINITY)).steps.filter((s) => s.grid).length,
    ),
    pipelines: kernels.length,
    submits: sum(parts, (part) => submitsOf(tableOf(part), paceOf(part)).length),
    flops: sum(all, doneFlops),
    flops_needed: sum(all, (e) => e.flops),
    bytes: sum(all, (e) => e.bytes),
    small_grids: products.filter((e) => volume(e) < FEW_GROUPS && e.product!.split < 2).length,
    padded_share: padded ? padded / sum(products, (e) => e.flops) : 1,
    private_floats: Math.max(0, ...kernels.map((k) => privateWords(k.linked))),
    min_workgroup: Math.min(...kernels.map(invocationsOf)),
    wgsl_bytes: Math.max(0, ...kernels.map((k) => k.linked.code.length)),
    by_kernel: byKernel(all),
  };
}

/** The dispatches of a planned program that do anything. */
export const dispatchesOf = (part: Part): Dispatch[] =>
  part.largest.entries.filter((e): e is Dispatch => e.op === 'run' && volume(e) > 0);

const invocationsOf = ({ linked }: Kernel) => linked.workgroupSize.reduce((a, b) => a * b);
const volume = ({ grid }: Dispatch) => grid[0] * grid[1] * grid[2];
const paceOf = ({ largest }: Part) => firstPace(largest.planning.software);
const tableOf = (part: Part, pace = paceOf(part)) => makeTable(part, part.largest.dims, 0, pace);

function byKernel(all: Dispatch[]): Counted['by_kernel'] {
  const rows = new Map<Kernel, Counted['by_kernel'][number]>();
  for (const e of all) {
    const row = rows.get(e.kernel) ?? { name: e.kernel.name, dispatches: 0, flops: 0, bytes: 0 };
    rows.set(e.kernel, row);
    row.dispatches++;
    row.flops += doneFlops(e);
    row.bytes += e.bytes;
  }
  return [...rows.values()].sort((a, b) => b.flops - a.flops || b.bytes - a.bytes);
}

export const sum = <T>(list: readonly T[], of: (x: T) => number): number => list.reduce((n, x) => n + of(x), 0);
