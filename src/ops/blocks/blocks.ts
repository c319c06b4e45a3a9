// Chosen b x b blocks of a matrix as differences D beside the stored weight: y += D x, dx += D' dy, and dD for just these blocks.
// One mechanism for every stored format: base bytes are never written, updates never rounded.

import forwardCode from '../../../shaders/blocks_forward.wgsl?raw' with { type: 'text' };
import forward8 from '../../../shaders/blocks_forward8.wgsl?raw' with { type: 'text' };
import inputCode from '../../../shaders/blocks_input.wgsl?raw' with { type: 'text' };
import input8 from '../../../shaders/blocks_input8.wgsl?raw' with { type: 'text' };
import weightCode from '../../../shaders/blocks_weight.wgsl?raw' with { type: 'text' };
import weight8 from '../../../shaders/blocks_weight8.wgsl?raw' with { type: 'text' };
import { kernel, type Program, run } from '../../gpu/program.ts';
import { resident, type Tensor } from '../../gpu/tensor.ts';
import type { Hooked } from '../stored/weight.ts';

/** n chosen blocks of one matrix [rows, cols]; D and its gradient are [n, b, b], in the order of `index` (by row, then column). */
export interface BlockSet {
  rows: number;
  cols: number;
  b: number;
  /** Block row and column of each block [n, 2], ascending. */
  index: Uint32Array<ArrayBuffer>;
  delta: Tensor;
  /** Absent where the blocks are only applied (evaluation of an adapter). */
  grad: Tensor | null;
  lists: Tensor;
  places: Places;
}

interface Places {
  words: Uint32Array<ArrayBuffer>;
  rowGroups: { at: number; n: number };
  colEntries: number;
  colGroups: { at: number; n: number };
  where: number;
}

/** Blocks of a matrix, not yet allocated. index: block row and column of each, in any order, without repeats. */
export function newBlockSet(
  name: string,
  rows: number,
  cols: number,
  b: number,
  index: readonly (readonly [number, number])[],
  train: boolean,
): BlockSet {
  const sorted = [...index].sort((a, c) => a[0] - c[0] || a[1] - c[1]);
  const flat = Uint32Array.from(sorted.flat());
  const n = sorted.length;
  const places = placesOf(sorted);
  return {
    rows,
    cols,
    b,
    index: flat,
    delta: resident(`${name}.blocks`, [n, b, b], 'trained'),
    grad: train ? resident(`${name}.blocks.grad`, [n, b, b], 'gradients') : null,
    lists: resident(`${name}.lists`, [wordsFor(n)], 'other', 'u32'),
    places,
  };
}

/** Words of the lists of n blocks: the same whichever blocks they are, so that a plan needs only their number. */
export const wordsFor = (n: number) => 11 * n;

/** What trains of the weight the blocks belong to. */
export function blocksHook(s: BlockSet): Hooked {
  return {
    kind: 'hook',
    forward: (p, x, y) => blocksForward(p, s, x, y),
    backwardInput: (p, dy, dx) => blocksInput(p, s, dy, dx),
    backwardWeight: (p, dy, x) => blocksWeight(p, s, dy, x, p.accumulate),
  };
}

/** The plain kernels own 4 x 4 an invocation, 8 x 8 invocations a workgroup; those for edges of whole eights 8 x 8, 32 in a row. */
const TILE = 32;
const eights = (s: BlockSet) => s.b % 8 === 0;
const form = (s: BlockSet, name: string, plain: string, by8: string) =>
  eights(s) ? kernel(`${name}8`, [by8]) : kernel(name, [plain]);

/** Workgroups of a band of b columns by `lines` rows, z of them. */
function grid(s: BlockSet, lines: number, z: number): number[] {
  if (eights(s)) return [Math.ceil(((s.b / 8) * Math.ceil(lines / 8)) / 32), 1, z];
  return [Math.ceil(s.b / TILE), Math.ceil(lines / TILE), z];
}

/** y += D x over the chosen blocks. */
export function blocksForward(p: Program, s: BlockSet, x: Tensor, y: Tensor): void {
  const N = x.shape[0];
  const { at, n } = s.places.rowGroups;
  const params = { N, cols: s.cols, rows: s.rows, b: s.b, groups_at: at };
  const k = form(s, 'blocks_forward', forwardCode, forward8);
  run(p, k, { x, d: s.delta, lists: s.lists, y }, params, grid(s, N, n), costOf(s, N));
}

/** dx += D' dy over the chosen blocks. */
export function blocksInput(p: Program, s: BlockSet, dy: Tensor, dx: Tensor): void {
  const N = dy.shape[0];
  const { at, n } = s.places.colGroups;
  const params = { N, cols: s.cols, rows: s.rows, b: s.b, entries_at: s.places.colEntries, groups_at: at };
  const k = form(s, 'blocks_input', inputCode, input8);
  run(p, k, { dy, d: s.delta, lists: s.lists, dx }, params, grid(s, N, n), costOf(s, N));
}

/** dD (+)= dy^T x for the chosen blocks, all of the matrix in one dispatch. */
export function blocksWeight(p: Program, s: BlockSet, dy: Tensor, x: Tensor, accumulate: 0 | 1): void {
  if (!s.grad) throw new Error(`expected blocks that train, got ${s.delta.name} without a gradient`);
  const N = x.shape[0];
  const params = { N, cols: s.cols, rows: s.rows, b: s.b, where_at: s.places.where, accumulate };
  const k = form(s, 'blocks_weight', weightCode, weight8);
  run(p, k, { dy, x, lists: s.lists, dd: s.grad }, params, grid(s, s.b, s.index.length / 2), costOf(s, N));
}

const costOf = (s: BlockSet, N: number) => {
  const n = s.index.length / 2;
  return { flops: 2 * N * n * s.b * s.b, bytes: 4 * n * s.b * (s.b + 2 * N) };
};

/** The lists of the three kernels, one behind the other. */
function placesOf(sorted: [number, number][] | (readonly [number, number])[]): Places {
  const n = sorted.length;
  const words = new Uint32Array(wordsFor(n));
  sorted.forEach(([, c], i) => (words[i] = c));
  const rowGroups = {
    at: n,
    n: groups(
      words,
      n,
      sorted.map((rc) => rc[0]),
    ),
  };
  const colEntries = 4 * n;
  const byColumn = sorted.map(([r, c], block) => ({ r, c, block })).sort((a, b) => a.c - b.c || a.r - b.r);
  byColumn.forEach(({ r, block }, i) => words.set([block, r], colEntries + 2 * i));
  const colGroups = {
    at: 6 * n,
    n: groups(
      words,
      6 * n,
      byColumn.map((e) => e.c),
    ),
  };
  const where = 9 * n;
  sorted.forEach((rc, i) => words.set(rc, where + 2 * i));
  return { words, rowGroups, colEntries, colGroups, where };
}

/** Writes (key, first, end) for each run of equal keys and returns their number. */
function groups(words: Uint32Array, at: number, keys: number[]): number {
  let count = 0;
  keys.forEach((key, i) => {
    if (i && keys[i - 1] === key) words[at + 3 * (count - 1) + 2] = i + 1;
    else words.set([key, i, i + 1], at + 3 * count++);
  });
  return count;
}
