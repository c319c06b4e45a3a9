// What training steps cost by count on published models, and the goals that these figures are held to: from traces, without a GPU.
// `npm run figures` (main.ts) writes them into docs; figures.test.ts holds what stands there.

import { methodFrom, tuneOptions } from '../../src/commands/settings.ts';
import { planningOf } from '../../src/gpu/limits.ts';
import { configFromHf } from '../../src/io/config.ts';
import { newDecoder } from '../../src/models/decoder.ts';
import type { StoredFormat } from '../../src/ops/stored/formats.ts';
import { withDefaults } from '../../src/options/table.ts';
import { DESKTOP } from '../../src/parts.ts';
import { trainingCost } from '../../src/train/cost.ts';
import llama from './configs/llama-3.2-1b.json' with { type: 'json' };
import qwen from './configs/qwen2.5-0.5b.json' with { type: 'json' };
import smollm from './configs/smollm2-135m.json' with { type: 'json' };

const MODELS = { 'Llama-3.2-1B': llama, 'SmolLM2-135M': smollm, 'Qwen2.5-0.5B': qwen };

export interface Case {
  model: keyof typeof MODELS;
  method: 'smt' | 'lora' | 'dora' | 'full';
  format: StoredFormat;
  rows: number;
  /** MiB of a binding at most; that of a desktop's driver where absent. */
  binding?: number;
  /** Targets of the micro-batch, where they are not all tokens but the first of each row. */
  targets?: number;
  /** Dispatches at most, where there is a goal for them; no goal at all for what is only recorded. */
  goals?: { dispatches?: number };
}

const METHODS = ['smt', 'lora', 'dora'] as const;

/** Rows of 512 tokens. */
export const CASES: Case[] = [
  ...METHODS.flatMap((method): Case[] => [
    ...(['bf16', 'f32', 'q4_k'] as const).flatMap((format): Case[] => [
      { model: 'Llama-3.2-1B', method, format, rows: 1, goals: { dispatches: 750 } },
      { model: 'Llama-3.2-1B', method, format, rows: 4, goals: { dispatches: 900 } },
    ]),
    { model: 'SmolLM2-135M', method, format: 'bf16', rows: 1, goals: { dispatches: 800 } },
    { model: 'SmolLM2-135M', method, format: 'bf16', rows: 4, goals: {} },
  ]),
  { model: 'Llama-3.2-1B', method: 'smt', format: 'bf16', rows: 1, targets: 64 },
  { model: 'Llama-3.2-1B', method: 'smt', format: 'bf16', rows: 1, binding: 128 },
  { model: 'Llama-3.2-1B', method: 'smt', format: 'bf16', rows: 4, binding: 128 },
  { model: 'Llama-3.2-1B', method: 'full', format: 'f32', rows: 1 },
  { model: 'SmolLM2-135M', method: 'full', format: 'f32', rows: 4 },
  { model: 'Qwen2.5-0.5B', method: 'smt', format: 'bf16', rows: 1 },
  { model: 'Qwen2.5-0.5B', method: 'smt', format: 'bf16', rows: 4 },
];

export const nameOf = ({ model, method, format, rows, binding, targets }: Case): string =>
  [model, format, method, `${rows}x512`, targets && `${targets} targets`, binding && `bindings of ${binding} MiB`]
    .filter(Boolean)
    .join(' ');

const T = 512;

/** The counted figures of a case, kernels by name left out. */
export function figuresOf({ model, method: name, format, rows, binding, targets }: Case) {
  const config = configFromHf(MODELS[model], {}, model);
  const bytes = binding && binding * 2 ** 20;
  const planning = bytes ? planningOf({ ...DESKTOP, maxBinding: bytes, maxBuffer: bytes }) : DESKTOP;
  const o = withDefaults({ method: name, batch: rows, maxLength: T });
  const method = methodFrom(o);
  const decoder = newDecoder(config, T, () => format, planning.maxBinding);
  const sizes = { N: rows * T, M: targets ?? rows * (T - 1) };
  const { by_kernel, expected, ...figures } = trainingCost(
    decoder,
    method,
    { ...tuneOptions(o, method), sizes, recompute: false },
    planning,
  );
  return { ...figures, bytes_share: figures.bytes / figures.bytes_needed };
}

export type Figures = ReturnType<typeof figuresOf>;

/** What a figure should be, and whether it is. */
export const GOALS: { name: string; of: keyof Figures; least?: boolean; goal: number | ((c: Case) => number | undefined) }[] = [
  { name: 'dispatches', of: 'dispatches', goal: (c) => c.goals?.dispatches },
  { name: 'bytes over the least possible', of: 'bytes_share', goal: 1.5 },
  { name: 'FLOPs of products with tiles filled, over needed', of: 'padded_share', goal: 1.05 },
  { name: "visits of the head's weight", of: 'head_visits', goal: 2 },
  { name: 'products of fewer than 64 workgroups, k not split', of: 'small_grids', goal: 0 },
  { name: 'private words', of: 'private_floats', goal: 112 },
  { name: 'smallest workgroup', of: 'min_workgroup', goal: 32, least: true },
  { name: 'longest WGSL', of: 'wgsl_bytes', goal: 16384 },
];

/** The goals of a case that are not reached: the figure beside what it should be. */
export function notReached(c: Case, figures: Figures): { [goal: string]: [is: number, wanted: number] } {
  const open: { [goal: string]: [number, number] } = {};
  for (const { of, goal, least } of c.goals ? GOALS : []) {
    const wanted = typeof goal === 'number' ? goal : goal(c);
    if (wanted !== undefined && (least ? figures[of] < wanted : figures[of] > wanted)) open[of] = [figures[of], wanted];
  }
  return open;
}
