// Chosen b x b blocks of a matrix as differences D beside the stored weight: y += D x, dx += D' dy, and dD for just these blocks.
// One mechanism for every stored format: base bytes are never written, updates never rounded.

import blocks from '../../../shaders/blocks.wgsl?raw' with { type: 'text' };
import by4 from '../../../shaders/blocks_by4.wgsl?raw' with { type: 'text' };
import by8 from '../../../shaders/blocks_by8.wgsl?raw' with { type: 'text' };
import forward from '../../../shaders/blocks_forward.wgsl?raw' with { type: 'text' };
import forward8 from '../../../shaders/blocks_forward8.wgsl?raw' with { type: 'text' };
import input from '../../../shaders/blocks_input.wgsl?raw' with { type: 'text' };
import input8 from '../../../shaders/blocks_input8.wgsl?raw' with { type: 'text' };
import weight from '../../../shaders/blocks_weight.wgsl?raw' with { type: 'text' };
import weight8 from '../../../shaders/blocks_weight8.wgsl?raw' with { type: 'text' };
import lanes1 from '../../../shaders/lanes1.wgsl?raw' with { type: 'text' };
import lanes4 from '../../../shaders/lanes4.wgsl?raw' with { type: 'text' };
import { adds, kernel, type Program, run } from '../../gpu/program.ts';
import { resident, type Tensor } from '../../gpu/tensor.ts';
import { beside } from '../matmul/linear.ts';
import type { Trains } from '../stored/weight.ts';

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
const wordsFor = (n: number) => 11 * n;

/** What trains of the weight the blocks belong to. */
export function trainsBlocks(s: BlockSet): Trains {
  return beside((p, x, y) => {
    blocksForward(p, s, x, y);
    return {
      gradients: (dy, x) => blocksWeight(p, s, dy, x, s.grad ? adds(p, s.grad) : 0),
      input: (dy, dx) => blocksInput(p, s, dy, dx),
    };
  });
}

/** y += D x over the chosen blocks. */
export function blocksForward(p: Program, s: BlockSet, x: Tensor, y: Tensor): void {
  const { at, n } = s.places.rowGroups;
  const [code, tokens] = [form(s, forward, forward8), x.shape[0]];
  dispatch(p, s, 'blocks_forward', code, { x, d: s.delta, out: y }, tokens, { groups_at: at }, grid(s, tokens, n));
}

/** dx += D' dy over the chosen blocks. */
export function blocksInput(p: Program, s: BlockSet, dy: Tensor, dx: Tensor): void {
  const { at, n } = s.places.colGroups;
  const [code, tokens] = [form(s, input, input8), dy.shape[0]];
  const lists = { entries_at: s.places.colEntries, groups_at: at };
  dispatch(p, s, 'blocks_input', code, { dy, d: s.delta, out: dx }, tokens, lists, grid(s, tokens, n));
}

/** dD (+)= dy^T x for the chosen blocks, all of the matrix in one dispatch. */
export function blocksWeight(p: Program, s: BlockSet, dy: Tensor, x: Tensor, accumulate: 0 | 1): void {
  if (!s.grad) throw new Error(`expected blocks that train, got ${s.delta.name} without a gradient`);
  const lists = { entries_at: s.places.where, accumulate };
  const code = form(s, weight, weight8);
  dispatch(p, s, 'blocks_weight', code, { dy, x, out: s.grad }, x.shape[0], lists, grid(s, s.b, s.index.length / 2));
}

/**
 * Visits each line of each block that lies in rows r0 <= r < r1 of the matrix: b values at `at` of those rows [r1 - r0, cols], and at
 * `from` of the blocks [n, b, b]. A block that lies there only in part is visited in part.
 */
export function eachBlockLine(
  { index, b, cols }: Pick<BlockSet, 'index' | 'b' | 'cols'>,
  r0: number,
  r1: number,
  visit: (at: number, from: number) => void,
): void {
  const blocks = index.length / 2;
  let [n, end] = [0, blocks]; // becomes the first block that ends behind r0: they are sorted by row
  while (n < end) {
    const middle = (n + end) >> 1;
    if ((index[2 * middle] + 1) * b <= r0) n = middle + 1;
    else end = middle;
  }
  for (; n < blocks && index[2 * n] * b < r1; n++) {
    const row = index[2 * n] * b;
    for (let i = Math.max(0, r0 - row); i < Math.min(b, r1 - row); i++)
      visit((row + i - r0) * cols + index[2 * n + 1] * b, (n * b + i) * b);
  }
}

const eights = (s: BlockSet) => s.b % 8 === 0;
const form = (s: BlockSet, any: string, eight: string) => (eights(s) ? eight : any);

/** Workgroups of a band of b columns by `lines` rows, z of them (blocks_by8.wgsl, blocks_by4.wgsl). */
function grid(s: BlockSet, lines: number, z: number): number[] {
  if (eights(s)) return [Math.ceil(((s.b / 8) * Math.ceil(lines / 8)) / 32), 1, z];
  return [Math.ceil(s.b / 32), Math.ceil(lines / 32), z];
}

function dispatch(
  p: Program,
  s: BlockSet,
  name: string,
  code: string,
  bind: Record<string, Tensor>,
  N: number,
  lists: { entries_at?: number; groups_at?: number; accumulate?: 0 | 1 },
  grid: number[],
): void {
  const k = eights(s) ? kernel(`${name}8`, [lanes4, blocks, by8, code]) : kernel(name, [lanes1, blocks, by4, code]);
  const params = { N, rows: s.rows, cols: s.cols, b: s.b, entries_at: 0, groups_at: 0, accumulate: 1, ...lists };
  run(p, k, { lists: s.lists, ...bind }, params, grid, costOf(s, N));
}

const costOf = (s: BlockSet, N: number) => {
  const n = s.index.length / 2;
  return { flops: 2 * N * n * s.b * s.b, bytes: 4 * n * s.b * (s.b + 2 * N) };
};

/** The lists of the three kernels, one behind the other, of blocks sorted by row, then column. */
function placesOf(sorted: (readonly [number, number])[]): Places {
  const n = sorted.length;
  const words = new Uint32Array(wordsFor(n));
  const [rowGroupsAt, colEntries, colGroupsAt, where] = [n, 4 * n, 6 * n, 9 * n];
  const byColumn = sorted.map(([row, col], block) => ({ row, col, block })).sort((a, c) => a.col - c.col || a.row - c.row);
  sorted.forEach(([row, col], i) => {
    words[i] = col;
    words[where + 2 * i] = row;
    words[where + 2 * i + 1] = col;
    words[colEntries + 2 * i] = byColumn[i].block;
    words[colEntries + 2 * i + 1] = byColumn[i].row;
  });
  const rowGroups = { at: rowGroupsAt, n: groups(words, rowGroupsAt, n, (i) => sorted[i][0]) };
  const colGroups = { at: colGroupsAt, n: groups(words, colGroupsAt, n, (i) => byColumn[i].col) };
  return { words, rowGroups, colEntries, colGroups, where };
}

/** Writes (key, first, end) for each run of equal keys among n and returns their number. */
function groups(words: Uint32Array, at: number, n: number, key: (i: number) => number): number {
  let count = 0;
  for (let i = 0; i < n; i++) {
    if (!i || key(i - 1) !== key(i)) {
      const to = at + 3 * count++;
      words[to] = key(i);
      words[to + 1] = i;
    }
    words[at + 3 * count - 1] = i + 1;
  }
  return count;
}
