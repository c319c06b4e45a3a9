// What a method of fine-tuning is: a value that says what of a model trains, how that is chosen, how it begins and what it becomes.
// A run calls it without knowing which it is. How rows become steps is not known here, nor what a layer looks like inside.

import type { Gpu } from '../gpu/device.ts';
import type { Planning } from '../gpu/limits.ts';
import type { Build } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import type { Adapter } from '../io/adapter.ts';
import type { Decoder } from '../models/decoder.ts';
import type { Trained } from '../ops/optimizer/trained.ts';
import type { Trains, Weight } from '../ops/stored/weight.ts';
import type { Stream } from '../ops/stream/stream.ts';
import type { BlockPlace, Line, Report } from '../report.ts';

/** A method with its settings. */
export interface Method {
  name: string;
  /** What decides its figures, as plain JSON: part of what tells two runs apart. */
  settings: Readonly<Record<string, unknown>>;
  /** The base itself trains, if only in a warm-up: dense f32 masters, written in place; the result is a model, not an adapter. */
  movesBase: boolean;
  /** Its gradients are products of whole matrices (to train or to score), which kernels are then chosen for. */
  wholeGradients: boolean;
  /** What it trains are values of the base's own matrices: the least that a step could move counts those matrices, and no more. */
  trainsWithin?: true;
  /** Peak learning rates where none is given. Absent where rates are not tried: then one is always given. */
  rates?: Rates;
  /** The peak learning rate then, where it is another than its kind's. */
  lr?: number;
  /** Throws where a model of these shapes cannot be trained so, in the words of the options. Before the run. */
  check(d: Decoder): void;
  /** The method with what trains chosen; null where the run was stopped meanwhile. Absent where nothing is left to choose. */
  choose?(c: Choosing): Promise<Method | null>;
  /** What `choose` reads the data by, put on the weights: for a plan of its memory. Null where it reads none. */
  warmup?(d: Decoder, stream: Stream, planning: Planning): Warmup | null;
  /** Lines that tell of what was chosen. */
  announce?(d: Decoder): Line[];
  /** Lines that tell why just that was chosen, while it is known. */
  explain?(d: Decoder): Line[];
  /** What has been chosen, as plain JSON, kept with checkpoints; `chosen` gives the method that goes on with it. */
  choice?: unknown;
  chosen?(choice: unknown): Method;
  /**
   * Puts on the weights what trains, or for null what an adapter only applies. Nothing is allocated, so a plan can be made of it;
   * while there is something left to choose, it takes no less memory than any choice will.
   */
  attach(d: Decoder, train: Training | null): Attached;
}

/** How what trains moves: element by element, or matrix by matrix with all directions alike (ops/optimizer). */
export const OPTIMIZERS = ['adamw', 'muon'] as const;
export type Optimizer = (typeof OPTIMIZERS)[number];

/** Sizes of Muon's steps: of a block alone, or over the root of the most chosen blocks in a strip of its matrix, where blocks add up. */
export const MUON_SCALES = ['block', 'strip'] as const;
export type MuonScale = (typeof MUON_SCALES)[number];

/** Where weight decay draws to: zero, as PyTorch's AdamW does, or the base, so that a difference shrinks (L2-SP, Li et al., 2018). */
export const DECAYS_TOWARD = ['zero', 'base'] as const;
export type DecayToward = (typeof DECAYS_TOWARD)[number];

/** Peak learning rates for 0.86 % of the matrices trained: by rule, and what trials are around, by optimizer. */
export interface Rates {
  fixed: number;
  centres: Readonly<Record<Optimizer, number>>;
}

/** What the optimizer is about to do that decides what is kept beside the trained values. */
export interface Training {
  /** Weight decay draws the effective weight, base and difference, to zero; else a difference alone, where there is any decay. */
  decays: boolean;
  /** Matrices move by Muon, by steps of this size; absent: by AdamW. */
  muon?: MuonScale;
  /** It runs by the kernels of software adapters, which some figures are kept for. */
  software: boolean;
  /** Bytes of the largest binding: what is moved alike lies in buffers of at most these. */
  most: number;
}

/** What a method has put on a model. */
export interface Attached {
  /** What the optimizer moves; empty where it is only applied. */
  trained: Trained[];
  /** The peak learning rate of those that have one of their own. */
  ownRate?: number;
  /** Elements of the matrices that it trains something of. */
  of: number;
  /** Where it hangs: taken off and put back by `takeOff` and `putOn`. */
  hooks: { weight: Weight; trains: Trains }[];
  /** Tensors that live as long as it hangs on the model, beside the model's own. */
  tensors: Tensor[];
  /** Tensors that `fill` needs, and without training nobody after it. */
  scratch: Tensor[];
  /** The embedding trains, so tokens are fed sorted by id too. */
  sorted: boolean;
  /** Writes the first values, or a saved adapter's, into allocated tensors. */
  fill(base: Base): Promise<void>;
  /** Follows every update: what depends on the values just moved. */
  after?: Build;
  /** The same at once, where the host has written values. */
  refresh?(base: Base): Promise<void>;
  /**
   * What it has become; null where all that trained is the base itself. hashes: with the sums of the base's matrices, by which another
   * base is noticed; there are none to note where the base has moved.
   */
  adapter(base: Base, hashes: boolean): Promise<Adapter | null>;
  /** Lines about what it has become. */
  told?(base: Base): Promise<Line[]>;
  /** Sets blocks to nothing on the device, as if they had never moved; what it answers puts back every bit. */
  without?(base: Base, blocks: readonly BlockPlace[]): Promise<() => void>;
  /** Ends the training: what trained in place is the frozen base again. */
  settle?(): void;
}

/** A model on a device, as far as a method may know it. */
export interface Base {
  gpu: Gpu;
  planning: Planning;
  decoder: Decoder;
  /** Rows r0 <= r < r1 of a matrix in f32 as the device holds its stored part, a few at a time. */
  values(w: Weight, r0?: number, r1?: number): AsyncIterable<Float32Array<ArrayBuffer>>;
  /** SHA-256 of a matrix's f32 values. */
  sha256(w: Weight): Promise<string>;
}

/** What a run lets a method choose by. */
export interface Choosing {
  base: Base;
  /** Reads the data with what `make` puts on the weights; null where the run was stopped meanwhile. */
  warmUp(make: (d: Decoder, stream: Stream, planning: Planning) => Warmup): Promise<Gathered | null>;
  report: Report;
  /** Hears of the scores of all blocks, where it chooses by such. */
  scored?(scores: BlockScores): void;
}

/** Scores of the b x b blocks of matrices [rows / b, cols / b], row-major, by weight name. */
export interface BlockScores {
  block: number;
  maps: ReadonlyMap<string, Float32Array>;
}

/** A pass over some of the data in which figures are gathered. */
export interface Warmup {
  /** Micro-batches to read; optimizer steps where something trains. Fewer where the data is shorter. */
  steps: number;
  /** Backward too. */
  gradients: boolean;
  /** What is gathered: zeroed first, read after the last step. */
  gathered: Tensor[];
  /** Once after the last step. */
  finish?: Build;
  /** Trains meanwhile, at the run's peak learning rate, and stays moved. `before` sees each step's gradients before they are clipped. */
  trains?: { attached: Attached; before: Build };
  /** Takes off the weights what was put on them. */
  off(): void;
}

/** What a warm-up gathered, and over how many tokens. */
export interface Gathered {
  tokens: number;
  of(t: Tensor): Float32Array<ArrayBuffer>;
}

/** A method as it can be asked for: the list of them is index.ts. S: its settings. */
export interface MethodKind<S> {
  name: string;
  /** One line for --help. */
  help: string;
  /** Peak learning rate where none is given and none found by trial, and betas. */
  lr: number;
  betas: readonly [number, number];
  /** Where rates can be found by trial. */
  rates?: Rates;
  /** The optimizers that it can be moved by, its default first. */
  optimizers: readonly Optimizer[];
  /** Options of the table that say something to this method; to the others they are a contradiction. */
  takes: readonly string[];
  /** What is not said has the method's defaults. */
  make(settings: Partial<S>): Method;
  /** Of a method whose result is an adapter: what a saved one says of the options, and the method that goes on from it or applies it. */
  adapters?: {
    words(a: Adapter): Record<string, unknown>;
    from(a: Adapter, settings?: Partial<S>): Method;
  };
  /** Options under which it trains about so many parameters; a text where it has none near enough. Absent: its size is given. */
  sized?(d: Decoder, settings: Partial<S>, parameters: number): { options: Record<string, unknown>; trainable: number } | string;
}

/** Takes what is attached off the weights: the model is its base again. */
export function takeOff({ hooks }: Attached): void {
  for (const { weight } of hooks) weight.trains = null;
}

/** Puts it back. */
export function putOn({ hooks }: Attached): void {
  for (const { weight, trains } of hooks) weight.trains = trains;
}

/** Number of values that train. */
export const trainableOf = ({ trained }: Attached) => trained.reduce((n, t) => n + t.count, 0);
