// A step as a program: ops append dispatches over virtual tensors; nothing here touches a GPU.
// Each op states its backward beside its forward by pushing it on the tape; `backward` unwinds the tape.
// A program is traced once for its largest sizes (from that trace the plan is made) and again for each smaller size in use:
// the traces must agree in everything but numbers, so that all sizes share slots, pipelines and bind groups.

import type { Entry, Kernel, Work } from './entry.ts';
import type { Planning } from './limits.ts';
import { link } from './link.ts';
import { elementsOf, type Role, sizeOf, type Tensor } from './tensor.ts';

export type { Entry, Grid, Kernel } from './entry.ts';

/** Sizes that may change from step to step (N packed tokens, M targets, ...). */
export type Dims = Record<string, number>;

export interface Program {
  name: string;
  dims: Dims;
  /** 1: gradients and losses are added to those of the micro-batches before; 0: they are written. */
  accumulate: 0 | 1;
  planning: Planning;
  entries: Entry[];
  /** Virtual tensors in order of creation; slots are assigned by this order. */
  temps: Tensor[];
  /** What was decided in the largest trace and is repeated in every other. */
  decisions: unknown[];
  decided: number;
  /** Whether this is another trace than the largest. */
  repeats: boolean;
  tape: (() => void)[];
  grads: Map<Tensor, Tensor>;
  /** Resident gradients that this trace has put something into. */
  written: Set<Tensor>;
  /** Tensors through which a gradient must flow. */
  needs: Set<Tensor>;
  /** Recipes for tensors that the backward makes again instead of keeping. */
  recipes: Map<Tensor, () => Tensor>;
  /** Tensors that a backward to come makes again beside its gradient, and who waits for them. */
  awaited: Map<Tensor, ((t: Tensor) => void)[]>;
  label: string;
  /** The step's scalars, where something in it may be random (a training step): they number the pass. Null elsewhere. */
  random: Tensor | null;
}

/** A function that traces itself into a program. */
export type Build = (p: Program) => void;

/** Traces `build` for `dims`; `largest` is the trace whose decisions and slots must be repeated. */
export function trace(
  name: string,
  build: Build,
  dims: Dims,
  planning: Planning,
  { accumulate = 0, largest }: { accumulate?: 0 | 1; largest?: Program } = {},
): Program {
  const p: Program = {
    name,
    dims,
    accumulate,
    planning,
    entries: [],
    temps: [],
    decisions: largest?.decisions ?? [],
    decided: 0,
    repeats: largest !== undefined,
    tape: [],
    grads: new Map(),
    written: new Set(),
    needs: new Set(),
    recipes: new Map(),
    awaited: new Map(),
    label: '',
    random: null,
  };
  build(p);
  if (!largest) return p;
  mustAgree(p, largest);
  p.temps.forEach((t, i) => (t.slot = largest.temps[i].slot));
  return p;
}

/** A decision that every trace of a program must repeat: taken in the largest trace, remembered for the others. */
export function decide<T>(p: Program, take: () => T): T {
  if (!p.repeats) p.decisions.push(take());
  return p.decisions[p.decided++] as T;
}

const kernels = new Map<string, Kernel>();

/** The kernel made of `parts` with `consts`; linked once. */
export function kernel(name: string, parts: readonly string[], consts: Record<string, number | boolean> = {}): Kernel {
  const key = [name, ...Object.entries(consts).map(([k, v]) => `${k}=${v}`)].join(' ');
  const id = `${key}\n${parts.join('\n')}`;
  let k = kernels.get(id);
  if (!k) kernels.set(id, (k = { name: key, linked: link([...parts], consts) }));
  return k;
}

/** A new temporary; its first use must write it. */
export function temp(
  p: Program,
  name: string,
  shape: readonly number[],
  role: Role = 'temporaries',
  dtype: 'f32' | 'u32' = 'f32',
): Tensor {
  const t: Tensor = {
    name: p.label ? `${p.label}.${name}` : name,
    shape,
    dtype,
    bytes: sizeOf(shape),
    role,
    home: null,
    start: 0,
  };
  p.temps.push(t);
  return t;
}

/** Work that is not said: no FLOPs, and every operand once in full. */
export interface Cost extends Partial<Work> {
  label?: string;
}

/** Appends one dispatch. Tensors and params go by the names in the WGSL; one missing, or one too many, is an error. */
export function run(
  p: Program,
  k: Kernel,
  bind: Record<string, Tensor>,
  params: Record<string, number>,
  grid: readonly number[],
  cost: Cost = {},
): void {
  const tensors = k.linked.bindings
    .filter((b) => b.kind !== 'uniform')
    .map((b) => bind[b.name] ?? missing(k, b.name, Object.keys(bind)));
  if (tensors.length !== Object.keys(bind).length)
    tooMany(
      k,
      Object.keys(bind),
      k.linked.bindings.map((b) => b.name),
    );
  const fields = k.linked.params.filter((f) => f.name !== 'origin');
  const values = fields.map((f) => params[f.name] ?? missing(k, f.name, Object.keys(params)));
  if (values.length !== Object.keys(params).length)
    tooMany(
      k,
      Object.keys(params),
      fields.map((f) => f.name),
    );
  oneUse(k, tensors);
  const bytes = cost.bytes ?? [...new Set(tensors)].reduce((sum, t) => sum + t.bytes, 0);
  p.entries.push({
    op: 'run',
    label: cost.label ?? (p.label ? `${p.label} ${k.name}` : k.name),
    kernel: k,
    bind: tensors,
    params: values,
    grid: [grid[0] ?? 1, grid[1] ?? 1, grid[2] ?? 1],
    flops: cost.flops ?? 0,
    bytes,
    product: cost.product,
    reads: cost.reads,
  });
}

/** to[toAt ...] = from[fromAt ...], in elements; the whole of `from` where no count is given. */
export function copy(p: Program, from: Tensor, to: Tensor, fromAt = 0, toAt = 0, count?: number): void {
  const bytes = (count ?? elementsOf(from.shape)) * 4;
  p.entries.push({ op: 'copy', from, to, fromAt: fromAt * 4, toAt: toAt * 4, bytes });
}

/** Sets a tensor to zero. */
export function clear(p: Program, to: Tensor): void {
  p.entries.push({ op: 'clear', to });
}

// --- the tape ---------------------------------------------------------------------------------------------------------

/** States the backward of what was just appended. */
export function onBackward(p: Program, emit: () => void): void {
  const label = p.label;
  p.tape.push(() => {
    p.label = label;
    emit();
  });
}

/** Appends the backward of everything on the tape. Gradients of the outputs must have been set. */
export function backward(p: Program): void {
  while (p.tape.length) p.tape.pop()!();
}

/** Marks `out` as depending on something that trains, if any of `from` does or `trains` says so. */
export function flows(p: Program, out: Tensor, from: readonly Tensor[], trains = false): boolean {
  const yes = trains || from.some((t) => p.needs.has(t));
  if (yes) p.needs.add(out);
  return yes;
}

export function gradOf(p: Program, t: Tensor): Tensor | undefined {
  return p.grads.get(t);
}

/** Hands a finished gradient over: the buffer of `g` now is the gradient of `t`. */
export function giveGrad(p: Program, t: Tensor, g: Tensor): void {
  if (p.grads.has(t)) throw new Error(`gradient of ${t.name} given twice: add to it instead`);
  p.grads.set(t, g);
}

/** Where to put a contribution to the gradient of `t`: a new tensor to write, or the existing one to add to. */
export function intoGrad(p: Program, t: Tensor): { into: Tensor; accumulate: 0 | 1 } {
  const have = p.grads.get(t);
  if (have) return { into: have, accumulate: 1 };
  const into = temp(p, `d_${t.name}`, t.shape);
  p.grads.set(t, into);
  return { into, accumulate: 0 };
}

/**
 * How a contribution goes into a resident gradient: 0 writes, 1 adds. The first of a program writes, unless the micro-batch adds
 * to those before it.
 */
export function adds(p: Program, grad: Tensor): 0 | 1 {
  const first = !p.written.has(grad);
  p.written.add(grad);
  return first ? p.accumulate : 1;
}

// --- checks -----------------------------------------------------------------------------------------------------------

function missing(k: Kernel, name: string, got: string[]): never {
  throw new Error(`kernel ${k.name}: expected ${name}, got only ${got.join(', ')}`);
}

function tooMany(k: Kernel, got: string[], expected: string[]): never {
  throw new Error(
    `kernel ${k.name}: ${got.filter((n) => !expected.includes(n)).join(', ')} is not in its WGSL (${expected.join(', ')})`,
  );
}

/** WebGPU refuses a buffer that one dispatch both reads and writes, or writes by two bindings. */
function oneUse(k: Kernel, tensors: Tensor[]): void {
  const part = tensors.find((t) => t.of);
  if (part) throw new Error(`kernel ${k.name}: ${part.name} is columns of ${part.of!.t.name}, which is what is bound`);
  const kinds = k.linked.bindings.filter((b) => b.kind !== 'uniform');
  for (let i = 0; i < tensors.length; i++)
    for (let j = 0; j < i; j++) {
      const same = tensors[i] === tensors[j] || (tensors[i].home && tensors[i].home === tensors[j].home);
      if (same && (kinds[i].kind === 'read_write' || kinds[j].kind === 'read_write'))
        throw new Error(
          `kernel ${k.name}: ${tensors[i].name} is bound twice, once for writing (${kinds[i].name}, ${kinds[j].name})`,
        );
    }
}

function mustAgree(p: Program, largest: Program): void {
  const same =
    p.entries.length === largest.entries.length &&
    p.temps.length === largest.temps.length &&
    p.entries.every((e, i) => {
      const l = largest.entries[i];
      return e.op === l.op && (e.op !== 'run' || l.op !== 'run' || (e.kernel === l.kernel && e.bind.length === l.bind.length));
    });
  if (!same)
    throw new Error(
      `program ${p.name}: the trace for ${JSON.stringify(p.dims)} differs from the largest one in more than numbers`,
    );
  p.temps.forEach((t, i) => {
    if (t.bytes > largest.temps[i].bytes)
      throw new Error(
        `program ${p.name}: ${t.name} is larger for ${JSON.stringify(p.dims)} than for ${JSON.stringify(largest.dims)}`,
      );
  });
}
