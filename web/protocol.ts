// What the page and its worker say to each other. Most of it is the run's own report; the rest is what only a page shows.

import type { Curve } from '../src/parts.ts';
import type { Line } from '../src/report.ts';
import type { Asked } from './address.ts';

/** From the page. A run that is stopped ends with `stopped`; every command ends with one message of its own. */
export type Command =
  | { kind: 'open'; places: Places; asked: Asked }
  | { kind: 'run'; resume: boolean }
  | { kind: 'forget' }
  | { kind: 'ask'; prompt: string }
  | { kind: 'stop' };

/** Absolute addresses: a worker's own address is not the page's. */
export interface Places {
  model: string;
  train: string;
  heldout: string;
  keep: string;
}

/** From the worker. */
export type Message =
  | Line
  | { kind: 'ready'; subject: Subject }
  | { kind: 'stage'; stage: Stage; total: number }
  | { kind: 'answered'; when: When; skill: Skill; index: number; text: string; right: boolean }
  | { kind: 'graded'; when: When; skill: Skill; right: number; of: number }
  | Blocks
  | ToldBefore
  | { kind: 'kept'; step: number | null }
  | { kind: 'adapter'; files: AdapterFile[] }
  | { kind: 'reply'; prompt: string; before: string; after: string | null }
  | { kind: 'finished'; steps: number; seconds: number; input_tokens: number }
  | { kind: 'stopped' }
  | { kind: 'failed'; stage: Stage; text: string };

/** What a run that goes on had told before. */
export type ToldBefore = { kind: 'toldBefore'; curve: Curve };

/** A matrix's scores, row-major, and each as a level: 255 for the highest of the model, falling with the share of blocks above it. */
export interface MatrixScores {
  layer: number;
  module: string;
  scores: Float32Array<ArrayBuffer>;
  levels: Uint8Array<ArrayBuffer>;
}

/** What the map shows of a run beside its choice: the scores of all blocks, and how far the chosen ones have moved, best first. */
export type Blocks = ({ kind: 'scored' } & Scores) | { kind: 'moved'; norms: Float32Array<ArrayBuffer> };

/** Scores of all blocks that could train; by: the settings that they are of. */
export interface Scores {
  by: string;
  block: number;
  scores: MatrixScores[];
}

/** The parts of a run, in order. */
export const STAGES = ['open', 'warmup', 'train', 'before', 'after', 'save'] as const;
export type Stage = (typeof STAGES)[number];
export type When = 'before' | 'after';
/** new: what the data teaches; old: what the model could do before. */
export type Skill = 'new' | 'old';

/** What is about to be tuned: known before anything has run. */
export interface Subject {
  parameters: number;
  matrices: Matrix[];
  rows: number;
  examples: Example[];
  device: { name: string; software: boolean };
}

/** A weight matrix [rows, cols] that may hold blocks. */
export interface Matrix {
  layer: number;
  module: string;
  rows: number;
  cols: number;
}

/** A held-out prompt that is shown, and the answer that is right. */
export interface Example {
  prompt: string;
  expected: string;
}

export interface AdapterFile {
  name: string;
  blob: Blob;
}
