// What the options name, opened: model files with their tokenizer, rows, the GPU with the model on it. What was found is reported.

import type { Source } from '../io/bytes.ts';
import { MODULES, matrixShape } from '../models/config.ts';
import { parametersOf } from '../models/decoder.ts';
import type { Settled } from '../options/table.ts';
import {
  closeGpu,
  type Dataset,
  fallback,
  type Gpu,
  type Life,
  loadModel,
  type Model,
  type OpenModel,
  onDevice,
  openData,
  openGpu,
  openModel,
  openPrompts as openPromptFiles,
  type Place,
  type Prompt,
  planningOf,
} from '../parts.ts';
import type { Line, Report } from '../report.ts';
import { askHalf } from './doctor/doctor.ts';
import { dataOptions } from './settings.ts';

/** Opens a model's files and its tokenizer; nothing is read but headers. */
export function openFiles(o: Settled, place: Place, report: Report): Promise<OpenModel> {
  return openModel(place, { hub: o.hub, note: (text) => report({ kind: 'note', text }) });
}

/** The rows of data files, as the options say. */
export async function openRows(o: Settled, model: OpenModel, places: (string | Source)[], report: Report): Promise<Dataset> {
  const data = await openData(model, places, dataOptions(o));
  report({ kind: 'note', about: 'data', text: data.shown });
  return data;
}

/** The rows of data files as prompts. */
export async function openPrompts(o: Settled, model: OpenModel, places: (string | Source)[], report: Report): Promise<Prompt[]> {
  const { prompts, shown } = await openPromptFiles(model, places, dataOptions(o));
  report({ kind: 'note', about: 'data', text: shown });
  return prompts;
}

/** What a model is put on a device by. */
export interface Loading {
  opened: OpenModel;
  /** The longest row it will see. */
  longest: number;
  /** How it is stored there, where that is not as the options say. */
  base?: Settled['base'];
  /** Hears of bytes read and of all. */
  progress?: (done: number, all: number) => void;
}

/** Opens a GPU, puts the model on it and uses it; where the GPU is lost meanwhile, all of that again on another. */
export function onGpu<T>(
  o: Settled,
  loading: Loading,
  report: Report,
  use: (model: Model, life: Life) => Promise<T>,
): Promise<T> {
  return onDevice({ device: o.device }, async (gpu, life) => use(await loadOn(gpu, o, loading, life.report), life), report);
}

/** The model on a GPU that whoever asks closes; where it is lost, that is an error. */
export async function openOnGpu(
  o: Settled,
  opened: OpenModel,
  longest: number,
  report: Report,
  base?: Settled['base'],
): Promise<Model> {
  const gpu = await openGpu({ device: o.device });
  try {
    return await loadOn(gpu, o, { opened, longest, base }, report);
  } catch (e) {
    closeGpu(gpu);
    throw e;
  }
}

/** Puts the model on a GPU. */
export async function loadOn(gpu: Gpu, o: Settled, loading: Loading, report: Report): Promise<Model> {
  const { opened, longest, base = o.base, progress } = loading;
  report({ kind: 'device', name: gpu.name, software: gpu.software });
  const half = o.arithmetic === 'f16' && (await askHalf(gpu, report));
  report({ kind: 'start', phase: 'load', total: 1 });
  const model = await loadModel(gpu, opened, { longest, base, planning: planningOf(gpu.limits, { half }), progress });
  const other = fallback(model.decoder, base);
  if (other) report({ kind: 'note', text: other });
  report(modelLine(model));
  return model;
}

function modelLine({ files, decoder: d }: Model): Extract<Line, { kind: 'model' }> {
  const parameters = parametersOf(d).reduce((n, w) => n + ('windows' in w ? w.rows * w.cols : w.value.shape[0]), 0);
  const modules = Object.fromEntries(MODULES.map((m) => [m, matrixShape(d.config, m)]));
  return { kind: 'model', name: files.name, parameters, layers: d.layers.length, modules };
}
