// The memory of each phase of a run, planned from a described decoder; no GPU is needed.

import { likelihood } from '../eval/likelihood.ts';
import type { Bytes } from '../gpu/home.ts';
import type { Planning } from '../gpu/limits.ts';
import { type Plan, plan } from '../gpu/plan.ts';
import type { Build } from '../gpu/program.ts';
import { resident, type Tensor } from '../gpu/tensor.ts';
import { type Attached, type Method, trainableOf, type Warmup } from '../methods/method.ts';
import type { Decoder } from '../models/decoder.ts';
import { newOptimizerState, newResults } from '../ops/optimizer/gradnorm.ts';
import { newStream, type Sizes, type Stream } from '../ops/stream/stream.ts';
import { type OptimizerOptions, trainingOf } from './options.ts';
import { micro, update } from './programs.ts';

/** Programs of a phase, what they read and what they leave. */
export interface Phase {
  plan: Plan;
  stream: Stream;
  results: Tensor;
  /** The optimizer's scalars: part of what a checkpoint keeps. */
  state: Tensor;
  sizes: Sizes;
}

/** How a phase is planned, beside what trains. */
export interface PhaseOptions extends OptimizerOptions {
  sizes: Sizes;
  recompute: boolean;
}

/**
 * Training: programs `train` (a micro-batch), `update`, and `eval` where `evaluate` gives its largest batch. All share slots.
 * before: sees the gradients of a step ahead of the update. more: what else runs over the same inputs.
 */
export function planTraining(
  d: Decoder,
  { trained, after }: Pick<Attached, 'trained' | 'after'>,
  o: PhaseOptions,
  planning: Planning,
  evaluate?: Sizes,
  { before, finish, gathered = [], stream }: { before?: Build; finish?: Build; gathered?: Tensor[]; stream?: Stream } = {},
): Phase {
  const { sizes } = o;
  const inputs = stream ?? newStream(Math.max(sizes.N, evaluate?.N ?? 0), Math.max(sizes.M, evaluate?.M ?? 0));
  const [results, state] = [newResults(), newOptimizerState()];
  const parts = [
    { name: 'train', build: micro(d, inputs, { results, recompute: o.recompute, gradients: true }), dims: sizes },
    { name: 'update', build: update(trained, state, results, inputs, o, { before, after }), dims: {}, readback: results },
    ...(evaluate ? [evaluation(d, inputs, evaluate)] : []),
    ...(finish ? [{ name: 'finish', build: finish, dims: {} }] : []),
  ];
  const also = [...trained.flatMap((t) => (t.base ? [t.base] : [])), ...gathered].map((t) => t.home!);
  return { plan: plan(parts, planning, also), stream: inputs, results, state, sizes };
}

function evaluation(d: Decoder, stream: Stream, sizes: Sizes) {
  const logprob = resident('logprob', [sizes.M], 'other');
  return { name: 'eval', build: likelihood(d, stream, newResults(), logprob), dims: sizes, readback: logprob };
}

/** A warm-up: programs `warmup` (a micro-batch of a frozen model) or `train` and `update` (where it trains), and `finish`. */
export function planWarmup(d: Decoder, w: Warmup, stream: Stream, o: PhaseOptions, planning: Planning): Phase {
  const { finish, gathered, trains } = w;
  if (trains) return planTraining(d, trains.attached, o, planning, undefined, { ...trains, finish, gathered, stream });
  const results = newResults();
  const build = micro(d, stream, { results, recompute: o.recompute, gradients: w.gradients });
  const parts = [
    { name: 'warmup', build, dims: o.sizes, readback: results },
    ...(finish ? [{ name: 'finish', build: finish, dims: {} }] : []),
  ];
  const homes = gathered.map((t) => t.home!);
  return { plan: plan(parts, planning, homes), stream, results, state: results, sizes: o.sizes };
}

// --- a whole run by its plans -------------------------------------------------------------------------------------------

/** Planned bytes of one program. bound: the choice is not made yet, and no choice takes more. */
export interface Figures {
  bytes: Bytes;
  trainable: number;
  bound: boolean;
}

/** What a run will take: its largest batches, and how it trains. */
export interface PlanOptions extends PhaseOptions {
  evaluate?: Sizes;
}

/** Training by a method, its update and evaluation included. */
export const trainingFigures = (d: Decoder, method: Method, o: PlanOptions, planning: Planning): Figures =>
  withTraining(d, method, o, planning, ({ plan }, trainable) => ({
    bytes: plan.bytes,
    trainable,
    bound: method.choose !== undefined,
  }));

/** What a method chooses by; null where it reads no data for that. */
export const warmupFigures = (d: Decoder, method: Method, o: PlanOptions, planning: Planning): Figures | null =>
  withWarmup(d, method, o, planning, ({ plan }, trainable) => ({ bytes: plan.bytes, trainable, bound: false }));

/** Sees the plan of training by a method, and how many values train. The decoder must be one that nothing hangs on; it is left so. */
export function withTraining<T>(
  d: Decoder,
  method: Method,
  o: PlanOptions,
  planning: Planning,
  see: (phase: Phase, trainable: number) => T,
): T {
  const attached = method.attach(d, trainingOf(o, planning));
  const seen = see(planTraining(d, attached, o, planning, o.evaluate), trainableOf(attached));
  detach(attached);
  return seen;
}

/** The same of the warm-up before it; null where the method reads no data to choose. */
export function withWarmup<T>(
  d: Decoder,
  method: Method,
  o: PlanOptions,
  planning: Planning,
  see: (phase: Phase, trainable: number) => T,
): T | null {
  const stream = newStream(o.sizes.N, o.sizes.M);
  const warmup = method.warmup?.(d, stream, planning);
  if (!warmup) return null;
  const seen = see(planWarmup(d, warmup, stream, o, planning), warmup.trains ? trainableOf(warmup.trains.attached) : 0);
  warmup.off();
  return seen;
}

/** Bytes of the largest program of a run, warm-up included. */
export function runBytes(d: Decoder, method: Method, o: PlanOptions, planning: Planning): number {
  const warmup = warmupFigures(d, method, o, planning)?.bytes.total ?? 0;
  return Math.max(warmup, trainingFigures(d, method, o, planning).bytes.total);
}

function detach(attached: Attached): void {
  for (const { weight } of attached.hooks) weight.trains = null;
  attached.settle?.();
}
