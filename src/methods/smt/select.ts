// Which blocks train: the ranking of score maps, and what a choice is. Pure arithmetic; no GPU.

import type { SmtAdapter } from '../../io/adapter.ts';
import { MODULES, type Module } from '../../models/config.ts';
import type { Line } from '../../report.ts';
import type { Target } from '../targets.ts';

/** A block by its place, row and column counted in blocks. */
export interface Choice {
  layer: number;
  module: Module;
  row: number;
  col: number;
  score: number;
}

/** Chosen blocks of edge `block`, best first. */
export interface Selection {
  block: number;
  blocks: Choice[];
}

/** Scores of a target's blocks [rows / b, cols / b], row-major, by weight name. */
export type ScoreMaps = Map<string, Float32Array>;

/**
 * fair: one ranking of all candidates, in which every further block of a matrix counts less. apart: in which every further one of a
 * row or column of its blocks counts less besides. global: one ranking of the scores as they are. matrix: a share for every matrix, in
 * proportion to its blocks.
 */
export const SPREADS = ['fair', 'apart', 'global', 'matrix'] as const;
export type Spread = (typeof SPREADS)[number];

/** How a ranking is spread over the matrices. */
export interface Spreading {
  /** fair, apart, global or matrix: docs/settings.md. */
  spread: Spread;
  /** How much a further block of a matrix is discounted by fair and apart; 0: not at all. */
  kappa: number;
}

/** A candidate, and its matrix. */
interface Ranked {
  choice: Choice;
  target: Target;
}

/** Best first: score descending, then layer, module, row, column. */
export const byRank = (x: Choice, y: Choice) =>
  y.score - x.score ||
  x.layer - y.layer ||
  MODULES.indexOf(x.module) - MODULES.indexOf(y.module) ||
  x.row - y.row ||
  x.col - y.col;

/** The best blocks: score descending, then layer, module, row, column. A score that is not finite is an error. */
export function chooseBlocks(
  targets: Target[],
  maps: ScoreMaps,
  b: number,
  count: number,
  { spread, kappa }: Spreading,
): Choice[] {
  const ranked = rank(targets, maps, b);
  if (spread === 'global') return ranked.slice(0, count).map((r) => r.choice);
  if (spread === 'fair') return fairly(ranked, targets.length, count, kappa);
  if (spread === 'apart') return apart(ranked, targets.length, count, kappa);
  const share = shares(targets, b, count);
  const taken = new Map<Target, number>();
  return ranked
    .filter(({ target }) => {
      const n = taken.get(target) ?? 0;
      taken.set(target, n + 1);
      return n < share.get(target)!;
    })
    .map((r) => r.choice);
}

/**
 * The k-th best block of a matrix (k from 0) has priority score / (1 + kappa k G / N), N blocks to choose and G matrices, in f64; the N
 * highest are taken, equal ones in the order of the ranking. So a matrix trains more than its N / G blocks only where they are worth it.
 */
function fairly(ranked: Ranked[], G: number, N: number, kappa: number): Choice[] {
  const before = new Map<Target, number>();
  const discounted = ranked.map(({ choice, target }) => {
    const k = before.get(target) ?? 0;
    before.set(target, k + 1);
    return { choice, priority: choice.score / (1 + (kappa * k * G) / N) };
  });
  const best = discounted.sort((x, y) => y.priority - x.priority || byRank(x.choice, y.choice));
  return best
    .slice(0, N)
    .map((r) => r.choice)
    .sort(byRank);
}

/**
 * As fairly, by what a block is worth when its turn comes in place of its score: score / (1 + blocks taken of its row + of its column),
 * in f64. Gradients are sums of outer products, so that the highest scores of a matrix share few rows and columns, and learn alike.
 */
function apart(ranked: Ranked[], G: number, N: number, kappa: number): Choice[] {
  const own = new Map<Target, Choice[]>();
  for (const { choice, target } of ranked)
    own
      .set(target, own.get(target) ?? [])
      .get(target)!
      .push(choice);
  const matrices = [...own.values()].map((all) => {
    const [left, rows, cols] = [new Set(all), [] as number[], [] as number[]];
    /** The block whose turn is next, the k-th of the matrix. */
    const next = (k: number) => {
      let [best, most] = [all[0], -1];
      for (const c of left) {
        if (c.score <= most) break; // those after it score no more
        const worth = c.score / (1 + (rows[c.row] ?? 0) + (cols[c.col] ?? 0));
        if (worth > most) [best, most] = [c, worth];
      }
      left.delete(best);
      rows[best.row] = (rows[best.row] ?? 0) + 1;
      cols[best.col] = (cols[best.col] ?? 0) + 1;
      return { choice: best, priority: most / (1 + (kappa * k * G) / N), k };
    };
    return { next, head: next(0) };
  });
  const taken = Array.from({ length: Math.min(N, ranked.length) }, () => {
    const from = matrices.reduce((x, y) => {
      const before = x.head.priority - y.head.priority || byRank(y.head.choice, x.head.choice);
      return before >= 0 ? x : y;
    });
    const { choice, k } = from.head;
    from.head = from.next(k + 1);
    return choice;
  });
  return taken.sort(byRank);
}

function rank(targets: Target[], maps: ScoreMaps, b: number): Ranked[] {
  const all: Ranked[] = [];
  for (const target of targets) {
    const map = maps.get(target.name);
    const cols = target.cols / b;
    if (map?.length !== (target.rows / b) * cols)
      throw new Error(`expected a score for every block of ${target.name}, got ${map?.length ?? 'none'}`);
    map.forEach((score, i) => {
      const at = { layer: target.layer, module: target.module, row: Math.floor(i / cols), col: i % cols };
      if (!Number.isFinite(score))
        throw new Error(
          `expected finite scores, got ${score} for block (${at.row}, ${at.col}) of ${target.name}: the gradients overflow; check the data and the base model.`,
        );
      all.push({ choice: { ...at, score }, target });
    });
  }
  return all.sort((x, y) => byRank(x.choice, y.choice));
}

/** n shared out in proportion to each matrix's blocks, largest remainder, ties by layer and module. */
function shares(targets: Target[], b: number, count: number): Map<Target, number> {
  const size = (t: Target) => (t.rows / b) * (t.cols / b);
  const all = targets.reduce((n, t) => n + size(t), 0);
  // whole numbers: the remainder of count * size by all, so that ties are exact
  const give = new Map(targets.map((t) => [t, Math.floor((count * size(t)) / all)]));
  const rest = (t: Target) => (count * size(t)) % all;
  let left = count - [...give.values()].reduce((n, k) => n + k, 0);
  for (const t of [...targets].sort((x, y) => rest(y) - rest(x) || x.layer - y.layer || x.order - y.order)) {
    if (left-- <= 0) break;
    give.set(t, give.get(t)! + 1);
  }
  return give;
}

/** Blocks laid over the targets in turn, from layer 0 on and over every module: no selection of as many needs more memory. */
export function boundSelection(targets: Target[], block: number, count: number): Selection {
  const least = Math.max(count, new Set(targets.map((t) => t.module)).size);
  const sizes = targets.map((t) => ({ t, cols: t.cols / block, n: (t.rows / block) * (t.cols / block) }));
  const blocks: Choice[] = [];
  for (let i = 0; blocks.length < least && sizes.some((s) => i < s.n); i++)
    for (const { t, cols, n } of sizes)
      if (i < n && blocks.length < least)
        blocks.push({ layer: t.layer, module: t.module, row: Math.floor(i / cols), col: i % cols, score: 0 });
  return { block, blocks };
}

/** Blocks that two selections share, as a share of the smaller one. */
export function overlap(one: Selection, other: Selection): number {
  const key = ({ layer, module, row, col }: Choice) => `${layer} ${module} ${row} ${col}`;
  const have = new Set(one.blocks.map(key));
  const common = other.blocks.filter((b) => have.has(key(b))).length;
  return common / Math.max(1, Math.min(one.blocks.length, other.blocks.length));
}

/** Where chosen blocks lie: layers and matrices touched, and the matrix of which most is chosen, with that share (0 to 1). */
export interface Lie {
  layers: number;
  matrices: number;
  fullest: Target;
  share: number;
}

export function lieOf({ block, blocks }: Selection, targets: Target[]): Lie {
  const shares = sharesOf({ block, blocks }, targets);
  const most = shares.reduce((at, share, i) => (share > shares[at] ? i : at), 0);
  const matrices = shares.filter((share) => share > 0).length;
  return { layers: new Set(blocks.map((b) => b.layer)).size, matrices, fullest: targets[most], share: shares[most] };
}

/** The share (0 to 1) of each target that is chosen. */
export function sharesOf({ block, blocks }: Selection, targets: Target[]): number[] {
  const place = ({ layer, module }: { layer: number; module: string }) => `${layer} ${module}`;
  const counts = new Map<string, number>();
  for (const b of blocks) counts.set(place(b), (counts.get(place(b)) ?? 0) + 1);
  return targets.map((t) => ((counts.get(place(t)) ?? 0) * block * block) / (t.rows * t.cols));
}

/** The line that tells of a selection; shares are fractions of the 2-D parameters of the targets and of the model. */
export function selectionLine(
  { block, blocks }: Selection,
  inTargets: number,
  inModel: number,
): Extract<Line, { kind: 'selection' }> {
  const trainable = blocks.length * block * block;
  return {
    kind: 'selection',
    block,
    blocks,
    share_model: trainable / inModel,
    share_targets: trainable / inTargets,
    trainable,
  };
}

// --- from files ---------------------------------------------------------------------------------------------------------

/** A selection as it stands in a file; that its blocks lie within a model is checked where they are attached to one. */
export function selectionIn({ block, blocks }: Record<string, any>): Selection {
  const sound = (n: unknown) => Number.isSafeInteger(n) && (n as number) >= 0;
  if (!sound(block) || block < 1 || !Array.isArray(blocks) || !blocks.length)
    throw new Error('expected a block edge and a list of blocks, got none');
  for (const b of blocks)
    if (!sound(b?.layer) || !sound(b?.row) || !sound(b?.col) || typeof b?.module !== 'string')
      throw new Error(`expected blocks with layer, module, row and col, got ${JSON.stringify(b)}`);
  return {
    block,
    blocks: blocks.map((b) => ({ layer: b.layer, module: b.module, row: b.row, col: b.col, score: b.score ?? 0 })),
  };
}

/** The blocks of an adapter, as a selection. */
export function selectionOf(adapter: SmtAdapter): Selection {
  const blocks = adapter.matrices.flatMap(({ name, index }) =>
    Array.from({ length: index.length / 2 }, (_, i) => ({
      ...placeOf(name),
      row: index[2 * i],
      col: index[2 * i + 1],
      score: 0,
    })),
  );
  return { block: adapter.block, blocks };
}

/** Layer and module of a weight's name. */
function placeOf(name: string): { layer: number; module: Module } {
  const [, layer, module] = name.match(/^model\.layers\.(\d+)\.(?:self_attn|mlp)\.(\w+)\.weight$/) ?? [];
  if (!MODULES.includes(module as Module))
    throw new Error(`expected blocks of a layer's matrices, got ${name}: the adapter is another model's.`);
  return { layer: Number(layer), module: module as Module };
}
