// The part of the options table that is of low-rank adapters: LoRA's and DoRA's factors, and what blocks beside them have of a budget.

import { RANK_DEFAULTS } from '../methods/lora.ts';
import { MIX_DEFAULTS } from '../methods/smt-lora.ts';
import { int, number, or, type Where } from './kinds.ts';

const RANK: Where = ['rank', ['train', 'plan']];

export const RANK_OPTIONS = {
  share: or(
    number(RANK, 'X', 'share of what trains that is blocks; the rest is low-rank adapters (smt+lora)', { above: 0, below: 1 }),
    MIX_DEFAULTS.share,
  ),
  rank: or(int(RANK, 'rank of the adapters'), RANK_DEFAULTS.rank),
  alpha: or(number(RANK, 'A', 'the adapter counts alpha / rank times', { above: 0 }), RANK_DEFAULTS.alpha),
  dropout: or(number(RANK, 'P', "share of the adapter's inputs left out in a step", { min: 0, below: 1 }), RANK_DEFAULTS.dropout),
} as const;
