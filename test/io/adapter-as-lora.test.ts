// Blocks as a LoRA: B A is the difference, value for value; truncated, the rest is as small as the singular values say.
import { describe, expect, test } from 'vitest';
import type { MixedAdapter, SmtAdapter } from '../../src/io/adapter.ts';
import { asLora } from '../../src/io/adapter-as-lora.ts';
import type { PeftMatrix } from '../../src/io/adapter-peft.ts';
import { lowRank } from '../../src/io/svd.ts';

const values = (n: number, seed: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(seed + i * i + 0.3 * i));
const b = 4;
const matrix = (name: string, places: [number, number][], seed: number) => ({
  name: `model.layers.0.self_attn.${name}.weight`,
  index: Int32Array.from(places.flat()),
  blocks: values(places.length * b * b, seed),
});
const adapter: SmtAdapter = {
  ...{ method: 'smt', block: b, targets: ['q_proj', 'v_proj'], score: 'l2', budget: '3b', seed: 0, version: '0' },
  base: {
    shapes: {
      'model.layers.0.self_attn.q_proj.weight': [16, 12],
      'model.layers.0.self_attn.v_proj.weight': [8, 12],
      'model.layers.1.self_attn.v_proj.weight': [8, 12],
    },
    sha256: {},
  },
  matrices: [
    matrix(
      'q_proj',
      [
        [0, 1],
        [2, 1],
        [3, 1],
        [3, 0],
      ],
      1,
    ), // two columns of blocks, three rows
    matrix(
      'v_proj',
      [
        [1, 0],
        [1, 2],
        [1, 1],
      ],
      2,
    ), // one row
  ],
};

/** The difference [out, in] of blocks, and of factors. */
function dense({ index, blocks }: SmtAdapter['matrices'][number], [out, inner]: number[]): number[] {
  const all = new Array(out * inner).fill(0);
  for (let k = 0; k < index.length / 2; k++)
    for (let i = 0; i < b * b; i++)
      all[(index[2 * k] * b + Math.floor(i / b)) * inner + index[2 * k + 1] * b + (i % b)] = blocks[k * b * b + i];
  return all;
}
function product({ A, B, shape: [out, inner] }: PeftMatrix, rank: number): number[] {
  return Array.from({ length: out * inner }, (_, at) => {
    let sum = 0;
    for (let k = 0; k < rank; k++) sum += B[Math.floor(at / inner) * rank + k] * A[k * inner + (at % inner)];
    return sum;
  });
}
const norm = (x: ArrayLike<number>) => Math.sqrt(Array.from(x).reduce((sum, v) => sum + v * v, 0));

describe('exact', () => {
  const { adapter: lora } = asLora(adapter);
  test('one rank, scaled by 1: the fewer of rows and columns, of the matrix that needs most', () => {
    expect(lora).toMatchObject({ method: 'lora', rank: 2 * b, alpha: 2 * b, use_rslora: false });
  });
  test.each([0, 1])('matrix %i is its blocks, to the bit', (i) => {
    expect(product(lora.matrices[i], lora.rank)).toEqual(dense(adapter.matrices[i], lora.matrices[i].shape));
  });
  test('where a module of a kind has no blocks, modules are named one by one', () => {
    expect(lora.targets).toEqual(['model.layers.0.self_attn.q_proj', 'model.layers.0.self_attn.v_proj']);
  });
});

describe('truncated', () => {
  test('what is left is what it says', () => {
    const { adapter: lora, notes } = asLora(adapter, 3);
    const left = adapter.matrices.map((m, i) => {
      const approx = product(lora.matrices[i], 3);
      return norm(dense(m, lora.matrices[i].shape).map((x, at) => x - approx[at]));
    });
    const share = norm(left) / norm(adapter.matrices.flatMap(({ blocks }) => [...blocks]));
    const said = Number(/loses ([\d.]+) %/.exec(notes[0])![1]) / 100;
    expect(share).toBeGreaterThan(0.05);
    expect(Math.abs(said - share)).toBeLessThan(1e-3);
  });
  test('at a rank that suffices nothing is', () => expect(asLora(adapter, 8).notes[0]).toMatch(/loses [\d.]+e-\d+ %|loses 0 %/));
  test('at more than that it is refused', () => {
    expect(() => asLora(adapter, 9)).toThrow('expected `svd` to be at most 8, the rank that loses nothing, got 9; give less');
  });
  test('an adapter of another method keeps its rank', () => {
    const lora = { ...asLora(adapter).adapter };
    expect(asLora(lora)).toEqual({ adapter: lora, notes: [] });
    expect(() => asLora(lora, 4)).toThrow('whose rank is 8; leave `svd` out');
  });
});

describe('blocks and factors', () => {
  const rank = 2;
  const of = (i: number, rank: number): PeftMatrix => {
    const { name } = adapter.matrices[i];
    const shape = adapter.base.shapes[name];
    return { name, shape, A: values(rank * shape[1], 5 + i), B: values(shape[0] * rank, 8 + i) };
  };
  // the first has blocks alone, the second both, and a third factors alone, of a rank and an alpha of their own
  const both = of(1, rank);
  const third = { ...of(1, 3), rank: 3, alpha: 6, name: 'model.layers.1.self_attn.v_proj.weight' };
  const said = { method: 'lora' as const, rank, alpha: 3, use_rslora: false, dropout: 0, targets: ['v_proj'], base: '' };
  const mixed: MixedAdapter = { method: 'smt+lora', share: 0.5, blocks: adapter, factors: { ...said, matrices: [both, third] } };
  const sums: Record<string, number[]> = {
    [adapter.matrices[0].name]: dense(adapter.matrices[0], [16, 12]),
    [both.name]: dense(adapter.matrices[1], [8, 12]).map((x, i) => x + 1.5 * product(both, rank)[i]),
    [third.name]: product(third, 3).map((x) => 2 * x),
  };

  test('exact: the rank of both, and the sum of what they add', () => {
    const { adapter: lora, notes } = asLora(mixed);
    expect(lora).toMatchObject({ method: 'lora', rank: 2 * b + 3, alpha: 2 * b + 3 });
    expect(lora.matrices.map(({ name }) => name).sort()).toEqual(Object.keys(sums).sort());
    for (const matrix of lora.matrices) {
      const got = product(matrix, lora.rank);
      sums[matrix.name].forEach((x, i) => expect(got[i]).toBeCloseTo(x, 5));
    }
    expect(notes[0]).toMatch(/blocks and factors are a LoRA of rank 11 without any error/);
  });

  test('factors of ranks and alphas of their own stay as they are, and that is said', () => {
    const own = { ...said, matrices: [both, third] };
    expect(asLora(own)).toEqual({ adapter: own, notes: [expect.stringMatching(/no rank_pattern and alpha_pattern/)] });
    expect(asLora({ ...said, matrices: [both] }).notes).toEqual([]);
  });

  test('truncated: what is left of the sum is what it says', () => {
    const { adapter: lora, notes } = asLora(mixed, 3);
    const left = lora.matrices.map((m) => norm(sums[m.name].map((x, at) => x - product(m, 3)[at])));
    const share = norm(left) / norm(Object.values(sums).flat());
    const said = Number(/loses ([\d.]+) %/.exec(notes[0])![1]) / 100;
    expect(lora.matrices).toHaveLength(3);
    expect(share).toBeGreaterThan(0.05);
    expect(Math.abs(said - share)).toBeLessThan(1e-3);
  });
});

// singular values 9, 4, 1, 0.5 by construction: rotations of a diagonal
test('lowRank keeps the largest singular values', () => {
  const [m, n] = [6, 5];
  const turned = (k: number, i: number, j: number) =>
    (i === j ? 1 : 0) - (2 * Math.sin(1 + i * k) * Math.sin(1 + j * k)) / lengthOf(k);
  const lengthOf = (k: number) => Array.from({ length: k }, (_, i) => Math.sin(1 + i * k) ** 2).reduce((a, b) => a + b);
  const singular = [9, 4, 1, 0.5];
  const D = Float32Array.from({ length: m * n }, (_, at) =>
    singular.reduce((sum, s, k) => sum + s * turned(m, Math.floor(at / n), k) * turned(n, k, at % n), 0),
  );
  for (const [rank, lost] of [
    [1, Math.hypot(4, 1, 0.5)],
    [2, Math.hypot(1, 0.5)],
    [3, 0.5],
  ])
    expect(Math.abs(lowRank(D, m, n, rank).lost - lost)).toBeLessThan(1e-5);
});
