// The library: what a program that embeds blocktune calls; the command line and the page are made of nothing else. A run, in words:
//   const opened = await openModel('SmolLM2-135M');                  // a folder, a .gguf, a URL; headers alone
//   const data = await openData(opened, 'rows.jsonl');
//   const method = smt({ budget: '5%t' });                            // or full(), lora(), dora()
//   console.log(plan(opened, data, { method }).train.bytes.total);    // to the byte, without a GPU
//   const gpu = await openGpu();
//   const model = await loadModel(gpu, opened, { longest: data.longest });
//   const tuned = await tune(model, data, { method, steps: 200 }, (line) => console.log(line));
//   await save(model, tuned, 'adapter');
//   console.log((await generate(model, 'Once upon a time')).text);

import { type AnswerOptions, answerPrompts, type Generated, promptIds } from './eval/answer.ts';
import { type Planning, planningOf } from './gpu/limits.ts';
import type { Adapter } from './io/adapter.ts';
import { loadAdapter } from './io/adapter.ts';
import type { Folder } from './io/bytes.ts';
import { type WriteOptions, writeFolder } from './io/write.ts';
import { methodNamed } from './methods/index.ts';
import type { Method } from './methods/method.ts';
import { selectBlocks as chooseBlocks, type Scored, type SmtSettings } from './methods/smt/method.ts';
import { withDefaults } from './options/table.ts';
import type { Report } from './report.ts';
import { applyAdapter as applyTo } from './train/adapter.ts';
import { decoderFor, type Model, type StoredAs } from './train/model.ts';
import type { OpenModel } from './train/open.ts';
import { longestOf, orderRows } from './train/order.ts';
import { type Figures, trainingFigures, warmupFigures } from './train/plans.ts';
import type { Run } from './train/run.ts';
import { checkSavable, resultFiles } from './train/save.ts';
import { choosing, type OnModel, type Tuned } from './train/session.ts';
import { type TuneData, type TuneOptions, tune as tuneModel } from './train/tune.ts';

// --- a GPU, a model, data -----------------------------------------------------------------------------------------------

export type { Dataset, IndexedRow, Prompt } from './data/load.ts';
export type { Row } from './data/rows.ts';
export { closeGpu, type Gpu, openGpu } from './gpu/device.ts';
export { type Planning, planningOf } from './gpu/limits.ts';
export { blobFolder, blobSource, type Folder, memorySource, type Source } from './io/bytes.ts';
export { type DecoderFor, decoderFor, freeModel, loadModel, type Model, type StoredAs } from './train/model.ts';
export { type DataOptions, type OpenModel, openData, openModel, openPrompts, type Place } from './train/open.ts';

// --- methods ------------------------------------------------------------------------------------------------------------

export { full } from './methods/full.ts';
export { METHODS, methodNamed, methodOf, type Settings } from './methods/index.ts';
export { dora, lora, type RankSettings } from './methods/lora.ts';
export { type Attached, type Method, type MethodKind, putOn, takeOff } from './methods/method.ts';
export { type Scored, type SmtSettings, smt, toldSelection } from './methods/smt/method.ts';
export { overlap, type Selection, selectionIn } from './methods/smt/select.ts';
export { matrixParameters, sizeOfTargets, targetsOf } from './methods/targets.ts';
export type { Decoder } from './models/decoder.ts';

// --- a plan -------------------------------------------------------------------------------------------------------------

export { withKernels } from './train/autotune.ts';
export { halvesOf, longestOf, orderRows, type RowOrder } from './train/order.ts';
export { type Figures, type PlanOptions, runBytes, trainingFigures, warmupFigures } from './train/plans.ts';
export { weighRecompute } from './train/recompute.ts';

/** Settings of a run: only the method must be given, all else has the command line's defaults. */
export type RunSettings = Partial<TuneOptions> & { method: Method };

/**
 * Device bytes of a run by category, to the byte, without a GPU: of training with its update and evaluation, and of the warm-up
 * before it (null where there is none). planning: limits of the device it is for (a model's own `planning`); a desktop GPU's where absent.
 */
export function plan(
  opened: OpenModel,
  data: TuneData,
  settings: RunSettings & { base?: StoredAs; planning?: Planning },
): { train: Figures; warmup: Figures | null } {
  const o = settled(settings);
  const { base = 'keep', planning = DESKTOP } = settings;
  const { method } = o;
  const stored = method.movesBase ? 'f32' : base;
  const decoder = () => decoderFor(opened.files)(longestOf(data.rows, data.held), stored, planning.maxBinding);
  const options = { ...o, ...orderRows(data.rows, o, data.held), recompute: o.recompute === 'on' };
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

// --- training -----------------------------------------------------------------------------------------------------------

export type { Line, Report } from './report.ts';
export { lossOf } from './train/evaluate.ts';
export type { Run } from './train/run.ts';
export type { OnModel, Tuned } from './train/session.ts';
export { prepareRun, type TuneData, type TuneOptions } from './train/tune.ts';

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
): Promise<Tuned> {
  return tuneModel(model, data, settled(settings), report, signal);
}

/** The table's defaults, and those of the method. */
function settled(settings: RunSettings): TuneOptions {
  const { batch, accumulate, seed, schedule, lrWarmup, eps, weightDecay, clip, recompute } = withDefaults({});
  const { lr, betas } = methodNamed(settings.method.name);
  const table = { batch, accumulate, shuffle: true, seed, lr, betas, schedule, lrWarmup, eps, weightDecay, clip, recompute };
  return { ...table, autotune: true, ...settings };
}

/** Scores the blocks of a prepared run's targets and chooses, without training; null where it was stopped meanwhile. */
export const selectBlocks = (run: Run, settings: SmtSettings): Promise<Scored | null> => chooseBlocks(choosing(run), settings);

// --- what was trained ---------------------------------------------------------------------------------------------------

export { type Adapter, loadAdapter } from './io/adapter.ts';
export { checkBase as checkAdapterBase } from './train/adapter.ts';
export { checkSavable, modelDtype, resultFiles } from './train/save.ts';
export { removeAdapter } from './train/session.ts';

/** What a whole model is written in: f32 where absent. */
export interface SaveOptions extends WriteOptions {
  dtype?: 'f32' | 'f16' | 'bf16';
}

/** Writes what was trained to a folder on disk: an adapter, or the model where the method trained it in place. In a browser: `resultFiles`. */
export async function save(model: Model, { made }: Pick<Tuned, 'made'>, folder: string, o: SaveOptions = {}): Promise<void> {
  if (!made) throw new Error('expected a run that trained something, got one that was stopped before: there is nothing to save.');
  const { dtype = 'f32', ...options } = o;
  checkSavable(made.method, model.files, dtype);
  await writeFolder(folder, await resultFiles(model, made, dtype), options);
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
  const isOpen = typeof adapter === 'object' && 'matrices' in adapter;
  return applyTo(model, isOpen ? adapter : await loadAdapter(adapter), report);
}

// --- how good it is -----------------------------------------------------------------------------------------------------

export { type AnswerOptions, answerPrompts, type Generated, positionsFor, promptIds } from './eval/answer.ts';
export { type Example, evaluate } from './eval/evaluate.ts';
export { type Answer, answerRows } from './eval/exact.ts';

/** Settings of an answer: at most 128 tokens, the likeliest each, where not told. */
export type GenerateSettings = Partial<Omit<AnswerOptions, 'eos'>> & {
  /** The prompt is a user's message, in the model's chat template. */
  chat?: boolean;
};

/** What the model goes on with from a text. The model must have been loaded for prompt and answer together (`longest`). */
export async function generate(model: Model, prompt: string, settings: GenerateSettings = {}): Promise<Generated> {
  const { maxNewTokens, temperature, topP, seed } = withDefaults({});
  const { chat, ...own } = settings;
  const ids = promptIds(model.tokenizer, prompt, chat);
  const options = { maxNewTokens, temperature, topP, seed, ...own, eos: model.files.config.eos_token_ids };
  const [answer] = await answerPrompts(model, model.tokenizer, [{ index: 0, ids }], options, () => {});
  return answer;
}
