// The blocks of the map as words that its shader reads, one a block, matrix by matrix as the layout has them: how high it was scored,
// whether it is chosen and as which, how far training has moved it, whether it is switched off.

import type { BlockPlace } from '../../src/report.ts';
import type { MatrixScores } from '../protocol.ts';
import type { Placed } from './layout.ts';

/** What is known of the blocks of one model. */
export interface BlockFacts {
  scores: readonly MatrixScores[];
  /** Chosen ones, best first; `norms`: how far each has moved (Frobenius), in the same order. */
  chosen: readonly BlockPlace[];
  norms: Float32Array | null;
  /** Share of the run that is behind (1: all of it): by it a block's square grows to what it will be at the end. */
  progress: number;
  /** By `blockKey`. */
  off: ReadonlySet<string>;
}

export const blockKey = ({ layer, module, row, col }: BlockPlace): string => `${layer} ${module} ${row} ${col}`;
export const matrixKey = ({ layer, module }: { layer: number; module: string }): string => `${layer} ${module}`;

export const CHOSEN = 1 << 8;
export const OFF = 1 << 9;

/** How norms grow with the steps: between the root of a walk at random and a straight way. */
const GROWTH = 0.7;

/** The first word of each plate, and how many there are in all. */
export function firstsOf(plates: readonly Placed[]): { firsts: number[]; count: number } {
  let count = 0;
  const firsts = plates.map(({ w, h }) => {
    const first = count;
    count += w * h;
    return first;
  });
  return { firsts, count };
}

/** Level (bits 0 to 7), chosen (8), off (9), how far moved (16 to 23), rank (24 to 31: 255 for the best). */
export function wordsOf(
  plates: readonly Placed[],
  { scores, chosen, norms, progress, off }: BlockFacts,
): Uint32Array<ArrayBuffer> {
  const { firsts, count } = firstsOf(plates);
  const words = new Uint32Array(count);
  const at = new Map(plates.map((plate, i) => [matrixKey(plate), { plate, first: firsts[i] }]));
  for (const { levels, ...matrix } of scores) {
    const found = at.get(matrixKey(matrix));
    if (found && levels.length === found.plate.w * found.plate.h) words.set(levels, found.first);
  }
  const reach = (norms?.reduce((a, b) => Math.max(a, b), 0) || 1) / Math.max(0.01, progress) ** GROWTH;
  chosen.forEach((block, i) => {
    const found = at.get(matrixKey(block));
    if (!found || block.row >= found.plate.h || block.col >= found.plate.w) return;
    const rank = chosen.length < 2 ? 255 : Math.round(255 * (1 - i / (chosen.length - 1)));
    const moved = norms ? Math.min(255, Math.round((255 * norms[i]) / reach)) : 0;
    const state = CHOSEN | (off.has(blockKey(block)) ? OFF : 0);
    words[found.first + block.row * found.plate.w + block.col] |= state | (moved << 16) | (rank << 24);
  });
  return words;
}

/** Levels of scores: 255 times the cube of the share of all blocks that are scored no higher, so that few stand out. */
export function leveled(maps: readonly Omit<MatrixScores, 'levels'>[]): MatrixScores[] {
  const all = new Float32Array(maps.reduce((n, { scores }) => n + scores.length, 0));
  let at = 0;
  for (const { scores } of maps) {
    all.set(scores, at);
    at += scores.length;
  }
  all.sort();
  return maps.map((m) => ({ ...m, levels: Uint8Array.from(m.scores, (score) => Math.round(255 * shareUpTo(all, score) ** 3)) }));
}

/** Share (0 to 1) of sorted values that are at most x. */
function shareUpTo(sorted: Float32Array, x: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= x) low = middle + 1;
    else high = middle;
  }
  return low / Math.max(1, sorted.length);
}
