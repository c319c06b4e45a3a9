// The part of the options table that is of the optimizer: its rates and their schedule, and what it makes of gradients.

import { DECAYS_TOWARD, MUON_SCALES, OPTIMIZERS } from '../methods/method.ts';
import { choice, number, type Option, or, type Where } from './kinds.ts';

const STEP: Where = ['optimizer', ['train']];

export const OPTIMIZER_OPTIONS = {
  lr: {
    kind: 'rate',
    group: 'optimizer',
    verbs: ['train'],
    metavar: 'X',
    help: 'peak learning rate; auto: found by trial (default: auto from 167 steps on where rates can be tried, else by how much trains; full 1e-5)',
  } as Option<number | 'auto'>,
  loraLr: number(
    ['optimizer', ['train', 'plan']],
    'X',
    'peak learning rate of the low-rank adapters beside blocks (smt+lora; default: that of the blocks)',
    { above: 0 },
  ),
  schedule: or(choice(STEP, ['constant', 'linear', 'cosine'], 'how the learning rate falls'), 'linear'),
  lrWarmup: or(number(STEP, 'X', 'steps, or below 1 a share of the run, in which it rises', { min: 0 }), 0.03),
  optimizer: choice(
    ['optimizer', ['train', 'plan']],
    OPTIMIZERS,
    'adamw: element by element; muon: every matrix (a block of smt and smt+lora, a factor of lora and dora) by its orthogonalised moment (default: muon with blocks, else adamw)',
  ),
  muonScale: or(
    choice(
      STEP,
      MUON_SCALES,
      "size of muon's steps: of a block alone, or divided by the root of the most chosen blocks in a strip of its matrix (smt)",
    ),
    'strip',
  ),
  betas: {
    kind: 'pair',
    group: 'optimizer',
    verbs: ['train'],
    metavar: 'A,B',
    help: "AdamW's; the first is Muon's momentum too (default: smt 0.9,0.95, others 0.9,0.999)",
  } as Option<[number, number]>,
  eps: or(number(STEP, 'X', "AdamW's", { above: 0 }), 1e-8),
  weightDecay: or(number(STEP, 'X', 'on matrices only', { min: 0 }), 0),
  decayToward: or(
    choice(
      STEP,
      DECAYS_TOWARD,
      "what weight decay draws a block's weights to: zero, or the base, which forgets less (smt, smt+lora)",
    ),
    'zero',
  ),
  clip: or(number(STEP, 'X', 'largest norm of the gradient; 0 is off', { min: 0 }), 1),
} as const;
