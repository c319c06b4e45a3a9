// Which blocks are chosen by their scores, and what two choices have in common.
import { expect, test } from 'vitest';
import { chooseBlocks, overlap } from '../../../src/methods/smt/select.ts';
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
const two = [target(0, 'q_proj', 0, 4, 4), target(0, 'k_proj', 1, 2, 4)];
const maps = (q: number[], k: number[]) =>
  new Map([
    ['0.q_proj', Float32Array.from(q)],
    ['0.k_proj', Float32Array.from(k)],
  ]);
const short = (blocks: { module: string; row: number; col: number }[]) => blocks.map((b) => `${b.module[0]}${b.row}${b.col}`);

test('global: best first; ties by module, row, column', () => {
  const got = chooseBlocks(two, maps([1, 5, 3, 3], [5, 3]), 2, 5, { spread: 'global', kappa: 1 });
  expect(short(got)).toEqual(['q01', 'k00', 'q10', 'q11', 'k01']);
  expect(got[0].score).toBe(5);
});

test('matrix: shared out by size, largest remainder, ties by module', () => {
  // 4 and 2 blocks; 4 of 6 go 2.67 and 1.33, so 3 and 1
  expect(short(chooseBlocks(two, maps([1, 2, 3, 4], [9, 8]), 2, 4, { spread: 'matrix', kappa: 1 })).sort()).toEqual([
    'k00',
    'q01',
    'q10',
    'q11',
  ]);
  // 1 of 6 goes 0.67 and 0.33
  expect(short(chooseBlocks(two, maps([1, 2, 3, 4], [9, 8]), 2, 1, { spread: 'matrix', kappa: 1 }))).toEqual(['q11']);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY])('a score of %s is an error naming the block', (bad) => {
  expect(() => chooseBlocks(two, maps([1, bad, 3, 4], [9, 8]), 2, 1, { spread: 'global', kappa: 1 })).toThrow(
    /block \(0, 1\) of 0\.q_proj/,
  );
});

const chosen = (...rows: number[]) => ({
  block: 8,
  blocks: rows.map((row) => ({ layer: 0, module: 'q_proj' as const, row, col: 0, score: 0 })),
});
test.each([
  [chosen(1, 2, 3), chosen(3, 4, 5), 1 / 3],
  [chosen(1, 2), chosen(2, 1), 1],
  [chosen(1), chosen(2), 0],
])('the overlap of choices', (one, other, share) => {
  expect(overlap(one, other)).toBeCloseTo(share, 12);
});
