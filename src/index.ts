// The library: what a program that embeds blocktune calls. A run in ten lines is in README; what each name does is docs/library.md.
// Hosts (command line, page, bench) are made of this and of parts.ts, and of nothing behind them.

import type { Dataset } from './data/load.ts';
import { type AnswerOptions, answerPrompts, type Generated } from './eval/answer.ts';
import { type Example, evaluateRows, type Loss } from './eval/evaluate.ts';
import { type Planning, planningOf } from './gpu/limits.ts';
import { type Adapter, loadAdapter } from './io/adapter.ts';
import type { Folder } from './io/bytes.ts';
import { blobOf, type WriteOptions, writeFolder } from './io/write.ts';
import { methodNamed } from './methods/index.ts';
import type { Method } from './methods/method.ts';
import { withDefaults } from './options/table.ts';
import type { Report } from './report.ts';
import { putAdapter } from './train/adapter.ts';
import { decoderFor, type Model, type StoredAs } from './train/model.ts';
import { endsOf, type OpenModel, promptIds } from './train/open.ts';
import { longestOf, orderRows } from './train/order.ts';
import { type Figures, trainingFigures, warmupFigures } from './train/plans.ts';
import { evaluationIn } from './train/rates.ts';
import { checkSavable, type ModelDtype, mergedFiles, resultFiles } from './train/save.ts';
import type { OnModel, Tuned } from './train/session.ts';
import { type RecordedRun, type TuneData, type TuneOptions, tuneModel } from './train/tune.ts';

// A GPU, a model, data

export type { Dataset } from './data/load.ts';
export { closeGpu, type Gpu, type OpenOptions, openGpu } from './gpu/device.ts';
export { blobFolder, blobSource, type Folder, type Source } from './io/bytes.ts';
export { freeModel, loadModel, type Model, type ModelOptions, type StoredAs } from './train/model.ts';
export { type DataOptions, type OpenModel, openData, openModel, type Place, type Places } from './train/open.ts';

// Methods, as values

export { full } from './methods/full.ts';
export { dora, lora, type RankSettings } from './methods/lora.ts';
export type { Method } from './methods/method.ts';
export { type SmtSettings, smt } from './methods/smt/method.ts';
export type { ScoreSettings } from './methods/smt/scores.ts';
export type { Spreading } from './methods/smt/select.ts';
export { type MixSettings, smtLora } from './methods/smt-lora.ts';
export { type TopkSettings, topkLayers } from './methods/topk.ts';

// A plan and a run

export type { Store } from './io/store.ts';
export { opfsStore } from './io/store-opfs.ts';
export type { Line, Report } from './report.ts';
export type { CheckpointOptions } from './train/keeping.ts';
export { type Life, onDevice } from './train/lives.ts';
export type { OptimizerOptions, RunOptions } from './train/options.ts';
export type { MemoryOptions } from './train/recompute.ts';
export type { OnModel, Tuned } from './train/session.ts';
export type { RecordedRun, TuneData, TuneOptions } from './train/tune.ts';

/** Settings of a run: only the method must be given, all else has the command line's defaults. */
export type RunSettings = Partial<TuneOptions> & { method: Method };

/** Settings of a plan: how the base is stored (as in the file), and the limits of the device (a model's `planning`; else a desktop GPU's). */
export type PlanSettings = RunSettings & { base?: StoredAs; planning?: Planning };

/**
 * Device bytes of a run by category, to the byte, without a GPU: of training with its update and evaluation, and of the warm-up before
 * it, null where there is none. Throws where the method does not fit the model, with the reason.
 */
export function plan(opened: OpenModel, data: TuneData, settings: PlanSettings): { train: Figures; warmup: Figures | null } {
  const o = settled(settings);
  const { base = 'keep', planning = DESKTOP } = settings;
  const { method } = o;
  const stored = method.movesBase ? 'f32' : base;
  const decoder = () => decoderFor(opened.files)(longestOf(data.rows, data.held), stored, planning.maxBinding);
  const order = orderRows(data.rows, o, data.held);
  const evaluate = evaluationIn({ ...data, order, options: o }, method);
  const options = { ...o, ...order, evaluate, recompute: o.recompute === 'on' };
  return {
    train: trainingFigures(decoder(), method, options, planning),
    warmup: warmupFigures(decoder(), method, options, planning),
  };
}

/**
 * The limits of a real desktop GPU: its drivers offer storage bindings of 2 GiB less one word (WebGPU's own default of 128 MiB is
 * for the smallest phones). The limit decides how many windows a large matrix is cut into; software adapters run other kernels.
 */
export const DESKTOP = planningOf({ maxBinding: 2 ** 31 - 4, maxBuffer: 2 ** 31 - 4, software: false, subgroups: 32 });

/**
 * Trains a loaded model on rows; every line of the run is reported. What was trained stays on the model: evaluate, ask, save, or take
 * it off by `removeAdapter`. The base is not written, but by methods that train it in place. At the signal it stops after a step.
 */
export function tune(
  model: Model,
  data: TuneData,
  settings: RunSettings,
  report: Report = () => {},
  signal?: AbortSignal,
): Promise<RecordedRun> {
  return tuneModel(model, data, settled(settings), report, signal);
}

/** The table's defaults, and those of the method. */
function settled(settings: RunSettings): TuneOptions {
  const { batch, accumulate, seed, schedule, lrWarmup, eps, weightDecay, clip, muonScale, recompute } = withDefaults({});
  const { lr: given, betas, optimizers } = methodNamed(settings.method.name);
  const lr = settings.method.rates ? undefined : (settings.method.lr ?? given);
  const optimizer = settings.method.movesBase ? ('adamw' as const) : optimizers[0];
  const table = { batch, accumulate, shuffle: true, seed, lr, betas, schedule, lrWarmup, eps, weightDecay, clip, recompute };
  return { ...table, optimizer, muonScale, autotune: true, ...settings };
}

// What was trained

export { type Adapter, loadAdapter } from './io/adapter.ts';
export type { WriteOptions } from './io/write.ts';
export { removeAdapter } from './train/session.ts';

/** Where and how a result is written; dtype: of a whole model (f32 where absent). */
export interface SaveOptions extends WriteOptions {
  dtype?: ModelDtype;
}

/** Writes what was trained to a folder on disk: an adapter, or the model where the method trained it in place. A page takes `resultBlobs`. */
export async function save(model: Model, { made }: Pick<Tuned, 'made'>, folder: string, o: SaveOptions = {}): Promise<void> {
  const { dtype = 'f32', ...options } = o;
  await writeFolder(folder, await filesOf(model, made, dtype), options);
}

/** What was trained as files in memory, for a page to hand over. */
export async function resultBlobs(
  model: Model,
  { made }: Pick<Tuned, 'made'>,
  dtype: ModelDtype = 'f32',
): Promise<{ name: string; blob: Blob }[]> {
  const blobs = [];
  for (const file of await filesOf(model, made, dtype)) blobs.push({ name: file.name, blob: await blobOf(file) });
  return blobs;
}

async function filesOf(model: Model, made: OnModel | null, dtype: ModelDtype) {
  if (!made) throw new Error('expected a run that trained something, got one that was stopped before: there is nothing to save.');
  checkSavable(made.method, model.files, dtype);
  return resultFiles(model, made, dtype);
}

/**
 * Puts an adapter on the model, ours or PEFT's LoRA and DoRA; `removeAdapter` takes it off again, so one is swapped for another without
 * loading the model anew. Another base of the same shapes is reported as a warning, another shape is an error.
 */
export async function applyAdapter(
  model: Model,
  adapter: Adapter | string | Folder,
  report: Report = () => {},
): Promise<OnModel> {
  const isOpen = typeof adapter === 'object' && 'method' in adapter;
  return putAdapter(model, isOpen ? adapter : await loadAdapter(adapter), report);
}

/** Writes base and adapter as one Hugging Face folder, on the CPU, tensor by tensor, rounded once. dtype: the base's where absent. */
export async function merge(opened: OpenModel, adapter: Adapter, folder: string, o: SaveOptions = {}): Promise<void> {
  const { dtype = opened.files.config.dtype, ...options } = o;
  await writeFolder(folder, await mergedFiles(opened.files, adapter, dtype), options);
}

// How good it is

export type { AnswerOptions, Generated } from './eval/answer.ts';
export type { Example, Loss } from './eval/evaluate.ts';

/** Loss (nats a target), perplexity and number of the rows' targets, by the model as it stands. `each` hears of every row in order. */
export function evaluate(
  model: Model,
  data: { rows: Dataset['rows']; untargeted?: number[] },
  { batch = withDefaults({}).batch, each }: { batch?: number; each?: (example: Example) => void } = {},
  report: Report = () => {},
): Promise<Loss> {
  return evaluateRows(model, data, { batch, each }, report);
}

/** Settings of an answer: at most 128 tokens, the likeliest each, where not told. chat: the prompt is a user's message. */
export type GenerateSettings = Partial<Omit<AnswerOptions, 'eos'>> & { chat?: boolean };

/** What the model goes on with from a text. It must have been loaded for prompt and answer together (`longest`). */
export async function generate(model: Model, prompt: string, settings: GenerateSettings = {}): Promise<Generated> {
  const { maxNewTokens, temperature, topP, seed } = withDefaults({});
  const { chat, ...own } = settings;
  const ids = await promptIds(model, prompt, chat);
  const options = { maxNewTokens, temperature, topP, seed, ...own, eos: endsOf(model) };
  const [answer] = await answerPrompts(model, model.tokenizer, [{ index: 0, ids }], options, () => {});
  return answer;
}
