/**
 * Published settings by name (`--preset`), and what is published about the learning rate. Data and arithmetic on options;
 * what was given explicitly always wins over a preset.
 */
import { publishedRate } from '../methods/smt/rate.ts';

export const PRESETS = ['smt-paper', 'smft'] as const;

/** SMT's released code, the commonsense run (a Llama of 7 B): a full warm-up that is kept, then its best blocks. */
const SMT_PAPER = {
  targets: ['q', 'k', 'v'],
  block: 256,
  budget: '0.84%',
  select: 'gradient',
  score: 'absofmean',
  spread: 'global',
  warmup: 'full',
  warmupSteps: 100,
  optimizer: 'adamw',
  lr: 9.65e-6,
  betas: [0.9, 0.95],
  eps: 1e-8,
  weightDecay: 0,
  clip: 1,
  schedule: 'linear',
  lrWarmup: 0,
  epochs: 3,
  batch: 4,
  accumulate: 16,
  maxLength: 2048,
  learn: 'response',
  seed: 1234,
};

/** The guide's package: weights stay while gradients gather over 100 batches. */
const SMFT = {
  targets: ['q', 'k', 'v'],
  block: 256,
  budget: '1%t',
  select: 'gradient',
  score: 'absmean',
  spread: 'global',
  warmup: 'frozen',
  warmupSteps: 100,
  optimizer: 'adamw',
};

/** How blocks are chosen: nothing of it stands beside blocks that are chosen already. */
const CHOICE = ['block', 'budget', 'select', 'score', 'spread', 'warmup', 'warmupSteps'] as const;

/** What of the options a preset heeds. */
interface Heeded {
  preset?: (typeof PRESETS)[number];
  budget?: string;
  steps?: number;
  selection?: string;
}

/** The options with a preset's settings where none is given; without a preset, the options themselves. */
export function withPreset<Options extends Heeded>(options: Options): Options {
  if (!options.preset) return options;
  const filled: Partial<typeof SMT_PAPER> =
    options.preset === 'smt-paper' ? { ...SMT_PAPER } : { ...SMFT, lr: smftRate(options.budget ?? SMFT.budget) };
  if (options.steps !== undefined) delete filled.epochs;
  if (options.selection) for (const key of CHOICE) delete filled[key];
  return { ...filled, ...options };
}

/** The guide's peak: 2e-3 where 1 to 5 % of the targets train, 2e-4 from 10 % on. Budgets in other words count as small. */
function smftRate(budget: string): number {
  return publishedRate(Number(budget.match(/^(.*)%t$/i)?.[1] ?? 0) / 100);
}
