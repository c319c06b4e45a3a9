// The steps that are measured: forward alone, the warm-up, and a step of any method on a small model, set up as a run sets them up.

import { likelihood } from '../../eval/likelihood.ts';
import type { Gpu } from '../../gpu/device.ts';
import { planningOf } from '../../gpu/limits.ts';
import { plan } from '../../gpu/plan.ts';
import type { Entry } from '../../gpu/program.ts';
import { dispose, type Machine, prepare, replay } from '../../gpu/run.ts';
import { allocate, free, newScope, type Scope } from '../../gpu/scope.ts';
import { resident } from '../../gpu/tensor.ts';
import { type Base, type Method, type MuonScale, trainableOf } from '../../methods/method.ts';
import type { DecoderConfig } from '../../models/config.ts';
import { type Decoder, newDecoder } from '../../models/decoder.ts';
import { feed, feedScalars } from '../../models/inputs.ts';
import { newResults } from '../../ops/optimizer/gradnorm.ts';
import { begin } from '../../ops/optimizer/trained.ts';
import { newStream, type Sizes, type Stream } from '../../ops/stream/stream.ts';
import { planTraining, planWarmup } from '../../train/plans.ts';
import { fillDecoder, randomValues, someRows } from './model.ts';

/** What is measured: a method's step, the step of its warm-up, or without a method the forward alone. */
export interface StepKind {
  name: string;
  method?: Method;
  warmup?: boolean;
  /** Matrices move by Muon. */
  muon?: MuonScale;
  recompute?: boolean;
}

/** A step ready to run: `run` submits one and does not wait. */
export interface Step {
  kind: StepKind;
  machine: Machine;
  /** Programs of one step in their order, each with its sizes. */
  programs: { name: string; dims: Record<string, number> }[];
  entries: Entry[];
  trainable: number;
  /** Packed tokens, and (query, key) pairs that attention has to visit. */
  tokens: number;
  pairs: number;
  run(): void;
  free(): void;
}

/** AdamW as a run has it, with a learning rate so small that a measured model stays what it is. */
const OPTIMIZER = { betas: [0.9, 0.95] as const, eps: 1e-8, weightDecay: 0, clip: 1 };

/** Prepares a step of `rows` rows of T tokens. */
export async function prepareStep(gpu: Gpu, config: DecoderConfig, kind: StepKind, rows: number, T: number): Promise<Step> {
  const d = newDecoder(config, T, () => 'f32', gpu.limits.maxBinding);
  const scope = newScope(gpu.scope);
  fillDecoder(scope, d, randomValues(1));
  const batch = someRows(rows, T, config.vocab_size);
  const sizes = { N: batch.n, M: batch.m };
  const make = !kind.method ? forward : kind.warmup ? warmup : training;
  const { machine, stream, programs, trainable, sorted } = await make(gpu, d, kind, sizes, scope);
  feed(gpu.memory, stream, batch, sizes.N, sizes.M, sorted);
  feedScalars(gpu.memory, stream, { targets: batch.m, lr: 1e-6 });
  return {
    kind,
    machine,
    programs,
    entries: programs.flatMap(({ name }) => machine.plan.parts.get(name)!.largest.entries),
    trainable,
    tokens: batch.n,
    pairs: (rows * T * (T + 1)) / 2,
    run: () => programs.forEach(({ name, dims }) => replay(machine, name, dims)),
    free() {
      dispose(machine);
      free(scope);
    },
  };
}

interface Made {
  machine: Machine;
  stream: Stream;
  programs: Step['programs'];
  trainable: number;
  sorted: boolean;
}

async function forward(gpu: Gpu, d: Decoder, _: StepKind, sizes: Sizes, scope: Scope): Promise<Made> {
  const stream = newStream(sizes.N, sizes.M);
  const build = likelihood(d, stream, newResults(), resident('logprob', [sizes.M], 'other'));
  const made = plan([{ name: 'forward', build, dims: sizes }], planningOf(gpu.limits));
  const machine = await prepare(gpu, made, scope);
  return { machine, stream, programs: [{ name: 'forward', dims: sizes }], trainable: 0, sorted: false };
}

/** A step of a frozen warm-up. */
async function warmup(gpu: Gpu, d: Decoder, { method }: StepKind, sizes: Sizes, scope: Scope): Promise<Made> {
  const stream = newStream(sizes.N, sizes.M);
  const planning = planningOf(gpu.limits);
  const w = method!.warmup!(d, stream, planning)!;
  const phase = planWarmup(d, w, stream, { ...OPTIMIZER, sizes, recompute: false }, planning);
  const machine = await prepare(gpu, phase.plan, scope);
  return { machine, stream, programs: [{ name: 'warmup', dims: sizes }], trainable: 0, sorted: false };
}

/** A step of a method; what it would choose by data is where it needs most. */
async function training(
  gpu: Gpu,
  d: Decoder,
  { method, recompute = false, muon }: StepKind,
  sizes: Sizes,
  scope: Scope,
): Promise<Made> {
  const planning = planningOf(gpu.limits);
  const attached = method!.attach(d, { decays: false, muon, software: planning.software, most: planning.maxBinding });
  const { plan: planned, stream } = planTraining(d, attached, { ...OPTIMIZER, sizes, recompute }, planning);
  for (const t of attached.tensors) allocate(scope, t.home!);
  const machine = await prepare(gpu, planned, scope);
  begin(gpu.memory, attached.trained);
  await attached.fill({ gpu, planning, decoder: d } as Base); // without files: nothing asks for stored values here
  const programs = [
    { name: 'train', dims: sizes },
    { name: 'update', dims: {} },
  ];
  return { machine, stream, programs, trainable: trainableOf(attached), sorted: attached.sorted };
}
