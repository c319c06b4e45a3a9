// What the optimizer moves: values with their gradients and moments. Tensors that are moved alike lie in arenas, so that one dispatch
// moves many; how they are moved is adamw.ts and muon.ts.

import type { Memory } from '../../gpu/scope.ts';
import { arena, elementsOf, resident, type Tensor, write } from '../../gpu/tensor.ts';
import { SCALARS } from '../stream/stream.ts';

/** What trains, with its gradient and moments: f32, of one shape. A tied tensor is listed once. */
export interface Trained {
  name: string;
  value: Tensor;
  grad: Tensor;
  m: Tensor;
  /** AdamW's second moment; there is none where Muon moves the matrices. */
  v?: Tensor;
  /** What Muon moves, one by one. */
  matrices?: Matrices;
  /** What lies in it, in order: the value itself where that is not an arena. */
  parts: readonly Tensor[];
  /** Values that train: fewer than the tensor's where it pads several. */
  count: number;
  /** Whether weight decay acts on it: 2-D tensors only. */
  decay: boolean;
  /** Where the value is a difference: what it is added to; decay then acts on the sum. */
  base?: Tensor;
  /** Moves at a learning rate of its own, which a step has beside the run's. */
  ownRate?: true;
}

/** Matrices packed in an arena, those of a shape one behind the other in `items`: the element each begins at, and the size of its step (f32). */
export interface Matrices {
  items: Tensor;
  words: Uint32Array<ArrayBuffer>;
  shapes: { rows: number; cols: number; first: number; n: number }[];
}

/** A tensor that AdamW trains, with fresh moments. base: what a difference is added to. */
export function newTrained(
  value: Tensor,
  grad: Tensor,
  { decay, base, parts = [value] }: { decay: boolean; base?: Tensor; parts?: readonly Tensor[] },
): Trained {
  const [m, v] = [momentOf(value, 'm'), momentOf(value, 'v')];
  return { name: value.name, value, grad, m, v, parts, count: countOf(parts), decay, base };
}

const countOf = (parts: readonly Tensor[]) => parts.reduce((n, t) => n + elementsOf(t.shape), 0);

const momentOf = (value: Tensor, name: string) => resident(`${value.name}.${name}`, value.shape, 'moments');

/** What the optimizer keeps of it between steps. */
export const momentsOf = ({ m, v }: Trained): Tensor[] => (v ? [m, v] : [m]);

/** Where among a step's scalars its learning rate is. */
export const rateOf = ({ ownRate }: Trained) => (ownRate ? SCALARS.ownLr : SCALARS.lr);

/** A tensor on its way into an arena. */
export interface Part {
  value: Tensor;
  grad: Tensor;
  base?: Tensor;
  /** The n matrices [rows, cols] that it packs, and the size of their steps beside 1, where Muon is to move them. */
  matrices?: { n: number; rows: number; cols: number; scale: number };
}

/**
 * Tensors, not yet allocated, that are moved alike, by Muon where they say of which matrices they are: laid together in as few arenas
 * as bindings of `most` bytes allow. They stay what they were, views of these; of the values, gradients and bases each has the same place.
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
    const within = own.map((p) => p.value);
    if (!own[0].matrices) return newTrained(value, grads[i], { decay, base: bases[i], parts: within });
    const { name } = value;
    return {
      name,
      value,
      grad: grads[i],
      m: momentOf(value, 'm'),
      matrices: matricesIn(name, own),
      parts: within,
      count: countOf(within),
      decay,
      base: bases[i],
    };
  });
}

/** Where the matrices of tensors in one arena lie, and how far each is to go: sqrt(longer side) times its scale. */
function matricesIn(name: string, parts: readonly Part[]): Matrices {
  const shapes: Matrices['shapes'] = [];
  const words: number[] = [];
  const bits = new Uint32Array(1);
  for (const shaped of byShape(parts)) {
    const { rows, cols } = shaped[0].matrices!;
    const first = words.length / 2;
    for (const { value, matrices } of shaped) {
      new Float32Array(bits.buffer)[0] = Math.sqrt(Math.max(rows, cols)) * matrices!.scale;
      for (let i = 0; i < matrices!.n; i++) words.push(value.start / 4 + i * rows * cols, bits[0]);
    }
    shapes.push({ rows, cols, first, n: words.length / 2 - first });
  }
  return { items: resident(`${name}.items`, [words.length], 'other', 'u32'), words: Uint32Array.from(words), shapes };
}

function byShape(parts: readonly Part[]): Part[][] {
  const shapes = new Map<string, Part[]>();
  for (const part of parts) {
    const key = `${part.matrices!.rows} ${part.matrices!.cols}`;
    shapes.set(key, [...(shapes.get(key) ?? []), part]);
  }
  return [...shapes.values()];
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

/** Writes what there is before the first step: no moments, and where matrices lie. */
export function begin(memory: Memory, trained: readonly Trained[]): void {
  for (const t of trained) {
    for (const moment of momentsOf(t)) write(memory, moment, new Uint8Array(moment.bytes));
    if (t.matrices) write(memory, t.matrices.items, t.matrices.words);
  }
}
