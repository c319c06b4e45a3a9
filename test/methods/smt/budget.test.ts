// The edge of blocks, and how many of them a budget buys.
import { expect, test } from 'vitest';
import { blockCount, blockEdge } from '../../../src/methods/smt/budget.ts';
import type { Target } from '../../../src/methods/targets.ts';
import type { Module } from '../../../src/models/config.ts';

const target = (layer: number, module: Module, order: number, rows: number, cols: number): Target => ({
  name: `${layer}.${module}`,
  layer,
  module,
  order,
  rows,
  cols,
});
test.each([
  [576, 192, 64],
  [2048, 512, 256],
  [96, 48, 16],
  [7, 7, 1],
])('auto: the largest power of two up to 256 that divides %i and %i is %i', (rows, cols, edge) => {
  expect(blockEdge([target(0, 'q_proj', 0, rows, cols)], 'auto')).toBe(edge);
});

test('a block that does not divide names the matrix and the one that does', () => {
  expect(() => blockEdge([target(3, 'v_proj', 2, 192, 576)], 128)).toThrow(/`block` 128 for 3\.v_proj \[192, 576\].*`block` 64/);
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
  ['less than one block', { kind: 'model', share: 0.0002 }, /at least one block.*raise `budget`/],
  ['more than all', { kind: 'blocks', count: 2501 }, /at most all 2500 blocks/],
] as const)('budget of %s is an error', (_, budget, message) => {
  expect(() => blockCount(budget, 16, [target(0, 'q_proj', 0, 800, 800)], 1e6)).toThrow(message);
});
