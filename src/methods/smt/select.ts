// Which blocks train: candidates, budget, ranking. Pure arithmetic on score maps; no GPU.

/** A matrix whose blocks may be chosen. `module` is its place in a layer (q_proj, ...), `order` its rank in ties. */
export interface Target {
  name: string;
  layer: number;
  module: string;
  order: number;
  rows: number;
  cols: number;
}

/** Scores of a target's blocks [rows / b, cols / b], row-major. */
export type ScoreMaps = Map<string, Float32Array>;

export interface Choice {
  layer: number;
  module: string;
  row: number;
  col: number;
  score: number;
}

/** Chosen blocks, best first. */
export interface Selection {
  block: number;
  blocks: Choice[];
}

/** Share of all 2-D parameters of the model, share of the targets' (both 0..1), or a number of blocks. */
export type Budget = { kind: 'model' | 'targets'; share: number } | { kind: 'blocks'; count: number };

export type Spread = 'global' | 'matrix';

/** The block edge: as asked, or the largest power of two up to 256 that divides every target dimension. */
export function blockEdge(targets: Target[], asked: number | 'auto'): number {
  const divides = (b: number) => targets.every((t) => t.rows % b === 0 && t.cols % b === 0);
  if (asked === 'auto') {
    let b = 256;
    while (!divides(b)) b /= 2;
    return b;
  }
  const odd = targets.find((t) => t.rows % asked || t.cols % asked);
  if (odd)
    throw new Error(
      `expected a block edge that divides every target matrix, got --block ${asked} for ${odd.name} [${odd.rows}, ${odd.cols}]. ` +
        `Use --block ${blockEdge(targets, 'auto')} or leave it out.`,
    );
  return asked;
}

/** Blocks that a budget buys: floor(share x parameters / b^2). Less than one, or more than there are, is an error. */
export function blockCount(budget: Budget, b: number, targets: Target[], modelParameters: number): number {
  const all = targets.reduce((n, t) => n + (t.rows / b) * (t.cols / b), 0);
  const inTargets = all * b * b;
  const of = budget.kind === 'model' ? modelParameters : inTargets;
  const count = budget.kind === 'blocks' ? budget.count : Math.floor((budget.share * of * (1 + 1e-12)) / (b * b));
  const least = `One block of ${b} x ${b} is ${percent((b * b) / modelParameters)} of the model, ${percent((b * b) / inTargets)} of the targets`;
  if (count < 1)
    throw new Error(
      `expected a budget of at least one block, got ${describe(budget)}. ${least}: raise --budget or lower --block.`,
    );
  if (count > all)
    throw new Error(
      `expected a budget of at most all ${all} blocks of the targets, got ${describe(budget)} = ${count} blocks. Lower --budget or name more --targets.`,
    );
  return count;
}

/** Best first: score descending, then layer, module, row, column. */
export function byRank(targets: Target[]): (x: Choice, y: Choice) => number {
  const order = new Map(targets.map((t) => [t.module, t.order]));
  return (x, y) =>
    y.score - x.score || x.layer - y.layer || order.get(x.module)! - order.get(y.module)! || x.row - y.row || x.col - y.col;
}

/** The best blocks: score descending, then layer, module, row, column. A score that is not finite is an error. */
export function chooseBlocks(targets: Target[], maps: ScoreMaps, b: number, count: number, spread: Spread): Choice[] {
  const ranked = rank(targets, maps, b);
  if (spread === 'global') return ranked.slice(0, count).map((r) => r.choice);
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

function rank(targets: Target[], maps: ScoreMaps, b: number): { choice: Choice; target: Target }[] {
  const all: { choice: Choice; target: Target }[] = [];
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
  const better = byRank(targets);
  return all.sort((x, y) => better(x.choice, y.choice));
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

const percent = (x: number) => `${(100 * x).toPrecision(2)} %`;

function describe(budget: Budget): string {
  if (budget.kind === 'blocks') return `${budget.count} blocks`;
  return `${percent(budget.share)} of the ${budget.kind}`;
}
