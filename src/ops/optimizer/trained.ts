// What the optimizer moves: values with their gradients and moments. Tensors that are moved alike lie in arenas, so that one dispatch
// moves many; how they are moved is adamw.ts.

import type { Memory } from '../../gpu/scope.ts';
import { arena, elementsOf, resident, type Tensor, write } from '../../gpu/tensor.ts';

/** What trains, with its gradient and moments: f32, of one shape. A tied tensor is listed once. */
export interface Trained {
  name: string;
  value: Tensor;
  grad: Tensor;
  m: Tensor;
  v: Tensor;
  /** Values that train: fewer than the tensor's where it pads several. */
  count: number;
  /** Whether weight decay acts on it: 2-D tensors only. */
  decay: boolean;
  /** Where the value is a difference: what it is added to; decay then acts on the sum. */
  base?: Tensor;
}

/** A tensor that trains, with fresh moments. base: what a difference is added to. */
export function newTrained(
  value: Tensor,
  grad: Tensor,
  { decay, base, count = elementsOf(value.shape) }: { decay: boolean; base?: Tensor; count?: number },
): Trained {
  const moment = (name: string) => resident(`${value.name}.${name}`, value.shape, 'moments');
  return { name: value.name, value, grad, m: moment('m'), v: moment('v'), count, decay, base };
}

/** A tensor on its way into an arena. */
export interface Part {
  value: Tensor;
  grad: Tensor;
  base?: Tensor;
}

/**
 * Tensors, not yet allocated, that are moved alike: laid together in as few arenas as bindings of `most` bytes allow. They stay what
 * they were, views of these; of the values, gradients and bases each has the same place in its arena.
 */
export function trainedTogether(
  name: string,
  parts: readonly Part[],
  { decay, most }: { decay: boolean; most: number },
): Trained[] {
  const values = lay(
    name,
    parts.map((p) => p.value),
    most,
  );
  const grads = lay(
    `${name}.grad`,
    parts.map((p) => p.grad),
    most,
  );
  const bases = lay(
    `${name}.base`,
    parts.flatMap((p) => p.base ?? []),
    most,
  );
  return values.map((value, i) => {
    const own = parts.filter((p) => p.value.home === value.home);
    const count = own.reduce((n, p) => n + elementsOf(p.value.shape), 0);
    return newTrained(value, grads[i], { decay, base: bases[i], count });
  });
}

/** Moves tensors into arenas, and gives these. */
function lay(name: string, tensors: readonly Tensor[], most: number): Tensor[] {
  if (!tensors.length) return [];
  const { whole, parts } = arena(name, tensors, tensors[0].role, most);
  for (const [i, t] of tensors.entries()) {
    t.home = parts[i].home;
    t.start = parts[i].start;
  }
  return whole;
}

/** Writes what there is before the first step: no moments. */
export function begin(memory: Memory, trained: readonly Trained[]): void {
  for (const { m, v } of trained) for (const t of [m, v]) write(memory, t, new Uint8Array(t.bytes));
}
