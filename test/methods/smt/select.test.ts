import { expect, test } from 'vitest';
import { blockCount, blockEdge } from '../../src/methods/smt/budget.ts';
import { chooseBlocks } from '../../src/methods/smt/select.ts';
import type { Target } from '../../src/methods/targets.ts';
import type { Module } from '../../src/models/decoder.ts';

const target = (layer: number, module: Module, order: number, rows: number, cols: number): Target => ({
  name: `${layer}.${module}`,
  layer,
  module,
  order,
  rows,
  cols,
});
const two = [target(0, 'q_proj', 0, 4, 4), target(0, 'k_proj', 1, 2, 4)];
const maps = (q: number[], k: number[]) =>
  new Map([
    ['0.q_proj', Float32Array.from(q)],
    ['0.k_proj', Float32Array.from(k)],
  ]);
const short = (blocks: { module: string; row: number; col: number }[]) => blocks.map((b) => `${b.module[0]}${b.row}${b.col}`);

test.each([
  [576, 192, 64],
  [2048, 512, 256],
  [96, 48, 16],
  [7, 7, 1],
])('auto: the largest power of two up to 256 that divides %i and %i is %i', (rows, cols, edge) => {
  expect(blockEdge([target(0, 'q_proj', 0, rows, cols)], 'auto')).toBe(edge);
});

test('a block that does not divide names the matrix and the one that does', () => {
  expect(() => blockEdge([target(3, 'v_proj', 2, 192, 576)], 128)).toThrow(/--block 128 for 3\.v_proj \[192, 576\].*--block 64/);
});

test.each([
  ['0.84% of 1,000,000 at 16', { kind: 'model', share: 0.0084 }, 32],
  ['half the targets', { kind: 'targets', share: 0.5 }, 1250],
  ['all the targets', { kind: 'targets', share: 1 }, 2500],
  ['as counted', { kind: 'blocks', count: 7 }, 7],
] as const)('budget: %s', (_, budget, blocks) => {
  expect(blockCount(budget, 16, [target(0, 'q_proj', 0, 800, 800)], 1e6)).toBe(blocks);
});

test.each([
  ['less than one block', { kind: 'model', share: 0.0002 }, /at least one block.*raise --budget/],
  ['more than all', { kind: 'blocks', count: 2501 }, /at most all 2500 blocks/],
] as const)('budget of %s is an error', (_, budget, message) => {
  expect(() => blockCount(budget, 16, [target(0, 'q_proj', 0, 800, 800)], 1e6)).toThrow(message);
});

test('global: best first; ties by module, row, column', () => {
  const got = chooseBlocks(two, maps([1, 5, 3, 3], [5, 3]), 2, 5, 'global');
  expect(short(got)).toEqual(['q01', 'k00', 'q10', 'q11', 'k01']);
  expect(got[0].score).toBe(5);
});

test('matrix: shared out by size, largest remainder, ties by module', () => {
  // 4 and 2 blocks; 4 of 6 go 2.67 and 1.33, so 3 and 1
  expect(short(chooseBlocks(two, maps([1, 2, 3, 4], [9, 8]), 2, 4, 'matrix')).sort()).toEqual(['k00', 'q01', 'q10', 'q11']);
  // 1 of 6 goes 0.67 and 0.33
  expect(short(chooseBlocks(two, maps([1, 2, 3, 4], [9, 8]), 2, 1, 'matrix'))).toEqual(['q11']);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY])('a score of %s is an error naming the block', (bad) => {
  expect(() => chooseBlocks(two, maps([1, bad, 3, 4], [9, 8]), 2, 1, 'global')).toThrow(/block \(0, 1\) of 0\.q_proj/);
});
