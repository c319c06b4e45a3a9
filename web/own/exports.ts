// How it stands with each export of what the last run left, and how one is asked for. What is said of them is export-words.ts.

import { batch, signal } from '@preact/signals';
import type { ExportFormat } from '../../src/formats.ts';
import type { TakenHome } from './calls.ts';
import { nameFor } from './export-words.ts';
import { modelFrom, result, worker, written } from './store.ts';
import { inPageWords } from './words.ts';

export type Standing =
  | { state: 'none' }
  | { state: 'busy' }
  | { state: 'made'; dtype: string | null; svd: number | null; home: TakenHome; href: string | null }
  | { state: 'failed'; text: string };

const none: Standing = { state: 'none' };
export const standing = signal<Partial<Record<ExportFormat, Standing>>>({});
export const standingOf = (format: ExportFormat): Standing => standing.value[format] ?? none;

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

/** What is asked of an export: its dtype, or the rank of its blocks, where the format has one; null: as it is. */
export interface Wanted {
  dtype: string | null;
  svd: number | null;
}

/** Exports what the last run left; chosen: to where a person says, else to be downloaded. */
export async function exportAs(format: ExportFormat, { dtype, svd }: Wanted, chosen: boolean): Promise<void> {
  const of = result.value;
  const name = nameFor(modelFrom.value, format, dtype, svd);
  try {
    const place = chosen ? await choose(format, name) : null;
    if (place === undefined) return;
    forget(format);
    batch(() => {
      written.value = 'asking';
      set(format, { state: 'busy' });
    });
    const home = await worker().call('export', { format, dtype, svd, name, place });
    const { download } = home;
    if (of === result.value)
      set(format, { state: 'made', dtype, svd, home, href: download && URL.createObjectURL(download.blob) });
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
