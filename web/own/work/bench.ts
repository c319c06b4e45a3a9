// The worker's bench: what has been opened and read for one's own model and data. Each part is a file beside this one.

import type { Options } from '../../../src/options/table.ts';
import {
  type Adapter,
  type BlockScores,
  blobSource,
  DESKTOP,
  type IndexedRow,
  type Model,
  type OpenModel,
  type Planning,
  type RecordedRun,
  type Row,
  type Source,
} from '../../../src/parts.ts';
import type { Event, FileFrom, GpuFacts } from '../calls.ts';

export interface Bench {
  tell: (event: Event) => void;
  gpu: GpuFacts | null;
  /** What its limits let a run be planned with. */
  planning: Planning;
  opened: OpenModel | null;
  data: ReadData | null;
  /** The model on the device, and what the last run left on it. */
  loaded: { model: Model; positions: number; base: string } | null;
  tuned: (RecordedRun & { given: Options }) | null;
  /** Adapters of this model that answers can be given by, by a run's number or their name. */
  adapters: Map<string, Adapter>;
  /** Scores of the blocks on this model and data, the settings that they are of, and losses and time of the warm-up that made them. */
  scored: { by: string; scores: BlockScores; losses: number[]; ms: number } | null;
}

/** A row as it is seen; `held` where it is held out. */
export interface ViewRow {
  index: number;
  ids: Int32Array;
  labels: Int32Array;
  learned: number;
  cut: number;
  held: boolean;
}

export interface ReadData {
  all: ViewRow[];
  rows: IndexedRow[];
  held?: Row[];
}

export const newBench = (tell: Bench['tell']): Bench => ({
  tell,
  gpu: null,
  planning: DESKTOP,
  opened: null,
  data: null,
  loaded: null,
  tuned: null,
  adapters: new Map(),
  scored: null,
});

/** The open model; asked for where there is none yet. */
export function modelOf({ opened }: Bench): OpenModel {
  if (!opened) throw new Error('expected a model, got none yet: choose one first.');
  return opened;
}

/** The rows read; asked for where there are none yet. */
export function dataOf({ data }: Bench): ReadData {
  if (!data) throw new Error('expected data, got none yet: choose some first.');
  return data;
}

/** A file of the page's as the engine reads it: a dropped one, or one of the page's own by its address. */
export async function sourceOf(file: FileFrom): Promise<Source> {
  return blobSource('blob' in file ? file.blob : await fetched(file.address, file.name), file.name);
}

export async function fetched(address: string, name: string): Promise<Blob> {
  const answer = await fetch(address).catch((e: Error) => e);
  if (answer instanceof Error) throw new Error(`expected ${name}, got: ${answer.message}; check the network and try again`);
  if (!answer.ok) throw new Error(`expected ${name} at ${address}, got HTTP ${answer.status}; look whether its server has it`);
  return answer.blob();
}
