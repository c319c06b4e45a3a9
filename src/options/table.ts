/**
 * The options table: every flag of the command line with its verbs, kind, default and words. The flags (args.ts), --help
 * (help.ts), the page's forms and the checks on a saved recipe (recipe.ts) are all made from it. Which options exclude
 * each other is rules.ts. A key is the flag in camel case: maxLength is --max-length, and max-length in no other spelling.
 */

import { WRITABLE } from '../formats.ts';
import { GPU_NAMES } from '../gpus.ts';
import { METHOD_NAMES, METHODS, methodNamed } from '../methods/index.ts';
import type { Optimizer } from '../methods/method.ts';
import { FULL_WARMUP_RATE } from '../methods/smt/method.ts';
import { TOPK_DEFAULTS } from '../methods/topk.ts';
import { OF_EXPORTS } from './exports.ts';
import {
  choice,
  choices,
  day,
  flag,
  int,
  narrowed,
  number,
  type Option,
  or,
  text,
  texts,
  VERBS,
  type Verb,
  type Where,
} from './kinds.ts';
import { BLOCK_OPTIONS } from './of-blocks.ts';
import { OPTIMIZER_OPTIONS } from './of-optimizer.ts';
import { RANK_OPTIONS } from './of-ranks.ts';
import { SERVER_OPTIONS } from './of-server.ts';
import { TASK_OPTIONS } from './of-tasks.ts';
import { PRESETS, withPreset } from './presets.ts';

export { EXPORTS, type ExportFormat } from '../formats.ts';
export { FILES, GROUPS, type Option, VERBS, type Verb } from './kinds.ts';

const ALL = Object.keys(VERBS) as Verb[];
const LOADS = ALL.filter((verb) => !['inspect', 'demo'].includes(verb));
const READS: Verb[] = ['train', 'select', 'eval', 'rows', 'plan'];
const ROWS: Verb[] = [...READS, 'generate'];
/** What a replay may be told anew: where things lie. */
const again = (...verbs: Verb[]): Verb[] => [...verbs, 'replay'];
const CHOOSES: Verb[] = ['train', 'select', 'plan'];
const SAVES: Verb[] = ['train', 'select', 'eval', 'rows', 'merge', 'export', 'replay', 'demo'];

const MODEL: Where = ['model', LOADS];
const RUN: Where = ['run', ['train', 'plan']];
const ANSWER: Where = ['answer', ['generate']];
const WATCH: Where = ['watch', ['train']];

export const PARTS = ['gemm', 'kernel', 'step', 'memory', 'load', 'decode'] as const;
export const TARGETS = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'] as const;

export const OPTIONS = {
  model: text(
    MODEL,
    'M',
    "Hugging Face folder, .gguf file, http(s) address of either, or hf:OWNER/NAME (default: the built-in model); compare: in place of the recipe's",
  ),
  hub: or(text(MODEL, 'URL', 'host of hf:OWNER/NAME'), 'https://huggingface.co'),
  base: or(choice(MODEL, ['keep', ...WRITABLE], 'how frozen weights are stored on the GPU'), 'keep'),
  adapter: text(
    ['model', again('train', 'eval', 'generate', 'merge', 'export')],
    'A',
    'start from, or apply, this adapter folder: ours, or LoRA and DoRA as PEFT saves them',
  ),

  data: texts(
    ['data', again(...ROWS)],
    'D...',
    '.jsonl .json .csv .tsv .txt .parquet, one or several (default: the built-in task)',
  ),
  columns: text(
    ['data', ROWS],
    'R=C,...',
    'which column is which, for example prompt=question,completion=answer (default: detected and shown)',
  ),
  template: or(
    text(
      ['data', again(...ROWS, 'serve')],
      'T',
      'how rows are written: auto, alpaca, chat, plain, or a file with a chat template (Jinja)',
    ),
    'auto',
  ),
  learn: or(choice(['data', READS], ['response', 'all'], 'which tokens are learned'), 'response'),
  date: or(
    day(['data', ['train', 'select', 'eval', 'generate', 'rows', 'serve']], "the day that a chat template's strftime_now sees"),
    '2024-07-26',
  ),
  batch: or(int(['data', READS], 'rows a micro-batch'), 4),
  maxLength: or(int(['data', READS], 'longer rows are cut at the end (tokens)', 2), 512),
  noShuffle: flag(['data', READS], 'rows in the order of the file'),
  skipBadRows: flag(['data', ROWS], 'count unsound rows instead of stopping at the first'),

  method: or(
    choice(['method', ['train', 'plan']], METHOD_NAMES, METHODS.map((m) => `${m.name}: ${m.help}`).join('; ')),
    METHODS[0].name,
  ),
  preset: choice(
    ['method', CHOOSES],
    PRESETS,
    "published settings where none are given: SMT's released code, or the SMFT package of its guide",
  ),
  layers: or(int(['method', ['train', 'plan']], 'how many of the last layers train (topk-layers)'), TOPK_DEFAULTS.layers),
  targets: or(
    choices(
      ['method', CHOOSES],
      TARGETS,
      'T,...',
      'matrices that may train: q,k,v,o,gate,up,down; attn, mlp and all are short for several',
    ),
    ['q', 'k', 'v'],
  ),

  ...BLOCK_OPTIONS,

  ...RANK_OPTIONS,

  recompute: or(
    choice(
      ['run', CHOOSES],
      ['auto', 'on', 'off'],
      'make what a layer kept for the backward again instead of keeping it; auto: where --memory would not do without',
    ),
    'auto',
  ),
  memory: {
    kind: 'size',
    group: 'run',
    verbs: CHOOSES,
    metavar: 'SIZE',
    help: 'most that the run may take of the GPU, such as 6GB or 900MiB (default: no limit)',
  } as Option<string>,
  steps: int(['run', ['train']], 'optimizer steps (default: one epoch)'),
  epochs: number(['run', ['train']], 'X', 'passes over the data', { above: 0 }),
  accumulate: or(int(RUN, 'micro-batches a step'), 1),
  seed: or(
    int(
      ['run', [...LOADS, 'demo']],
      'the same seed gives the same bits on the same machine; compare: this one alone in place of a list',
      0,
    ),
    0,
  ),

  ...OPTIMIZER_OPTIONS,

  eval: text(['watch', again('train')], 'FILE|SHARE', 'held-out rows: a file, or a share of the data such as 5%'),
  evalEvery: int(WATCH, 'steps between evaluations (default: at the end of an epoch)'),
  patience: int(WATCH, 'stop after N evaluations without a better one, and keep the best'),
  guard: text(['watch', again('train')], 'FILE', 'a second data set, whose loss before and after tells what the model forgets'),
  checkpointEvery: int(WATCH, 'steps between checkpoints (default: one a minute where --out is given; 0 is off)', 0),
  resume: flag(
    ['watch', ['train', 'eval']],
    'train: go on from the newest sound checkpoint; eval: go on, in --task, from the answers that --out holds',
  ),
  keep: or(int(WATCH, 'checkpoints kept'), 2),
  maxSkips: or(int(WATCH, 'steps in a row skipped, as a gradient was not finite, that end the run'), 10),
  spike: number(WATCH, 'X', "tell of a gradient's norm over X times its running median", { above: 1 }),
  tensorboard: text(
    WATCH,
    'DIR',
    'write curves of the run as event files for TensorBoard; --resume goes on in them, --force writes over them',
  ),
  perExample: flag(['watch', ['eval']], 'one line a row'),

  ...TASK_OPTIONS,

  prompt: text(ANSWER, 'T', 'what to go on from'),
  chat: flag(ANSWER, "the prompt is a user's message, in the model's chat template"),
  maxNewTokens: or(int(['answer', ['generate', 'eval']], 'longest answer; eval: in --task as published where not given'), 128),
  temperature: or(number(ANSWER, 'X', '0 takes the likeliest token', { min: 0 }), 0),
  topP: or(number(ANSWER, 'X', 'drawn from the likeliest tokens that make up this share', { above: 0, max: 1 }), 1),
  ...SERVER_OPTIONS,

  out: text(
    ['output', [...SAVES, 'compare']],
    'PLACE',
    'folder or file to write, new or empty; compare: goes on with what is there; eval: .jsonl of the answers of --task',
  ),
  force: flag(['output', SAVES], 'write over what is there'),
  saveRecipe: text(
    ['output', ['train']],
    'FILE',
    'write every setting of the run, defaults included, as a recipe that train takes',
  ),
  ...OF_EXPORTS,
  table: flag(['output', ['plan']], 'methods by rows, budgets by columns'),
  cost: flag(['output', ['plan']], 'what a step costs, counted from its kernels: dispatches, FLOPs, bytes, beside what it needs'),
  gpu: {
    kind: 'gpu',
    group: 'output',
    verbs: ['plan'],
    metavar: 'TFLOPS,GBPS|NAME',
    help: `the cost with an estimate of a step's time on such a GPU: its peak and bandwidth, or one of ${GPU_NAMES.join(', ')}`,
  } as Option<string>,
  part: choices(['output', ['bench']], PARTS, 'P,...', `what is measured, some of ${PARTS.join(', ')} (default: all)`),

  runtime: or(
    narrowed(
      choice(
        ['machine', ALL.filter((verb) => !['inspect', 'plan', 'rows'].includes(verb))],
        ['auto', 'node', 'deno', 'chrome'],
        'what runs the work; auto: Node where its WebGPU finds a GPU, else Deno; chrome: the one installed, without a window',
      ),
      { serve: ['auto', 'node', 'deno'] },
    ),
    'auto',
  ),
  device: or(text(['machine', ALL.filter((verb) => verb !== 'inspect')], 'NAME', 'the GPU, by part of its name'), 'auto'),
  arithmetic: or(
    choice(
      ['machine', ['train', 'select', 'eval', 'generate', 'serve']],
      ['f32', 'f16'],
      'f16: multiply halves where the GPU passes its self-test; faster on some, three digits',
    ),
    'f32',
  ),
  tune: or(
    choice(
      ['machine', ALL.filter((verb) => verb !== 'inspect')],
      ['on', 'off'],
      'time kernel variants for at most 5 s before the first step; replay: off leaves those of the receipt for the default ones',
    ),
    'on',
  ),

  json: flag(['general', ALL], 'one JSON object a line on standard output, and nothing else'),
  quiet: flag(['general', ALL], 'no progress'),
  help: flag(['general', ALL], 'this text'),
  version: flag(['general', ALL], 'the version'),
} as const;

export type Key = keyof typeof OPTIONS;
type ValueOf<O> = O extends Option<infer T> ? T : never;

/** Options as given: any of the table, by key. */
export type Options = { -readonly [K in Key]?: ValueOf<(typeof OPTIONS)[K]> };

type WithDefault = { [K in Key]: (typeof OPTIONS)[K] extends { default: unknown } ? K : never }[Key];

/** Options with every default filled in. */
export type Settled = Options & { -readonly [K in WithDefault]-?: ValueOf<(typeof OPTIONS)[K]> } & {
  betas: [number, number];
  optimizer: Optimizer;
  /** What was given, before the defaults. */
  given: Options;
};

export const KEYS = Object.keys(OPTIONS) as Key[];
export const option = (key: Key) => OPTIONS[key] as Option<unknown>;
export const keysOf = (verb: Verb) => KEYS.filter((key) => option(key).verbs.includes(verb));
export const flagOf = (key: string) =>
  (OPTIONS as Record<string, Option<unknown>>)[key]?.flag ?? `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** The options with the preset's settings, the table's defaults, and lr, betas and optimizer by method. */
export function withDefaults(options: Options): Settled {
  const settled: Record<string, unknown> = {};
  const wanted = withPreset(options);
  for (const key of KEYS) settled[key] = wanted[key] ?? option(key).default;
  const { lr, rates, betas, optimizers } = methodNamed(settled.method as string);
  if (!rates) settled.lr ??= lr;
  else if (settled.warmup === 'full') settled.lr ??= FULL_WARMUP_RATE;
  settled.betas ??= betas;
  settled.optimizer ??= settled.warmup === 'full' ? 'adamw' : optimizers[0];
  for (const key of KEYS) if (settled[key] === undefined) delete settled[key];
  return { ...settled, given: options } as Settled;
}
