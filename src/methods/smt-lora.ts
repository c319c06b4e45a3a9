// Blocks and low rank at one budget: chosen blocks of the target matrices, and factors beside all of them, each with its optimizer.
// Both are the methods of their own files; here is only how the budget is shared out and that they train together.

import type { Adapter, MixedAdapter, SmtAdapter } from '../io/adapter.ts';
import type { PeftAdapter } from '../io/adapter-peft.ts';
import type { Decoder } from '../models/decoder.ts';
import { setting } from '../setting.ts';
import { LORA, type RankSettings } from './lora.ts';
import type { Attached, Method, MethodKind, Rates, Training } from './method.ts';
import { amountsOf, blockEdge, parametersIn } from './smt/budget.ts';
import { covering, SMT, SMT_DEFAULTS, type SmtSettings } from './smt/method.ts';
import { type Selection, selectionIn } from './smt/select.ts';
import { matrixParameters, type Target, targetsOf } from './targets.ts';
import { together } from './together.ts';

/** Settings of blocks and factors together. */
export interface MixSettings extends SmtSettings, Pick<RankSettings, 'dropout'> {
  /** Of what trains, what is blocks (0 to 1); the rest is factors of as near a rank as there is, and blocks fill the budget. */
  share: number;
  /** Peak learning rate of the factors, where it is another than that of the blocks. */
  loraLr?: number;
}

export const MIX_DEFAULTS = { share: 0.5 } as const;

/**
 * Measured on SmolLM2-135M (banking77, 60 steps, 2.9 % of the targets): blocks by Muon and factors by AdamW at 3e-3 both had the
 * lowest mean of all; factors by Muon too broke one run of four. By rule it is a third: nothing has tried it.
 */
const RATES: Rates = { fixed: 1e-3, centres: { adamw: 3e-3, muon: 5e-3 } };

export const SMT_LORA: MethodKind<MixSettings> = {
  name: 'smt+lora',
  help: 'blocks and low-rank adapters at one budget',
  lr: RATES.fixed,
  rates: RATES,
  betas: [0.9, 0.999],
  optimizers: ['muon', 'adamw'],
  takes: [
    ...['targets', 'budget', 'share', 'loraLr', 'dropout', 'block', 'score', 'select', 'spread', 'kappa', 'warmupSteps'],
    ...['selection', 'adapter'],
  ],
  make: (settings) => smtLora(settings),
  adapters: {
    words(a) {
      const { share, blocks, factors } = mixIn(a);
      const { block, score, budget, targets } = blocks;
      return { block, score, budget, targets, share, dropout: factors.dropout };
    },
    from: (a, settings) => mixed(withDefaults(settings), undefined, mixIn(a)),
  },
  sized(d, settings, parameters) {
    const s = withDefaults(settings);
    const b = blockEdge(targetsOf(d, s.targets), s.block);
    const budget = `${Math.floor((parameters * (1 + 1e-12)) / (b * b))}b`;
    try {
      const { rank, blocks, each } = sharesOf(d, { ...s, budget });
      return { options: { budget }, trainable: rank * each + blocks * b * b };
    } catch (e) {
      return (e as Error).message;
    }
  },
};

/** Chosen blocks and low-rank factors of the target matrices at one budget: half and half of 0.84 % of the model, where not told otherwise. */
export function smtLora(settings: Partial<MixSettings> = {}): Method {
  return mixed(withDefaults(settings));
}

const withDefaults = (settings: Partial<MixSettings> = {}): MixSettings =>
  covering({
    targets: ['q_proj', 'k_proj', 'v_proj'],
    seed: 0,
    dropout: 0,
    ...SMT_DEFAULTS,
    ...MIX_DEFAULTS,
    ...settings,
  });

function mixIn(a: Adapter): MixedAdapter {
  if ('factors' in a) return a;
  throw new Error('expected an adapter of blocks and factors, got one of another method.');
}

/** chosen: the blocks of the budget. saved: goes on from its blocks and factors. */
function mixed(s: MixSettings, chosen?: Selection, saved?: MixedAdapter): Method {
  const { selection: given, warmup: _, ...settings } = s;
  const parts = (d: Decoder) => partsFor(d, s, chosen, saved);
  const known = Boolean(chosen ?? given ?? saved);
  const open: Partial<Method> = {
    async choose(c) {
      const blocks = await parts(c.base.decoder).blocks.choose!(c);
      return blocks && { ...mixed(s, blocks.choice as Selection), explain: blocks.explain };
    },
    warmup: (d, stream, planning) => parts(d).blocks.warmup!(d, stream, planning),
  };
  return {
    name: SMT_LORA.name,
    settings,
    movesBase: false,
    rates: RATES,
    wholeGradients: !known && s.select === 'gradient',
    check(d) {
      const { blocks, factors } = parts(d);
      blocks.check(d);
      factors.check(d);
    },
    announce(d) {
      const { blocks, rank } = parts(d);
      return [...(blocks.announce?.(d) ?? []), { kind: 'note', text: `factors of rank ${rank} beside the blocks` }];
    },
    ...(known ? { choice: chosen ?? given } : open),
    chosen: (choice) => mixed(s, selectionIn(choice as Selection), saved),
    attach: (d, train) => attach(d, s, parts(d), train),
  };
}

interface Parts {
  blocks: Method;
  factors: Method;
  rank: number;
}

/** The methods that it is made of, for a model: the shapes of its matrices say how the budget is shared out. */
function partsFor(d: Decoder, s: MixSettings, chosen?: Selection, saved?: MixedAdapter): Parts {
  const { share: _, loraLr: __, selection: given, ...own } = s;
  const frozen = { ...own, warmup: 'frozen' } as const;
  if (saved) {
    const { blocks, factors } = saved;
    return {
      blocks: SMT.adapters!.from(blocks, frozen),
      factors: LORA.adapters!.from(factors, frozen),
      rank: factors.rank,
    };
  }
  const { rank, budget } = given ? { rank: rankBeside(d, s, given), budget: s.budget } : sharesOf(d, s);
  const selection = chosen ?? given;
  return {
    blocks: SMT.make({ ...frozen, budget, ...(selection && { selection }) }),
    factors: LORA.make({ ...frozen, rank, alpha: 2 * rank }),
    rank,
  };
}

/** A matrix of factors moves by AdamW, as that is what the mix was measured with; the blocks as the run says. */
function attach(d: Decoder, s: MixSettings, { blocks, factors }: Parts, train: Training | null): Attached {
  const own = blocks.attach(d, train);
  const beside = factors.attach(d, train && { ...train, muon: undefined });
  if (s.loraLr !== undefined) {
    beside.ownRate = s.loraLr;
    for (const t of beside.trained) t.ownRate = true;
  }
  return {
    ...together(own, beside),
    async adapter(base, hashes): Promise<MixedAdapter> {
      const of = (await own.adapter(base, hashes)) as SmtAdapter;
      const { sha256: _, ...low } = (await beside.adapter(base, false)) as PeftAdapter;
      return { method: 'smt+lora', share: s.share, blocks: { ...of, budget: s.budget }, factors: low };
    },
  };
}

// --- how the budget is shared out ---------------------------------------------------------------------------------------

interface Shares {
  rank: number;
  /** Parameters that one rank has. */
  each: number;
  blocks: number;
  /** The blocks as a budget of their own. */
  budget: string;
}

/** The rank nearest to its share of the budget, 1 at least, and as many blocks as the rest of it buys, of each group on its own. */
function sharesOf(d: Decoder, s: MixSettings): Shares {
  const targets = targetsOf(d, s.targets);
  const b = blockEdge(targets, s.block);
  const amounts = amountsOf(targets, s.budget).map((group) => ({
    ...group,
    parameters: parametersIn(group.amount, b, group.targets, matrixParameters(d)),
  }));
  const each = perRank(targets);
  const all = amounts.reduce((n, { parameters }) => n + parameters, 0);
  const rank = nearestRank(targets, ((1 - s.share) * all) / each);
  const counts = amounts.map(({ name, targets: own, parameters }) => {
    const left = parameters - rank * perRank(own);
    const count = Math.floor((left * (1 + 1e-12)) / (b * b));
    if (count < 1) throw tooSmall(s, own, b, rank, parameters);
    return { count, text: name ? `${name}=${count}b` : `${count}b` };
  });
  return {
    rank,
    each,
    blocks: counts.reduce((n, { count }) => n + count, 0),
    budget: counts.map(({ text }) => text).join(','),
  };
}

function tooSmall({ budget, share }: MixSettings, targets: Target[], b: number, rank: number, parameters: number): Error {
  const least = b * b + perRank(targets);
  const taken = rank * perRank(targets);
  const smaller = taken < parameters ? `, or lower ${setting('block')}` : ''; // else there is no room for any
  return new Error(
    `expected a budget that buys rank 1 and a block of these matrices, ${perRank(targets)} + ${b * b} = ${least} parameters, with ${setting('share')} ${share} ` +
      `got ${setting('budget')} ${budget} = ${Math.floor(parameters)}, of which rank ${rank} takes ${taken}. ` +
      `Raise ${parameters < least ? setting('budget') : setting('share')}${smaller}.`,
  );
}

/** Beside blocks that are given: they are the share. */
function rankBeside(d: Decoder, { targets: modules, share }: MixSettings, { block, blocks }: Selection): number {
  const targets = targetsOf(d, modules);
  return nearestRank(targets, (((1 - share) / share) * blocks.length * block * block) / perRank(targets));
}

const perRank = (targets: Target[]) => targets.reduce((n, t) => n + t.rows + t.cols, 0);

function nearestRank(targets: Target[], rank: number): number {
  const most = targets.reduce((n, t) => Math.min(n, t.rows, t.cols), Number.POSITIVE_INFINITY);
  return Math.min(most, Math.max(1, Math.round(rank)));
}
