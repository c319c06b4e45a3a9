// What a run tells while it goes: one plain object a line, the `--json` lines of the command line. Printing is the hosts' business.

import type { Counted } from './gpu/cost.ts';
import type { Bytes } from './gpu/home.ts';
import type { Expected } from './gpu/roofline.ts';

/** A block by its place, row and column counted in blocks. */
export interface BlockPlace {
  layer: number;
  module: string;
  row: number;
  col: number;
}

/** Figures of one run of a comparison. */
export interface RunFigures {
  /** Also the name of its file: method, size, learning rate, seed. */
  id: string;
  method: string;
  size: string | null;
  seed: number;
  lr: number;
  trainable: number;
  /** Fractions of the parameters of the targets and of all 2-D parameters. */
  share_targets: number;
  share_model: number;
  /** Held-out loss in nats a target at the end. */
  loss: number;
  /** Held-out rows answered exactly as they are, and how many were asked; null where the recipe asks for none. */
  exact: { right: number; of: number } | null;
  /** Loss of the guard's rows before and after; null without one. */
  guard: { before: number; after: number } | null;
  /** The largest program of the run by plan, warm-up included, and the training step's alone. */
  device_bytes: { peak: number; train: number };
  /** Tensor bytes of what is saved: an adapter in f32, or after full fine-tuning a model in f32. */
  adapter_bytes: number;
  /** Input tokens a second, by wall time of the steps. */
  tokens_per_second: number;
  steps: number;
  /** Wall time of the warm-up and of the steps. */
  warmup_seconds: number;
  seconds: number;
}

/** Mean over seeds, and the smallest and largest. */
export interface OverSeeds {
  mean: number;
  min: number;
  max: number;
}

/** A method at a size over all seeds. */
export interface Summary {
  method: string;
  size: string | null;
  lr: number;
  runs: number;
  trainable: number;
  share_targets: number;
  share_model: number;
  loss: OverSeeds;
  /** Share of the answers that were right. */
  exact: OverSeeds | null;
  /** Rise of the guard's loss. */
  forgot: OverSeeds | null;
  device_bytes: { peak: number; train: number };
  adapter_bytes: number;
  tokens_per_second: number;
  seconds: number;
}

/** One prompt, answered before and after. */
export interface Compared {
  prompt: string;
  before: { text: string; right: boolean };
  after: { text: string; right: boolean };
}

/** Counted figures of a step; what each counts is docs/gpu.md. */
export interface StepFigures extends Counted {
  bytes_needed: number;
  head_visits: number;
  expected?: Expected & { ideal_ms: number };
}

/** What a run tells: one plain object a line, told apart by `kind`. */
export type Line =
  /** method, budget and rank: in the cells of `plan --table` alone. recompute: of `plan`, which tells of both. */
  | {
      kind: 'plan';
      program: string;
      bytes: Bytes;
      trainable: number;
      bound: boolean;
      method?: string;
      budget?: string | null;
      rank?: number;
      recompute?: boolean;
    }
  /** Of `plan --cost`: what a step of a program costs by count (docs/gpu.md); gpu: the one that `expected` is of. */
  | ({ kind: 'cost'; program: string; gpu?: string } & StepFigures)
  | { kind: 'memory'; program: string; planned: number; allocated: number }
  | { kind: 'warmup'; step: number; loss: number; tokens: number; ms: number }
  | {
      kind: 'selection';
      block: number;
      blocks: (BlockPlace & { score: number })[];
      share_model: number;
      share_targets: number;
      trainable: number;
    }
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
  /** Of `--lr auto`: rates with their losses after a few steps (null: it ended before), and the one that trains. */
  | { kind: 'rates'; tried: { lr: number; loss: number | null }[]; lr: number }
  | { kind: 'eval'; step: number; loss: number; perplexity: number; tokens: number; guard?: string }
  /** What the chosen blocks became: the norm of all differences, and each block's share (0 to 1) of its square. */
  | { kind: 'blocks_update'; norm: number; blocks: (BlockPlace & { share: number })[] }
  /** Blocks that the choices by the two halves of the warm-up share, and each with the whole's; shares of the budget, 0 to 1. */
  | { kind: 'stability'; steps: number; halves: number; whole: [first: number, second: number]; by_chance: number }
  /**
   * Of `select --explain`: for each matrix the sum of its scores and the share of it (0 to 1) that each spread chooses at this budget,
   * and the share of the choice that two spreads have in common, by their names: fair_global.
   */
  | {
      kind: 'explained';
      matrices: ({ layer: number; module: string; score: number } & Record<'fair' | 'apart' | 'global' | 'matrix', number>)[];
      overlap: Record<string, number>;
    }
  /** Of `compare`: a run that begins, what it came to, and the table of all, or of those that were finished when it was stopped. */
  | { kind: 'run'; index: number; of: number; method: string; size: string | null; seed: number; lr: number | 'auto' }
  | ({ kind: 'result' } & RunFigures)
  | { kind: 'comparison'; title: string; runs: { finished: number; of: number }; rows: Summary[]; report: string }
  | { kind: 'example'; index: number; logprob: number; tokens: number }
  /**
   * Of `eval --task`: what the model said (by likelihood, the choice it finds likeliest), the row's answer, what was read of it (null:
   * nothing). logprobs: of the choices, in nats. model: 'base' where it is the one that another is held against.
   */
  | {
      kind: 'answer';
      task: string;
      index: number;
      text: string;
      answer: string;
      read: string | null;
      right: boolean;
      logprobs?: number[];
      model?: 'base';
    }
  /** Accuracy with its 95 % interval, 0 to 1. cut: prompts cut from the left; tokens of the prompts answered now, and the seconds. */
  | {
      kind: 'task';
      task: string;
      rows: number;
      right: number;
      accuracy: number;
      low: number;
      high: number;
      unread: number;
      form: string;
      decoding: string;
      cut?: number;
      tokens?: number;
      seconds?: number;
      model?: 'base';
    }
  /** Two models on the same rows: how many each has right, how many only the tuned (gained) or the other (lost), and McNemar's exact p. */
  | { kind: 'paired'; task: string; rows: number; base: number; tuned: number; gained: number; lost: number; p: number }
  /** Of a task's rows, how many stand in the data that the model was trained on. */
  | { kind: 'leak'; task: string; rows: number; found: number }
  | { kind: 'generation'; index: number; prompt_ids: number[]; ids: number[]; text: string }
  /** Of `rows`: token ids, labels (-100: not learned), their text; how many tokens are learned, and how many were cut off. */
  | {
      kind: 'row';
      index: number;
      ids: number[];
      labels: number[];
      text: string;
      learned: number;
      cut: number;
      /** For people: the text in parts, each learned or not. */
      parts?: { text: string; learned: boolean }[];
    }
  /**
   * Of `replay`: whether the run came out the same to the bit, over so many steps; where not, the first step that differs (0: before the
   * first; null: none does, but what it left), in what, the values then (expected) and now (got), and why it may.
   */
  | {
      kind: 'replay';
      equal: boolean;
      steps: number;
      step?: number | null;
      what?: string;
      expected?: string | number | null;
      got?: string | number | null;
      because?: string[];
    }
  /** Opened again and compared: bytes of all files, and the largest difference of a log-probability over so many rows. */
  | { kind: 'exported'; format: string; out: string; bytes: number; rows: number; worst: number }
  /** made: what lies at `out`. */
  | { kind: 'done'; out: string | null; made?: 'adapter' | 'model'; steps: number; seconds: number; tokens_per_second: number }
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
  /** A self-test of `doctor`; error: the worst one, as a share of what is allowed. lacking: a form that the adapter does not have. */
  | {
      kind: 'check';
      name: string;
      ok: boolean;
      state: 'right' | 'wrong' | 'lacking';
      error: number | null;
      detail?: string;
    }
  /** Of `serve`, which is ready: its root without /v1, and the models that a request may name. */
  | { kind: 'listening'; url: string; models: string[] }
  | { kind: 'file'; path: string; ok: boolean; error: string | null }
  /** Answers of the base and of the tuned model, and how many were right, by skill. Of the demo alone. */
  | { kind: 'skills'; examples: Compared[]; scores: { skill: string; how: string; before: number; after: number; of: number }[] }
  /** For people only: progress and remarks that are no part of the contract. */
  | { kind: 'note' | 'warning'; text: string; about?: 'data' }
  | { kind: 'device'; name: string; software: boolean }
  /** The model on the device: parameters, layers, and the shape [out, in] of each module of a layer. */
  | { kind: 'model'; name: string; parameters: number; layers: number; modules: Record<string, readonly [number, number]> }
  | {
      kind: 'start';
      phase: 'load' | 'warmup' | 'train' | 'eval' | 'before' | 'after' | 'save' | 'answers' | 'checks';
      total: number;
    }
  /** Rows of the phase done so far, where no line above says it. */
  | { kind: 'progress'; done: number };

/** Takes the lines of a run as they come. */
export type Report = (line: Line) => void;
