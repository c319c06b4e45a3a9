// Sparse Matrix Tuning as a method: read some data, score every block of the target matrices, train the best ones.
// He et al., ICLR 2025, arXiv 2405.15525; where the paper and its code differ, the words of --help decide.

import type { Adapter, SmtAdapter } from '../../io/adapter.ts';
import { MODULES, type Module } from '../../models/config.ts';
import type { Decoder } from '../../models/decoder.ts';
import type { Line } from '../../report.ts';
import { setting } from '../../setting.ts';
import { version } from '../../version.ts';
import type { Attached, Base, Choosing, Method, MethodKind, Rates, Training } from '../method.ts';
import { matrixParameters, sizeOfTargets, targetsOf, weightOf } from '../targets.ts';
import { attachBlocks, savedBlocks } from './blocks.ts';
import { blockEdge, type Group, groupsOf } from './budget.ts';
import { type ScoreSettings, scoreMaps, warmupOf } from './scores.ts';
import {
  boundSelection,
  byRank,
  chooseBlocks,
  lieOf,
  overlap,
  type ScoreMaps,
  type Selection,
  SPREADS,
  type Spread,
  type Spreading,
  selectionIn,
  selectionLine,
  selectionOf,
  sharesOf,
} from './select.ts';

/** Settings of SMT: where blocks are chosen, how many, and by which scores. */
export interface SmtSettings extends ScoreSettings, Spreading {
  targets: readonly Module[];
  /** Edge of a block. */
  block: number | 'auto';
  /** How much may train: "0.84%" of the model, "5%t" of the targets, "863b" blocks, or "attn=0.8%,mlp=0.2%". */
  budget: string;
  /** Blocks chosen before: no warm-up. */
  selection?: Selection;
}

export const SMT_DEFAULTS = {
  block: 'auto',
  budget: '0.84%',
  select: 'gradient',
  score: 'absmean',
  spread: 'fair',
  kappa: 1,
  warmup: 'frozen',
  warmupSteps: 100,
} as const;

/**
 * Measured on SmolLM2-135M (banking77, 60 steps): the best of lists lay at 3e-3 to 8e-3, by Muon at 5e-3 for 0.86 % of the targets and
 * 3e-3 for 2.9 %. By rule it is a third of AdamW's centre: nothing has tried it, and too large a rate breaks a model.
 */
const RATES: Rates = { fixed: 1e-3, centres: { adamw: 3e-3, muon: 5e-3 } };

/** Where everything trains first, a rate that does not break a model: a comment in the released code prefers it to its own 9.65e-6. */
export const FULL_WARMUP_RATE = 1e-4;

export const SMT: MethodKind<SmtSettings> = {
  name: 'smt',
  help: 'chosen blocks of the weights',
  lr: RATES.fixed,
  rates: RATES,
  betas: [0.9, 0.95],
  optimizers: ['muon', 'adamw'],
  takes: [
    ...['targets', 'budget', 'block', 'score', 'select', 'spread', 'kappa', 'warmup', 'warmupSteps', 'selection', 'preset'],
    ...['adapter', 'dtype'],
  ],
  make: (settings) => smt(settings),
  adapters: {
    words: (a) => {
      const { block, score, budget, targets } = blocksIn(a);
      return { block, score, budget, targets };
    },
    from: (a, settings) => sparse({ ...withDefaults(settings), selection: selectionOf(blocksIn(a)) }, blocksIn(a)),
  },
  sized(d, settings, parameters) {
    const { targets, block } = withDefaults(settings);
    const b = blockEdge(targetsOf(d, targets), block);
    const count = Math.floor((parameters * (1 + 1e-12)) / (b * b));
    if (count < 1) return `a block of ${b} x ${b} has ${b * b} parameters`;
    return { options: { budget: `${count}b` }, trainable: count * b * b };
  },
};

/** Chosen blocks of the target matrices: 0.84 % of the model, of q, k and v, by their gradients, where not told otherwise. */
export function smt(settings: Partial<SmtSettings> = {}): Method {
  return sparse(withDefaults(settings));
}

const withDefaults = (settings: Partial<SmtSettings> = {}): SmtSettings =>
  covering({ targets: ['q_proj', 'k_proj', 'v_proj'], seed: 0, ...SMT_DEFAULTS, ...settings });

/** With blocks that are given, the matrices that they are of are targets too: an adapter has the shape of each that it may change. */
export function covering<S extends Pick<SmtSettings, 'targets' | 'selection'>>(s: S): S {
  const given = new Set(s.selection?.blocks.map(({ module }) => module));
  return { ...s, targets: [...s.targets, ...MODULES.filter((m) => given.has(m) && !s.targets.includes(m))] };
}

function blocksIn(a: Adapter): SmtAdapter {
  if ('block' in a) return a;
  throw new Error('expected an adapter of blocks, got one of another method.');
}

/** saved: its blocks are the selection, and they begin with its differences. scored: what the selection was chosen by. */
function sparse(s: SmtSettings, saved?: SmtAdapter, scored?: Scored): Method {
  const { selection, ...settings } = s;
  const known = selection && {
    choice: selection,
    announce: (d: Decoder) => [toldSelection(d, s, selection), ...toldLie(d, s, selection)],
  };
  const open = selection ? {} : { choose: (c: Choosing) => choose(c, s), warmup: warmupFor(s) };
  return {
    name: SMT.name,
    settings,
    movesBase: s.warmup === 'full' && !saved,
    ...(s.warmup === 'full' && !saved ? { lr: FULL_WARMUP_RATE } : { rates: RATES }),
    wholeGradients: !selection && s.select === 'gradient',
    trainsWithin: true,
    check: (d) => void (selection ?? bound(d, s)),
    ...known,
    ...open,
    ...(scored && { explain: (d) => [explained(d, s, scored)] }),
    chosen: (choice) => sparse({ ...s, selection: selectionIn(choice as Selection) }, saved),
    attach: (d, train) => attach(d, s, train, saved),
  };
}

// --- choosing -----------------------------------------------------------------------------------------------------------

/** The best blocks within the budget, and the scores they were chosen by. */
export interface Scored extends Selection {
  maps: ScoreMaps;
}

/** Scores the blocks of the targets and chooses; null where the run was stopped meanwhile. */
export async function chooseBlocksBy(c: Choosing, s: SmtSettings): Promise<Scored | null> {
  const { targets, block } = candidates(c.base.decoder, s);
  const maps = await scoreMaps(c, s, targets, block);
  if (!maps) return null;
  c.scored?.({ block, maps });
  return { ...chooseAgain(c.base.decoder, s, maps), maps };
}

/** The choice that these settings come to by scores that are known. */
export function chooseAgain(d: Decoder, s: SmtSettings, maps: ScoreMaps): Selection {
  const { block, groups } = candidates(d, s);
  return { block, blocks: groups.flatMap((g) => chooseBlocks(g.targets, maps, block, g.count, s)).sort(byRank) };
}

async function choose(c: Choosing, s: SmtSettings): Promise<Method | null> {
  const scored = await chooseBlocksBy(c, s);
  return scored && sparse({ ...s, selection: { block: scored.block, blocks: scored.blocks } }, undefined, scored);
}

interface Candidates {
  targets: ReturnType<typeof targetsOf>;
  block: number;
  groups: Group[];
}

function candidates(d: Decoder, s: SmtSettings): Candidates {
  const targets = targetsOf(d, s.targets);
  const block = blockEdge(targets, s.block);
  return { targets, block, groups: groupsOf(targets, s.budget, block, matrixParameters(d)) };
}

const warmupFor =
  (s: SmtSettings): Method['warmup'] =>
  (d, stream, planning) => {
    const { targets, block } = candidates(d, s);
    return warmupOf(d, stream, planning, s, targets, block);
  };

/** As many blocks as the budget buys, wherever they need most. */
function bound(d: Decoder, s: SmtSettings): Selection {
  const { targets, block, groups } = candidates(d, s);
  return boundSelection(
    targets,
    block,
    groups.reduce((n, g) => n + g.count, 0),
  );
}

// --- on the model -------------------------------------------------------------------------------------------------------

function attach(d: Decoder, s: SmtSettings, train: Training | null, saved: SmtAdapter | undefined): Attached {
  const selection = s.selection ?? bound(d, s);
  const { matrices, ...attached } = attachBlocks(d, selection, train, saved);
  const of = sizeOfTargets(targetsOf(d, s.targets));
  return { ...attached, of, adapter: (base, hashes) => adapterOf(base, s, selection, matrices, hashes) };
}

/** The trained blocks as an adapter: differences, and the shapes and hashes of every target matrix of the base. */
async function adapterOf(
  base: Base,
  s: SmtSettings,
  { block }: Selection,
  matrices: Parameters<typeof savedBlocks>[1],
  hashes: boolean,
): Promise<SmtAdapter> {
  const of: SmtAdapter['base'] = { shapes: {}, sha256: {} };
  for (const t of targetsOf(base.decoder, s.targets)) {
    of.shapes[t.name] = [t.rows, t.cols];
    if (hashes) of.sha256[t.name] = await base.sha256(weightOf(base.decoder, t));
  }
  const { score, budget, seed } = s;
  const targets = s.targets.map((m) => m.replace(/_proj$/, ''));
  return { method: 'smt', block, targets, score, budget, seed, version, base: of, matrices: await savedBlocks(base, matrices) };
}

/** The line that tells of chosen blocks. */
export function toldSelection(d: Decoder, { targets }: Pick<SmtSettings, 'targets'>, selection: Selection) {
  return selectionLine(selection, sizeOfTargets(targetsOf(d, targets)), matrixParameters(d));
}

/** What each spread would choose by these scores at this budget, matrix by matrix. */
export function explained(d: Decoder, s: SmtSettings, { maps }: Scored): Extract<Line, { kind: 'explained' }> {
  const { targets, block, groups } = candidates(d, s);
  const by = (spread: Spread): Selection => ({
    block,
    blocks: groups.flatMap((g) => chooseBlocks(g.targets, maps, block, g.count, { spread, kappa: s.kappa })),
  });
  const choices = SPREADS.map((spread) => ({ spread, choice: by(spread) }));
  const shares = choices.map(({ spread, choice }) => ({ spread, of: sharesOf(choice, targets) }));
  return {
    kind: 'explained',
    matrices: targets.map((t, i) => ({
      layer: t.layer,
      module: t.module,
      score: maps.get(t.name)!.reduce((sum, x) => sum + x, 0),
      ...(Object.fromEntries(shares.map(({ spread, of }) => [spread, of[i]])) as Record<Spread, number>),
    })),
    overlap: Object.fromEntries(
      choices.flatMap((one, i) =>
        choices.slice(i + 1).map((other) => [`${one.spread}_${other.spread}`, overlap(one.choice, other.choice)]),
      ),
    ),
  };
}

/** How the chosen blocks lie, for people; and that they crowd, where one ranking of all has let them. */
export function toldLie(d: Decoder, { targets, spread }: Pick<SmtSettings, 'targets' | 'spread'>, selection: Selection): Line[] {
  const all = targetsOf(d, targets);
  const n = selection.blocks.length;
  const { layers, matrices, fullest, share } = lieOf(selection, all);
  const note: Line = {
    kind: 'note',
    text:
      `${n} blocks lie in ${layers} of ${d.layers.length} layers and ${matrices} of ${all.length} matrices, ` +
      `the fullest, ${fullest.module} of layer ${fullest.layer}, to ${Number((100 * share).toPrecision(2))} %`,
  };
  const room = Math.min(n, all.length);
  if (spread !== 'global' || matrices >= CROWDED * room) return [note];
  const text = `the blocks crowd: ${n} of them, but only ${matrices} of ${all.length} matrices train at all. ${setting('spread')} fair discounts every further block of a matrix; on a model of 135 M it learned far more`;
  return [note, { kind: 'warning', text }];
}

/** Below this share of the matrices that could be touched, a choice crowds. */
const CROWDED = 0.5;
