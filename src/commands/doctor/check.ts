// What a self-test is: data. Inputs, the work that a program would append, and what f64 on the host makes of the same numbers.

import type { Planning } from '../../gpu/limits.ts';
import type { Dims, Program } from '../../gpu/program.ts';
import { resident, type Tensor } from '../../gpu/tensor.ts';
import { random } from '../../random.ts';

export interface Check {
  /** The op and its form. */
  name: string;
  /** What to plan with for this form; where it does not say, the adapter's defaults in full precision. */
  planning?(of: Planning): Planning;
  /** What this form wants of an adapter that does not have it. */
  lacks?(planning: Planning): string | undefined;
  make(planning: Planning): Made;
}

export interface Made {
  /** Sizes of the program. */
  dims?: Dims;
  inputs: Input[];
  /** Appends the work; answers the tensors to look at, in the order of `want`. What is no input holds NaN until it is written. */
  build(p: Program): Tensor[];
  want: Wanted[];
}

export type Input = readonly [Tensor, ArrayBufferView<ArrayBuffer>];

/** Values of an output, and how far element i may be off. */
export interface Wanted {
  values: Float64Array;
  bound(i: number): number;
}

/** The relative error of one rounding to f32. */
export const ULP = 2 ** -24;

/** All within this share of the largest. */
export function near(values: Float64Array, share: number): Wanted {
  const most = values.reduce((m, v) => Math.max(m, Math.abs(v)), 1e-30);
  return { values, bound: () => share * most };
}

/** Numbers of [-1, 1), the same for the same seed. */
export function noise(n: number, seed: number): Float32Array<ArrayBuffer> {
  const next = random(seed);
  return Float32Array.from({ length: n }, () => next() / 2 ** 31 - 1);
}

/** A resident tensor and what it holds. */
export function given<T extends Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>>(
  name: string,
  shape: number[],
  data: T,
): readonly [Tensor, T] {
  return [resident(name, shape, 'other', data instanceof Uint32Array ? 'u32' : 'f32'), data];
}

/** A resident tensor of noise. */
export const noisy = (name: string, shape: number[], seed: number) =>
  given(
    name,
    shape,
    noise(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
  );

/** A resident tensor of zeros. */
export const zeros = (t: Tensor): Input => [t, new Uint8Array(t.bytes)];
