// What a run tells while it goes: one plain object a line, the `--json` lines of the command line. Printing is the hosts' business.

import type { Result, Summary } from './commands/compare/result.ts';
import type { Bytes } from './gpu/plan.ts';
import type { Choice } from './methods/smt/select.ts';
import type { Moved } from './train/diagnostics.ts';

/** One prompt, answered before and after. */
export interface Compared {
  prompt: string;
  before: { text: string; right: boolean };
  after: { text: string; right: boolean };
}

/** What a run tells: one plain object a line, told apart by `kind`. */
export type Line =
  /** method and budget: in the cells of `plan --table` alone. recompute: of `plan`, which tells of both. */
  | {
      kind: 'plan';
      program: string;
      bytes: Bytes;
      trainable: number;
      bound: boolean;
      method?: string;
      budget?: string | null;
      recompute?: boolean;
    }
  | { kind: 'memory'; program: string; planned: number; allocated: number }
  | { kind: 'warmup'; step: number; loss: number; tokens: number; ms: number }
  | { kind: 'selection'; block: number; blocks: Choice[]; share_model: number; share_targets: number; trainable: number }
  | {
      kind: 'step';
      step: number;
      loss: number;
      lr: number;
      grad_norm: number;
      tokens: number;
      input_tokens: number;
      ms: number;
      skipped: boolean;
    }
  /** guard: the second data set that it is of, where it is not the held-out rows. */
  | { kind: 'eval'; step: number; loss: number; perplexity: number; tokens: number; guard?: string }
  /** What the chosen blocks became: the norm of all differences, and each block's share (0 to 1) of its square. */
  | { kind: 'blocks_update'; norm: number; blocks: Moved[] }
  /** Blocks that the choices by the two halves of the warm-up share, and each with the whole's; shares of the budget, 0 to 1. */
  | { kind: 'stability'; steps: number; halves: number; whole: [first: number, second: number]; by_chance: number }
  /** Of `compare`: a run that begins, what it came to, and the table of all. */
  | { kind: 'run'; index: number; of: number; method: string; size: string | null; seed: number; lr: number }
  | ({ kind: 'result' } & Omit<Result, 'curve' | 'evals' | 'blocks' | 'settings'>)
  | { kind: 'comparison'; title: string; rows: Summary[]; report: string }
  | { kind: 'example'; index: number; logprob: number; tokens: number }
  | { kind: 'generation'; index: number; prompt_ids: number[]; ids: number[]; text: string }
  | { kind: 'done'; out: string | null; steps: number; seconds: number; tokens_per_second: number }
  /** One measurement. gflops and its share of the adapter's FMA peak where the work is arithmetic, gbs where it is traffic. */
  | {
      kind: 'bench';
      name: string;
      shape: string;
      layout: string | null;
      ms: number | null;
      gflops: number | null;
      peak_gflops: number | null;
      ratio: number | null;
      gbs?: number;
    }
  /** A self-test of `doctor`; error: the worst one, as a share of what is allowed. */
  | { kind: 'check'; name: string; ok: boolean; error: number | null; detail?: string }
  | { kind: 'file'; path: string; ok: boolean; error: string | null }
  /** Answers of the base and of the tuned model, and how many were right, by skill. Of the demo alone. */
  | { kind: 'skills'; examples: Compared[]; scores: { skill: string; how: string; before: number; after: number; of: number }[] }
  /** For people only: progress and remarks that are no part of the contract. */
  | { kind: 'note' | 'warning'; text: string; about?: 'data' }
  | { kind: 'device'; name: string; software: boolean }
  /** The model on the device: parameters, layers, and the shape [out, in] of each module of a layer. */
  | { kind: 'model'; name: string; parameters: number; layers: number; modules: Record<string, readonly [number, number]> }
  | { kind: 'start'; phase: 'load' | 'compile' | 'warmup' | 'train' | 'eval' | 'before' | 'after' | 'save'; total: number }
  /** Rows of the phase done so far, where no line above says it. */
  | { kind: 'progress'; done: number };

/** Takes the lines of a run as they come. */
export type Report = (line: Line) => void;
