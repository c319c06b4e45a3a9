// What the page knows of exports: which there are, how large each will be, how it stands with each, and how one is asked for.

import { batch, signal } from '@preact/signals';
import { EXPORTS, type ExportFormat, FORMATS } from '../../src/formats.ts';
import type { ModelFrom, TakenHome } from './calls.ts';
import { model, modelFrom, result, worker, written } from './store.ts';
import { inPageWords } from './words.ts';

/** Who reads each format, as a line of the list. */
export const READERS: Record<ExportFormat, { name: string; reads: string }> = {
  hf: { name: 'The whole model', reads: 'A folder for transformers, vLLM and this page: base and what was trained, as one.' },
  gguf: { name: 'GGUF', reads: 'One file for llama.cpp, Ollama and LM Studio.' },
  onnx: { name: 'ONNX', reads: 'A folder for transformers.js in a page and for onnxruntime anywhere.' },
  peft: { name: 'Adapter for PEFT', reads: 'A folder for PEFT, and what builds on it: vLLM, llama.cpp’s converter.' },
};

export type Standing =
  | { state: 'none' }
  | { state: 'busy' }
  | { state: 'made'; home: TakenHome; href: string | null }
  | { state: 'failed'; text: string };

const none: Standing = { state: 'none' };
export const standing = signal<Partial<Record<ExportFormat, Standing>>>({});
export const standingOf = (format: ExportFormat): Standing => standing.value[format] ?? none;

/** Formats of what the last run left: where the base itself was trained there is no adapter. */
export const formatsOf = (left: { model: boolean }): ExportFormat[] =>
  (Object.keys(EXPORTS) as ExportFormat[]).filter((format) => format !== 'peft' || !left.model);

/** The dtype that a format has where none is chosen: the base's, or the format's first. */
export function dtypeFor(format: ExportFormat, base: string): string | null {
  const { dtypes } = EXPORTS[format];
  return dtypes.find((dtype) => dtype === base) ?? dtypes[0] ?? null;
}

/** Bytes of a model of so many parameters in a dtype, roughly: rows that are no whole blocks take more, and so do tokenizers. */
export function aboutBytes(parameters: number, dtype: string): number {
  const { bytes, block } = FORMATS[dtype === 'q4_k_m' ? 'q4_k' : dtype === 'q4' ? 'q4_1' : (dtype as keyof typeof FORMATS)];
  return (parameters * bytes) / block;
}

/** What an export of a model is called: the model's name in letters that every system takes. */
export function nameFor(from: ModelFrom | null, format: ExportFormat, dtype: string | null): string {
  const last =
    (from?.name ?? 'model')
      .split(/[\\/:]/)
      .filter(Boolean)
      .at(-1) ?? 'model';
  const plain =
    last
      .replace(/\.(gguf|safetensors)$/i, '')
      .replace(/[^\w.-]+/g, '-')
      .replace(/^[-.]+|[-.]+$/g, '') || 'model';
  const words = [plain, 'tuned', format === 'gguf' ? dtype : dtype === null ? format : `${format}-${dtype}`];
  return `${words.join('-')}${format === 'gguf' ? '.gguf' : ''}`;
}

type Picker = (o: object) => Promise<FileSystemFileHandle | FileSystemDirectoryHandle>;
const pickers = globalThis as { showSaveFilePicker?: Picker; showDirectoryPicker?: Picker };

/** Whether the browser lets a person choose where a page writes. */
export const choosable = (): boolean => 'showSaveFilePicker' in pickers && 'showDirectoryPicker' in pickers;

/** Asks where it is to be written; undefined where a person has thought better of it. */
async function choose(format: ExportFormat, name: string) {
  try {
    const place = format === 'gguf' ? { suggestedName: name } : { mode: 'readwrite', id: 'blocktune' };
    return await (format === 'gguf' ? pickers.showSaveFilePicker : pickers.showDirectoryPicker)!(place);
  } catch (e) {
    if ((e as Error).name === 'AbortError') return undefined;
    throw e;
  }
}

/** Exports what the last run left; chosen: to where a person says, else to be downloaded. */
export async function exportAs(format: ExportFormat, dtype: string | null, chosen: boolean): Promise<void> {
  const of = result.value;
  const name = nameFor(modelFrom.value, format, dtype);
  try {
    const place = chosen ? await choose(format, name) : null;
    if (place === undefined) return;
    forget(format);
    batch(() => {
      written.value = 0;
      set(format, { state: 'busy' });
    });
    const home = await worker().call('export', { format, dtype, name, place });
    const { download } = home;
    if (of === result.value) set(format, { state: 'made', home, href: download && URL.createObjectURL(download.blob) });
  } catch (e) {
    if (of === result.value) set(format, { state: 'failed', text: inPageWords((e as Error).message) });
  }
}

export const stopExport = (): void => worker().say('stop');

/** Of another run nothing that was exported holds. */
export function forgetExports(): void {
  for (const format of Object.keys(standing.value) as ExportFormat[]) forget(format);
  standing.value = {};
}

function forget(format: ExportFormat): void {
  const before = standing.value[format];
  if (before?.state === 'made' && before.href) URL.revokeObjectURL(before.href);
}

const set = (format: ExportFormat, to: Standing): void => {
  standing.value = { ...standing.value, [format]: to };
};

/** Whether one is under way: the model is one's at a time. */
export const exporting = (): boolean => Object.values(standing.value).some((s) => s?.state === 'busy');

/** Parameters and dtype of the model that is open. */
export function factsOf(): { parameters: number; dtype: string } | null {
  const m = model.value;
  return m.state === 'there' ? { parameters: m.value.parameters, dtype: m.value.dtype } : null;
}

/** What opening it again came to, in a sentence. */
export function saidOf({ rows, tuned, base }: TakenHome, format: ExportFormat): string {
  const by = format === 'onnx' ? 'Run in onnxruntime-web' : 'Opened again';
  const far = base === null ? '' : `; the untrained model’s are up to ${figure(base)} away`;
  return `${by} and compared on ${rows} rows: log-probabilities are within ${figure(tuned)} nats of the tuned model’s${far}.`;
}

const figure = (x: number): string => (x === 0 ? '0' : x < 1e-3 ? x.toExponential(1) : String(Number(x.toPrecision(2))));
