// What the page asks of its worker for one's own model and data: a call has an answer or a sentence, a run has events besides.

import type { CostLine } from '../../src/commands/cost-rows.ts';
import type { ExportFormat, Options } from '../../src/options/table.ts';
import type { Figures, KeptModel, Look } from '../../src/parts.ts';
import type { Line } from '../../src/report.ts';
import type { AdapterFile, Blocks, Matrix, ToldBefore } from '../protocol.ts';
import type { BlockPlace, SelectionLine } from '../state.ts';

/** Each call: what it is given and what it answers. */
export interface Calls {
  gpu: [null, GpuFacts];
  model: [ModelFrom, ModelFacts];
  look: [FileFrom[], Look[]];
  data: [DataAsked, DataFacts];
  rows: [RowsAsked, SeenToken[][]];
  plan: [PlanAsked, PlanFacts];
  fit: [Options, Fitted];
  alike: [Options, Alike[]];
  score: [Options, boolean];
  choose: [Options, SelectionLine];
  train: [RunAsked, Finished];
  ask: [Asked, Reply];
  /** Opens an adapter of the open model; what is said of its base. */
  adapter: [AdapterFrom, string[]];
  result: [null, AdapterFile[]];
  export: [ExportAsked, TakenHome];
  /** Whether a run of this tab is kept where it outlives the tab; the step at which one is that did not end. */
  place: [null, boolean];
  kept: [null, number | null];
  forget: [null, null];
  /** Models that are kept; without one of them. */
  models: [null, KeptModel[]];
  forgetModel: [string, KeptModel[]];
}

export type CallName = keyof Calls;
export type Call = { [K in CallName]: { call: K; id: number; given: Calls[K][0] } }[CallName] | { call: Control };
/** Said to a run, and answered by nothing. */
export type Control = 'stop' | 'pause' | 'resume';

export type Told = { id: number; value: unknown } | { id: number; error: string } | { event: Event };

/** What comes while a call is under way. */
export type Event =
  | Line
  | Blocks
  | ToldBefore
  | { kind: 'bytes'; of: 'model' | 'weights'; done: number; all: number | null }
  | { kind: 'reading'; rows: number }
  | { kind: 'asking'; when: 'before' | 'after'; total: number }
  | { kind: 'answered'; when: 'before' | 'after'; index: number; text: string }
  | { kind: 'prompts'; prompts: { prompt: string; expected: string }[] }
  /** Bytes of an export so far; before the first the tuned model is asked, and after the last what was written. */
  | { kind: 'writing'; done: Written }
  /** What is being answered, as far as it goes. */
  | { kind: 'saying'; reply: Partial<Reply> }
  | { kind: 'remark'; text: string };

export type Written = number | 'asking' | 'checking';

export interface GpuFacts {
  name: string;
  software: boolean;
  /** Bytes of one binding and of one buffer at most. */
  maxBinding: number;
  maxBuffer: number;
}

export type FileFrom = { name: string; blob: Blob } | { name: string; address: string };

/** The files of an adapter's folder. */
export interface AdapterFrom {
  name: string;
  files: { name: string; blob: Blob }[];
}

export type ModelFrom = { name: string; files: FileFrom[] } | { name: string; address: string; hub?: string };

/** What an open model is: nothing of its weights is read yet. */
export interface ModelFacts {
  name: string;
  form: string;
  family: string;
  parameters: number;
  layers: number;
  hidden_size: number;
  vocab_size: number;
  /** Positions that it was made for. */
  context: number;
  /** Of its values, as its config has it. */
  dtype: string;
  /** Bytes of the tensors by the format that they are stored in, the largest first. */
  formats: { format: string; bytes: number }[];
  bytes: number;
  tokenizer: string;
  /** Its own chat template. */
  template: boolean;
  ends: string[];
  matrices: Matrix[];
  /** Formats that can train as they are stored; the cure where they cannot. */
  remarks: string[];
}

export interface DataAsked {
  train: FileFrom[];
  /** Files of held-out rows; null where a share of the rows is, or none. */
  held: FileFrom[] | null;
  o: Options;
}

export interface DataFacts {
  files: { name: string; rows: number; shown: string }[];
  /** Sound rows; those to train on and those held out; rows in which nothing is learned, which do not train. */
  rows: number;
  train: number;
  held: number;
  nothing: number;
  cut: number;
  bad: number;
  firstFault?: string;
  unused: { name: string; rows: number }[];
  tokens: number;
  learned: number;
  /** Tokens of each row as the file has it, before the cut. */
  lengths: number[];
}

export const SHOWS = ['all', 'learned', 'nothing', 'cut', 'held'] as const;
export type Show = (typeof SHOWS)[number];

export interface RowsAsked {
  show: Show;
  from: number;
  count: number;
}

/** A token of a row as the model sees it. The first of a row carries what the row is. */
export interface SeenToken {
  id: number;
  text: string;
  learned: boolean;
  special: boolean;
  row?: { index: number; cut: number; learned: number; held: boolean };
}

export interface PlanAsked {
  o: Options;
  /** The GPU whose published figures the time of a step is estimated by; null where none is chosen. */
  gpu: string | null;
}

export interface PlanFacts {
  train: Figures;
  warmup: Figures | null;
  /** Bytes of the larger of the two. */
  peak: number;
  recompute: boolean;
  /** What was weighed, or why it does not fit. */
  note: string | null;
  over: boolean;
  steps: number;
  /** Tokens of the largest micro-batch. */
  tokens: number;
  /** Milliseconds that a step should take, good to a factor of two, and what takes most of it; null where the GPU's figures are not known. */
  expected: { ms: number; bound: string } | null;
  /** What a step of each program costs by count; none where no GPU is chosen. */
  costs: CostLine[];
}

/** Options changed so that a run fits, and what was changed in words; null where nothing will do. */
export type Fitted = { changes: Options; said: string[]; peak: number } | { changes: null; said: string[]; peak: number };

/** A method with options of a given size, or why it has none. */
export type Alike = { method: string; o: Options; why?: undefined } | { method: string; o?: undefined; why: string };

export interface RunAsked {
  o: Options;
  /** Under which its adapter is kept. */
  number: number;
  /** Prompts that are answered before and after. */
  prompts: number;
  /** Goes on with the run that is kept. */
  resume: boolean;
  /** Of a comparison at equal time: seconds of warm-up and steps after which it ends. Such a run is not kept. */
  within?: number;
}

export interface Finished {
  steps: number;
  /** Of the steps, and of the warm-up that chose what trains. */
  seconds: number;
  warmup_seconds: number;
  input_tokens: number;
  /** The base itself was trained: the result is a whole model, of so many bytes. */
  model: boolean;
  stopped: boolean;
}

export interface ExportAsked {
  format: ExportFormat;
  /** null: the base's, where the format has it. */
  dtype: string | null;
  /** For PEFT, the rank that blocks are cut to; null: as many as lose nothing. */
  svd: number | null;
  /** Of the file, or of the folder. */
  name: string;
  /** Where a person chose to have it: the file, or the folder to put a folder into. null: in the browser, to be downloaded. */
  place: FileSystemFileHandle | FileSystemDirectoryHandle | null;
}

/** An export that was opened again: how far its log-probabilities are at most from the tuned model's, and from its base's. */
export interface TakenHome {
  bytes: number;
  rows: number;
  tuned: number;
  base: number | null;
  /** The same of all logits of so many rows, where the format's own program has run it. */
  logits: { rows: number; tuned: number } | null;
  notes: string[];
  /** Where it lies, or the file to download; several files are one archive. */
  at: string | null;
  download: AdapterFile | null;
}

export interface Asked {
  prompt: string;
  chat: boolean;
  /** 0 takes the likeliest token; else tokens are drawn, by the seed. */
  temperature: number;
  seed: number;
  /** Blocks to answer without, beside. */
  off: BlockPlace[];
  /** The number of a run, or the name of an adapter that was opened; null: what the last run left. */
  by: string | null;
}

/** A piece of an answer, and the probability that the model gave its token there. */
export type Piece = [text: string, probability: number];

export interface Reply {
  prompt: string;
  before: string | null;
  after: string | null;
  /** Of the answers that are whole, token by token. */
  pieces?: { before?: Piece[]; after?: Piece[] };
  /** What tuned it, where that is not the last run. */
  by?: string;
  /** What the tuned model says without some of its blocks, and the loss of held-out rows with all and without these, where rows are held out. */
  without?: { text: string; loss: { all: number; without: number } | null };
  /** Why there is no answer. */
  fault?: string;
}

export type { KeptModel };
