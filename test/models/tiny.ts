// Whole models and runs for tests, from values in memory: what a run does with files, without files. No test in here.
import { fillDecoder, randomValues } from '../../src/commands/bench/model.ts';
import { batches } from '../../src/data/batches.ts';
import { pack } from '../../src/data/pack.ts';
import type { Row } from '../../src/data/rows.ts';
import { type Gpu, idle } from '../../src/gpu/device.ts';
import { planningOf } from '../../src/gpu/limits.ts';
import { plan } from '../../src/gpu/plan.ts';
import { dispose, type Machine, prepare, replay } from '../../src/gpu/run.ts';
import { allocate, free, newScope } from '../../src/gpu/scope.ts';
import { read, type Tensor, write } from '../../src/gpu/tensor.ts';
import { attachDense, full } from '../../src/methods/full.ts';
import type { Base, MuonScale } from '../../src/methods/method.ts';
import { chooseBlocksBy, SMT_DEFAULTS, type SmtSettings, smt } from '../../src/methods/smt/method.ts';
import type { Choice } from '../../src/methods/smt/select.ts';
import type { DecoderConfig, Module } from '../../src/models/config.ts';
import { type Decoder, newDecoder, parametersOf } from '../../src/models/decoder.ts';
import { feed, feedScalars } from '../../src/models/inputs.ts';
import type { Score } from '../../src/ops/blocks/score.ts';
import { newResults } from '../../src/ops/optimizer/gradnorm.ts';
import { begin } from '../../src/ops/optimizer/trained.ts';
import type { Vector, Weight } from '../../src/ops/stored/weight.ts';
import { newStream } from '../../src/ops/stream/stream.ts';
import type { Report } from '../../src/report.ts';
import type { Model } from '../../src/train/model.ts';
import { type Phase, planTraining } from '../../src/train/plans.ts';
import { micro } from '../../src/train/programs.ts';
import { newRun, type Run as TrainingRun } from '../../src/train/run.ts';
import { choosing } from '../../src/train/session.ts';
import { train } from '../../src/train/step.ts';

/** A decoder with everything small and nothing square. */
export const TINY: DecoderConfig = {
  hidden_size: 32,
  intermediate_size: 48,
  n_layers: 2,
  n_heads: 4,
  n_kv_heads: 2,
  head_dim: 8,
  vocab_size: 61,
  rms_norm_eps: 1e-5,
  rope: { theta: 10000, scaling: null },
  attention_bias: false,
  o_bias: false,
  mlp_bias: false,
  qk_norm: false,
  nope_layers: [],
  tie_word_embeddings: true,
  pad_token_id: null,
};

/** A decoder of random f32 weights on the device, the same for the same seed. */
export function tinyDecoder(gpu: Gpu, config = TINY, seed = 1): Decoder {
  return decoderOf(gpu, config, randomValues(seed, 0.2));
}

/** A decoder whose parameters hold what `values` gives. */
export function decoderOf(
  gpu: Gpu,
  config: DecoderConfig,
  values: (w: Weight | Vector) => Float32Array<ArrayBuffer>,
  positions = 64,
): Decoder {
  const d = newDecoder(config, positions, () => 'f32', gpu.limits.maxBinding);
  fillDecoder(gpu.scope, d, values);
  return d;
}

/** A decoder in memory as a run takes it: without files. */
export const modelOf = (gpu: Gpu, decoder: Decoder): Model =>
  ({ gpu, decoder, scope: newScope(gpu.scope), planning: planningOf(gpu.limits), moved: false }) as Model;

/** The same as a method sees it: for one that asks for no stored values. */
export const baseIn = (gpu: Gpu, decoder: Decoder): Base => ({ gpu, decoder, planning: planningOf(gpu.limits) }) as Base;

/** Rows of these lengths, their first third a prompt. */
export function rowsOf(lengths: number[], vocabulary = TINY.vocab_size): Row[] {
  return lengths.map((T, r) => {
    const ids = Int32Array.from({ length: T }, (_, j) => (3 + 7 * r + (1 + (r % 4)) * j) % vocabulary);
    const promptLength = Math.max(1, Math.floor(T / 3));
    return { ids, labels: ids.map((id, j) => (j < promptLength ? -100 : id)), promptLength };
  });
}

export interface RunOptions {
  /** Train the layers' matrices densely and nothing else. */
  matrices?: boolean;
  rows: Row[];
  batch: number;
  lr: number;
  betas: readonly [number, number];
  eps: number;
  weight_decay: number;
  clip: number;
  /** Blocks that train; without, everything. */
  block?: number;
  blocks?: [name: string, row: number, col: number][];
  /** Matrices move by Muon, by steps of this size. */
  muon?: MuonScale;
  recompute?: boolean;
}

export interface Run {
  machine: Machine;
  phase: Phase;
  /** Runs so many steps more and gives loss and gradient norm of each. */
  go(steps: number): Promise<{ loss: number[]; grad_norm: number[] }>;
  /** The same from the head of the rows. */
  again(steps: number): Promise<{ loss: number[]; grad_norm: number[] }>;
  free(): void;
}

/** A training run as the product lays it out, from in-memory rows in file order. It starts where the weights are. */
export async function startRun(gpu: Gpu, d: Decoder, o: RunOptions): Promise<Run> {
  if (o.weight_decay > 0 && o.blocks) throw new Error('expected no decay on blocks: these runs have no base values to decay');
  const attached = attachWhat(d, o);
  const { trained, sorted } = attached;
  const order = batches({ n_rows: o.rows.length, batch: o.batch, accumulate: 1, shuffle: false, seed: 0 });
  const all = Array.from({ length: order.steps_per_epoch }, (_, t) => pack(order.step(t)[0].map((i) => o.rows[i])));
  const sizes = { N: Math.max(...all.map((b) => b.n)), M: Math.max(...all.map((b) => b.m)) };
  const optimizer = { betas: o.betas, eps: o.eps, weightDecay: o.weight_decay, clip: o.clip, recompute: o.recompute ?? false };
  const phase = planTraining(d, attached, { ...optimizer, sizes }, planningOf(gpu.limits));
  const scope = newScope(gpu.scope);
  for (const t of attached.tensors) allocate(scope, t.home!);
  const machine = await prepare(gpu, phase.plan, scope);
  begin(gpu.memory, trained);
  await attached.fill(baseIn(gpu, d));
  write(gpu.memory, phase.state, new Uint8Array(phase.state.bytes));
  let done = 0;
  const go = async (steps: number) => {
    const curve = { loss: [] as number[], grad_norm: [] as number[] };
    const from = done;
    const late = { ...order, step: (t: number) => order.step(from + t) };
    const loop = { gpu, machine, phase, rows: o.rows, batches: late, steps, lrAt: () => o.lr, sorted };
    await train(loop, (line) => {
      if (line.kind !== 'step') return;
      curve.loss.push(line.loss);
      curve.grad_norm.push(line.grad_norm);
    });
    done += steps;
    return curve;
  };
  return {
    machine,
    phase,
    go,
    again: (steps) => {
      done = 0;
      return go(steps);
    },
    free: () => free(scope),
  };
}

/** What trains of a run: blocks, the layers' matrices, or everything. */
function attachWhat(d: Decoder, { block, blocks, matrices, weight_decay, muon }: RunOptions) {
  const decays = weight_decay > 0;
  if (block && blocks)
    return smt({ block, selection: { block, blocks: blocks.map(choiceOf) } }).attach(d, {
      decays,
      muon,
      software: true,
      most: 1 << 27,
    });
  if (matrices)
    return attachDense(
      d.layers.flatMap((l) => Object.values(l.matrices)),
      (w) => w === d.embed,
    );
  return full().attach(d, { decays, software: true, most: 1 << 27 });
}

/** A block by its weight's name. */
function choiceOf([name, row, col]: [string, number, number]): Choice {
  const { layer, module } = placeOf(name);
  return { layer, module, row, col, score: 0 };
}

/** Layer and module of a weight's name. */
function placeOf(name: string): { layer: number; module: Module } {
  const parts = name.split('.');
  return { layer: Number(parts[2]), module: parts.at(-2) as Module };
}

/** Loss and gradients of one batch, by name. */
export async function lossAndGradients(gpu: Gpu, d: Decoder, rows: Row[], recompute = false) {
  const parameters = parametersOf(d);
  full().attach(d, { decays: false, software: true, most: 1 << 27 });
  const { loss, tokens, free } = await oneStep(gpu, d, rows, true, recompute);
  const grads = new Map<string, Float32Array>();
  for (const w of parameters) grads.set(w.name, await gradientOf(gpu, w));
  free();
  return { loss, tokens, grads };
}

/** Score maps of matrices over frozen steps of `batch` rows, as a run's warm-up gathers them. */
export async function scores(gpu: Gpu, d: Decoder, names: string[], score: Score, b: number, rows: Row[], batch: number) {
  const modules = [...new Set(names.map((name) => placeOf(name).module))];
  const { maps } = await chosenBy(gpu, d, rows, { targets: modules, block: b, budget: '1b', score }, { batch });
  return new Map(names.map((name) => [name, maps.get(name)!]));
}

/** What the blocks are by these settings, over all rows once where no steps are told; nothing stays on the model. */
export async function chosenBy(
  gpu: Gpu,
  d: Decoder,
  rows: Row[],
  settings: Partial<SmtSettings>,
  { report, ...o }: { batch: number; lr?: number; report?: Report },
) {
  const run = runOf(modelOf(gpu, d), rows, o, report);
  const all = { ...SMT_DEFAULTS, targets: ['q_proj'] as const, seed: 0, warmupSteps: run.order.microBatches, ...settings };
  return (await chooseBlocksBy(choosing(run), all))!;
}

/** A run over rows in file order. */
export const runOf = (
  model: Model,
  rows: Row[],
  { batch, lr = 1e-3 }: { batch: number; lr?: number },
  report: Report = () => {},
): TrainingRun => {
  const order = { batch, accumulate: 1, shuffle: false, seed: 0, lr, schedule: 'constant' as const, lrWarmup: 0 };
  const optimizer = { betas: [0.9, 0.95] as const, eps: 1e-8, weightDecay: 0, clip: 1, recompute: false };
  return newRun(model, { rows }, { ...order, ...optimizer }, report);
};

/** What a weight holds now. */
export async function valuesOf(gpu: Gpu, w: Weight | Vector): Promise<Float32Array> {
  return join(gpu, 'windows' in w ? w.windows.map((v) => v.q) : [w.value]);
}

function gradientOf(gpu: Gpu, w: Weight | Vector): Promise<Float32Array> {
  const grads = 'windows' in w ? (w.trains as { grads: Tensor[] }).grads : [w.grad!];
  return join(gpu, grads);
}

async function join(gpu: Gpu, parts: Tensor[]): Promise<Float32Array> {
  const all = new Float32Array(parts.reduce((n, t) => n + t.shape[0], 0));
  let at = 0;
  for (const t of parts) {
    all.set(await read(gpu.memory, t), at);
    at += t.shape[0];
  }
  return all;
}

/** Forward, loss and backward of one batch by what hangs on the model; its gradients are there until `free`. */
export async function oneStep(gpu: Gpu, d: Decoder, rows: Row[], sorted: boolean, recompute: boolean) {
  const b = pack(rows);
  const stream = newStream(b.n, b.m);
  const results = newResults();
  const dims = { N: b.n, M: b.m };
  const build = micro(d, stream, { results, recompute, gradients: true });
  const machine = await prepare(gpu, plan([{ name: 'step', build, dims }], planningOf(gpu.limits)));
  feed(gpu.memory, stream, b, b.n, b.m, sorted);
  feedScalars(gpu.memory, stream, { targets: b.m, lr: 0, tokens: b.n });
  replay(machine, 'step', dims);
  await idle(gpu);
  const loss = (await read(gpu.memory, results))[0] / b.m;
  return { loss, tokens: b.m, machine, free: () => dispose(machine) };
}
