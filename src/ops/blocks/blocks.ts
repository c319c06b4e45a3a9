// Chosen b x b blocks of a matrix as differences D from the stored weight: y = (W + D) x, dx = (W + D)' dy, and dD for just these blocks.
// One mechanism for every stored format: base bytes are never written, updates never rounded. On GPUs the product itself reads W + D,
// rounded to f32 element by element; on software adapters, for a few tokens and for odd sizes D x is added to W x by kernels of its own.

import blocks from '../../../shaders/blocks.wgsl?raw' with { type: 'text' };
import by4 from '../../../shaders/blocks_by4.wgsl?raw' with { type: 'text' };
import by8 from '../../../shaders/blocks_by8.wgsl?raw' with { type: 'text' };
import forward from '../../../shaders/blocks_forward.wgsl?raw' with { type: 'text' };
import forward8 from '../../../shaders/blocks_forward8.wgsl?raw' with { type: 'text' };
import input from '../../../shaders/blocks_input.wgsl?raw' with { type: 'text' };
import input8 from '../../../shaders/blocks_input8.wgsl?raw' with { type: 'text' };
import slicesCode from '../../../shaders/blocks_slices.wgsl?raw' with { type: 'text' };
import weight from '../../../shaders/blocks_weight.wgsl?raw' with { type: 'text' };
import weight8 from '../../../shaders/blocks_weight8.wgsl?raw' with { type: 'text' };
import lanes1 from '../../../shaders/lanes1.wgsl?raw' with { type: 'text' };
import lanes4 from '../../../shaders/lanes4.wgsl?raw' with { type: 'text' };
import { adds, decide, kernel, type Program, run } from '../../gpu/program.ts';
import { resident, runOf, type Tensor } from '../../gpu/tensor.ts';
import { type Mat, type Product, tileFor, whole } from '../matmul/gemm.ts';
import { tiledPlaces } from '../matmul/gemm-tile.ts';
import { beside } from '../matmul/linear.ts';
import { type Blocks, productInto, productTransposedInto, takesBlocks } from '../matmul/stored-product.ts';
import type { Stack, Trains } from '../stored/weight.ts';
import { type Places, placesOf, wordsFor } from './lists.ts';

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
  const [down, across] = [rows / b, cols / b];
  return {
    rows,
    cols,
    b,
    index: flat,
    delta: resident(`${name}.blocks`, [n, b, b], 'trained'),
    grad: train ? resident(`${name}.blocks.grad`, [n, b, b], 'gradients') : null,
    lists: resident(`${name}.lists`, [wordsFor(n, down * across)], 'other', 'u32'),
    places: placesOf(sorted, down, across),
  };
}

/**
 * The blocks of a stack's matrices as blocks of the stack, where the differences of one lie behind those of the one before, and their
 * gradients too; null where they do not. sets: in the order of the matrices, null where one has none.
 */
export function joined({ name, rows, cols, parts }: Stack, sets: readonly (BlockSet | null)[]): BlockSet | null {
  const some = sets.filter((s) => s !== null);
  const [{ b, grad: trains }] = some;
  const shape = [some.reduce((sum, s) => sum + s.delta.shape[0], 0), b, b];
  const delta = runOf(
    `${name}.blocks`,
    some.map((s) => s.delta),
    shape,
  );
  const grad = runOf(
    `${name}.blocks.grad`,
    some.flatMap((s) => s.grad ?? []),
    shape,
  );
  if (!delta || (trains && !grad) || parts.some((w) => w.rows % b)) return null;
  const starts = parts.map((_, i) => parts.slice(0, i).reduce((sum, w) => sum + w.rows / b, 0));
  const sorted = sets.flatMap((s, i) =>
    Array.from({ length: (s?.index.length ?? 0) / 2 }, (_, n) => [s!.index[2 * n] + starts[i], s!.index[2 * n + 1]] as const),
  );
  return {
    ...{ rows, cols, b, index: Uint32Array.from(sorted.flat()), delta, grad: trains && grad },
    lists: resident(`${name}.lists`, [wordsFor(sorted.length, (rows / b) * (cols / b))], 'other', 'u32'),
    places: placesOf(sorted, rows / b, cols / b),
  };
}

/** What trains of the weight the blocks belong to. */
export function trainsBlocks(s: BlockSet): Trains {
  const apart = beside((p, x, y) => {
    blocksForward(p, s, x, y);
    return {
      gradients: (dy, x) => blocksWeight(p, s, whole(dy), whole(x), x.shape[0], s.grad ? adds(p, s.grad) : 0),
      input: (dy, dx) => blocksInput(p, s, dy, dx),
    };
  });
  return {
    columns: s.b % 4 === 0,
    forward(p, w, x, n, y, start) {
      if (s.b % 4 || !takesBlocks(p, w, x, n, y)) return apart.forward(p, w, x, n, y, start);
      const blocks = differencesOf(s);
      productInto(p, x, n, w, y, start, blocks);
      return (dy, x, dx) => {
        x((input) => blocksWeight(p, s, dy, input, n, s.grad ? adds(p, s.grad) : 0));
        if (dx) productTransposedInto(p, dy, n, w, dx.into, dx.accumulate, blocks);
      };
    },
  };
}

/** The blocks as a product reads them with its weight. */
export const differencesOf = (s: BlockSet): Blocks => ({
  b: s.b,
  across: s.cols / s.b,
  d: s.delta,
  lists: s.lists,
  map_at: s.places.map,
});

/** y += D x over the chosen blocks. */
export function blocksForward(p: Program, s: BlockSet, x: Tensor, y: Tensor): void {
  const { at, n } = s.places.rowGroups;
  const [code, tokens] = [form(p, s, forward, forward8), x.shape[0]];
  dispatch(p, s, 'blocks_forward', code, { x, d: s.delta, out: y }, tokens, { groups_at: at }, grid(p, s, tokens, n));
}

/** dx += D' dy over the chosen blocks. */
export function blocksInput(p: Program, s: BlockSet, dy: Tensor, dx: Tensor): void {
  const { at, n } = s.places.colGroups;
  const [code, tokens] = [form(p, s, input, input8), dy.shape[0]];
  const lists = { entries_at: s.places.colEntries, groups_at: at };
  dispatch(p, s, 'blocks_input', code, { dy, d: s.delta, out: dx }, tokens, lists, grid(p, s, tokens, n));
}

/** dD (+)= dy^T x over n tokens for the chosen blocks. On GPUs a product a block, in tiles or, where those would be too few, in slices of tokens. */
export function blocksWeight(p: Program, s: BlockSet, dy: Mat, x: Mat, n: number, accumulate: 0 | 1): void {
  const { grad, b, places } = s;
  if (!grad) throw new Error(`expected blocks that train, got ${s.delta.name} without a gradient`);
  const many = s.index.length / 2;
  const of: Product = { a: dy, b: x, c: { t: grad, at: 0, ld: b }, m: b, n: b, k: n };
  const tile = decide(p, () => (p.planning.software || b < TILED ? null : tileFor(p, 'tn', of, many)));
  const part = decide(p, () => (p.planning.software || tile ? null : partOf(s, dy, x)));
  if (tile) tiledPlaces(p, tile, of, accumulate, { lists: s.lists, list_at: places.where, edge: b, n: many });
  else if (part) slices(p, s, dy, x, n, part, accumulate);
  else {
    const lists = { entries_at: places.where, accumulate };
    const bind = { dy: all(dy, s.rows, s), x: all(x, s.cols, s), out: grad };
    dispatch(p, s, 'blocks_weight', form(p, s, weight, weight8), bind, n, lists, grid(p, s, b, many));
  }
}

/** The edge from which on tiles are worth it. */
const TILED = 32;
/** Workgroups that a GPU should have. */
const FEW_GROUPS = 64;

/** The edge of what a workgroup sums by slices: below 32, a divisor of the block's, as large as fills a GPU. null where loads are no vec4s. */
function partOf({ b, index }: BlockSet, ...of: Mat[]): number | null {
  if (b % 4 || of.some(({ at, ld }) => at % 4 || ld % 4)) return null;
  const fills = (part: number) => (index.length / 2) * (b / part) ** 2 >= FEW_GROUPS;
  return [28, 24, 20, 16, 12, 8].find((part) => b % part === 0 && fills(part)) ?? 4;
}

function slices(p: Program, s: BlockSet, dy: Mat, x: Mat, N: number, part: number, accumulate: 0 | 1): void {
  const { b, index, places, lists, grad } = s;
  const slices = 2 ** Math.floor(Math.log2(64 / (part / 4) ** 2));
  const params = { N, b, part, dy_at: dy.at, ldy: dy.ld, x_at: x.at, ldx: x.ld, list_at: places.where, slices, accumulate };
  const grid = [(b / part) ** 2, index.length / 2];
  run(p, kernel('blocks_slices', [slicesCode]), { lists, x: x.t, dy: dy.t, out: grad! }, params, grid, costOf(s, N));
}

/** The tensor behind a matrix that is all of it, which is what these kernels read. */
function all({ t, at, ld }: Mat, cols: number, s: BlockSet): Tensor {
  if (at || ld !== cols) throw new Error(`expected whole inputs and outputs for ${s.delta.name}, got a part of ${t.name}`);
  return t;
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

// Eight by eight an invocation suits software adapters alone: it has registers for no more than a GPU spills.
const eights = (p: Program, s: BlockSet) => p.planning.software && s.b % 8 === 0;
const form = (p: Program, s: BlockSet, any: string, eight: string) => (eights(p, s) ? eight : any);

/** Workgroups of a band of b columns by `lines` rows, z of them (blocks_by8.wgsl, blocks_by4.wgsl). */
function grid(p: Program, s: BlockSet, lines: number, z: number): number[] {
  if (eights(p, s)) return [Math.ceil(((s.b / 8) * Math.ceil(lines / 8)) / 32), 1, z];
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
  const k = eights(p, s) ? kernel(`${name}8`, [lanes4, blocks, by8, code]) : kernel(name, [lanes1, blocks, by4, code]);
  const params = { N, rows: s.rows, cols: s.cols, b: s.b, entries_at: 0, groups_at: 0, accumulate: 1, ...lists };
  run(p, k, { lists: s.lists, ...bind }, params, grid, costOf(s, N));
}

const costOf = (s: BlockSet, N: number) => {
  const n = s.index.length / 2;
  return { flops: 2 * N * n * s.b * s.b, bytes: 4 * n * s.b * (s.b + 2 * N) };
};
