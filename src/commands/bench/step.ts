// The steps that are measured: forward alone, and every method's training of one small model, set up exactly as a run sets them up.

import { likelihood } from '../../eval/likelihood.ts';
import type { Gpu } from '../../gpu/device.ts';
import { planningOf } from '../../gpu/limits.ts';
import { plan } from '../../gpu/plan.ts';
import type { Build, Entry } from '../../gpu/program.ts';
import { type Machine, prepare, replay } from '../../gpu/run.ts';
import { free, newScope, type Scope } from '../../gpu/scope.ts';
import { elementsOf, resident, write } from '../../gpu/tensor.ts';
import { trainAll } from '../../methods/full.ts';
import { attachFactors, fillFactors, type RankedMatrix, rescale, trainedFactors } from '../../methods/lora.ts';
import { fillBlocks, trainedBlocks } from '../../methods/smt/blocks.ts';
import { blockCount } from '../../methods/smt/select.ts';
import { type Decoder, type DecoderConfig, type Module, newDecoder, parametersOf } from '../../models/decoder.ts';
import { feed, feedScalars } from '../../models/inputs.ts';
import { newScorer, scoresGradient } from '../../ops/blocks/score.ts';
import type { Trained } from '../../ops/optimizer/adamw.ts';
import { newResults } from '../../ops/optimizer/gradnorm.ts';
import { newStream, type Sizes } from '../../ops/stream/stream.ts';
import { attach, boundSelection, matrixParameters, targetsOf } from '../../train/attach.ts';
import { planTraining } from '../../train/plans.ts';
import { planWarmup } from '../../train/warmup.ts';
import { fillDecoder, randomValues, someRows } from './model.ts';

/** smt and its like: 0.84 % of the model in blocks of 32; smt little and smt much: 0.1 and 5 % of q, k, v; absmean, absofmean: warm-up. */
export type StepKind = 'forward' | 'smt' | 'full' | 'lora' | 'dora' | 'recompute' | 'smt little' | 'smt much' | Warmup;
type Warmup = 'absmean' | 'absofmean';

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
const OPTIMIZER = { betas: [0.9, 0.95] as const, eps: 1e-8, weightDecay: 0, clip: 1, recompute: false };

/** Prepares a step of `rows` rows of T tokens. */
export async function prepareStep(gpu: Gpu, config: DecoderConfig, kind: StepKind, rows: number, T: number): Promise<Step> {
  const d = newDecoder(config, T, () => 'f32', gpu.limits.maxBinding);
  const scope = newScope(gpu.scope);
  fillDecoder(scope, d, randomValues(1));
  const batch = someRows(rows, T, config.vocab_size);
  const sizes = { N: batch.n, M: batch.m };
  const { machine, stream, programs, trainable } = await (kind === 'forward'
    ? forward(gpu, scope, d, sizes)
    : kind === 'absmean' || kind === 'absofmean'
      ? warmup(gpu, scope, d, kind, sizes)
      : training(gpu, scope, d, kind, sizes));
  feed(gpu.memory, stream, batch, sizes.N, sizes.M, kind === 'full');
  feedScalars(gpu.memory, stream, batch.m, 1e-6);
  return {
    kind,
    machine,
    programs,
    entries: programs.flatMap(({ name }) => machine.plan.parts.get(name)!.largest.entries),
    trainable,
    tokens: batch.n,
    pairs: (rows * T * (T + 1)) / 2,
    run: () => programs.forEach(({ name, dims }) => replay(machine, name, dims)),
    free: () => free(scope),
  };
}

async function forward(gpu: Gpu, scope: Scope, d: Decoder, sizes: Sizes) {
  const stream = newStream(sizes.N, sizes.M);
  const build = likelihood(d, stream, newResults(), resident('logprob', [sizes.M], 'other'));
  const made = plan([{ name: 'forward', build, dims: { ...sizes } }], planningOf(gpu.limits));
  return { machine: await prepare(gpu, made, scope), stream, programs: [{ name: 'forward', dims: { ...sizes } }], trainable: 0 };
}

/** A step of the frozen warm-up over q, k, v of every layer. */
async function warmup(gpu: Gpu, scope: Scope, d: Decoder, score: Warmup, sizes: Sizes) {
  const stream = newStream(sizes.N, sizes.M);
  const weights = targetsOf(d, QKV).map((t) => d.layers[t.layer].matrices[t.module as Module]);
  const scorers = weights.map((w) => newScorer(w, BLOCK, score, gpu.limits.maxBinding));
  for (const s of scorers) s.weight.trains = scoresGradient(s);
  const gathered = scorers.map((s) => s.map);
  const made = planWarmup(d, { sizes, stream, recompute: false, gradients: true, gathered }, planningOf(gpu.limits));
  return { machine: await prepare(gpu, made, scope), stream, programs: [{ name: 'warmup', dims: { ...sizes } }], trainable: 0 };
}

type Training = Exclude<StepKind, 'forward' | Warmup>;

async function training(gpu: Gpu, scope: Scope, d: Decoder, kind: Training, sizes: Sizes) {
  const { trained, fill, after } = attached(gpu, d, kind);
  const phase = planTraining(
    d,
    trained,
    sizes,
    { ...OPTIMIZER, recompute: kind === 'recompute' },
    planningOf(gpu.limits),
    undefined,
    {
      after,
    },
  );
  const machine = await prepare(gpu, phase.plan, scope);
  for (const t of trained) zero(gpu, t);
  await fill();
  const programs = [
    { name: 'train', dims: { ...sizes } },
    { name: 'update', dims: {} },
  ];
  return {
    machine,
    stream: phase.stream,
    programs,
    trainable: trained.reduce((n, t) => n + elementsOf(t.value.shape), 0),
  };
}

interface Attached {
  trained: Trained[];
  fill(): Promise<void>;
  /** Follows every update. */
  after?: Build;
}

function attached(gpu: Gpu, d: Decoder, kind: Exclude<StepKind, 'forward'>): Attached {
  if (kind === 'full') return { trained: trainAll(parametersOf(d)), fill: async () => {} };
  if (kind === 'lora' || kind === 'dora') return lowRank(gpu, d, kind);
  const matrices = sparse(d, kind);
  return { trained: trainedBlocks(matrices, false), fill: async () => matrices.forEach((m) => fillBlocks(gpu.memory, m)) };
}

/** Factors on q, k, v of every layer, of the rank that comes nearest to what SMT trains. */
function lowRank(gpu: Gpu, d: Decoder, method: 'lora' | 'dora'): Attached {
  const weights = targetsOf(d, QKV).map((t) => d.layers[t.layer].matrices[t.module as Module]);
  const ofRank1 = weights.reduce((n, w) => n + w.rows + w.cols, 0);
  const rank = Math.round((sparseCount(d) * BLOCK * BLOCK) / ofRank1);
  const matrices = attachFactors(weights, { method, rank, scale: 2 }, { dropout: 0, seed: 0 });
  const values = ({ weight: w }: RankedMatrix) => ({
    A: Float32Array.from({ length: rank * w.cols }, (_, i) => Math.sin(i) / Math.sqrt(w.cols)),
    B: new Float32Array(rank * w.rows),
  });
  return {
    trained: trainedFactors(matrices),
    fill: () => fillFactors({ gpu, planning: planningOf(gpu.limits) }, matrices, values),
    after: rescale(matrices),
  };
}

/** 0.84 % of the model in blocks of 32, dealt out to q, k, v of every layer in turn: no matrix and no layer is spared. */
function sparse(d: Decoder, kind: StepKind) {
  const share = { 'smt little': 0.001, 'smt much': 0.05 }[kind as string];
  const count = share ? blockCount({ kind: 'targets', share }, BLOCK, targetsOf(d, QKV), matrixParameters(d)) : sparseCount(d);
  return attach({ decoder: d }, boundSelection(targetsOf(d, QKV), BLOCK, count), true);
}

const sparseCount = (d: Decoder) => blockCount({ kind: 'model', share: 0.0084 }, BLOCK, targetsOf(d, QKV), matrixParameters(d));

const QKV = ['q_proj', 'k_proj', 'v_proj'] as const;

const BLOCK = 32;

function zero(gpu: Gpu, t: Trained): void {
  for (const x of [t.m, t.v]) write(gpu.memory, x, new Uint8Array(x.bytes));
}
