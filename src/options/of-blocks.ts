// The part of the options table that is of the blocks of SMT: how many, how large, and what they are chosen by.

import { SMT_DEFAULTS } from '../methods/smt/method.ts';
import { SCORES, SELECTS, WARMUPS } from '../methods/smt/scores.ts';
import { SPREADS } from '../methods/smt/select.ts';
import { choice, flag, int, number, type Option, or, text, type Where } from './kinds.ts';

const CHOOSES = ['train', 'select', 'plan'] as const;
const BLOCKS: Where = ['blocks', CHOOSES];

export const BLOCK_OPTIONS = {
  budget: or(
    {
      kind: 'budget',
      group: 'blocks',
      verbs: CHOOSES,
      metavar: 'B',
      help: '0.84% of the model, 5%t of the targets, 863b blocks, or attn=0.8%,mlp=0.2%',
    } as Option<string>,
    SMT_DEFAULTS.budget,
  ),
  block: or(
    {
      kind: 'block',
      group: 'blocks',
      verbs: CHOOSES,
      metavar: 'N',
      help: 'edge of a block; auto: the largest power of two up to 256 that divides',
    } as Option<number | 'auto'>,
    SMT_DEFAULTS.block,
  ),
  score: or(choice(BLOCKS, SCORES, 'how gradients become the score of a block'), SMT_DEFAULTS.score),
  select: or(choice(BLOCKS, SELECTS, 'what blocks are chosen by'), SMT_DEFAULTS.select),
  spread: or(
    choice(
      BLOCKS,
      SPREADS,
      'fair: one ranking of all blocks in which every further block of a matrix counts less; apart: and every further one of a row or column of blocks in it; global: one ranking of the scores as they are; matrix: a share for every matrix',
    ),
    SMT_DEFAULTS.spread,
  ),
  kappa: or(
    number(BLOCKS, 'X', 'the discount of fair and apart; 0: a further block of a matrix counts as the first', { min: 0 }),
    SMT_DEFAULTS.kappa,
  ),
  warmup: or(
    choice(BLOCKS, WARMUPS, 'frozen: weights stay while scores gather; full: they train, and the result is a model'),
    SMT_DEFAULTS.warmup,
  ),
  warmupSteps: or(
    int(BLOCKS, 'micro-batches that scores gather over; fewer where the data is shorter'),
    SMT_DEFAULTS.warmupSteps,
  ),
  selection: text(
    ['blocks', ['train', 'plan', 'replay']],
    'FILE',
    'train these blocks (what select --out wrote), without a warm-up',
  ),
  scores: text(['blocks', ['select']], 'FILE', 'write the score of every block (safetensors)'),
  explain: flag(
    ['blocks', ['select']],
    'tell for every matrix its scores and what each spread would choose of it, what the spreads have in common, and stability',
  ),
  stability: flag(['blocks', ['select']], 'choose by each half of the warm-up alone too, and tell how many blocks agree'),
} as const;
