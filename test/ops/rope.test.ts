// Rotary positions against f64: the table under every scaling, and the turn there and back.

import { describe, expect, test } from 'vitest';
import { backward, giveGrad, gradOf } from '../../src/gpu/program.ts';
import { columns, type Tensor } from '../../src/gpu/tensor.ts';
import type { RopeScaling } from '../../src/models/config.ts';
import { rope, ropeTable } from '../../src/ops/attention/rope.ts';
import { f32Bound } from '../compare.ts';
import { input, runProgram } from '../gpu/harness.ts';
import { noise } from '../oracle/finite.ts';
import * as oracle from '../oracle/rope.ts';

const f32 = (n: number, seed: number) => new Float32Array(noise(n, seed));
const llama3 = {
  type: 'llama3',
  factor: 32,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 8192,
} as const;

describe('rope', () => {
  // 64 invocations a workgroup, one for each token and pair
  test.each([
    [1, 1, 2],
    [5, 3, 6],
    [63, 2, 2],
    [8, 1, 16],
    [13, 4, 10],
    [65, 2, 64],
  ])('%i tokens, %i heads of %i', async (N, heads, head_dim) => {
    const where = Uint32Array.from({ length: N }, (_, t) => (t * 7) % 50);
    const [x, dy] = [f32(N * heads * head_dim, 1), f32(N * heads * head_dim, 2)];
    const table = await input('table', [50, head_dim / 2, 2], ropeTable({ theta: 10000, scaling: null }, head_dim, 50));
    const positions = await input('positions', [N], where, 'u32');
    const [tx, tdy] = [await input('x', [N, heads * head_dim], x), await input('dy', [N, heads * head_dim], dy)];
    const got = await runProgram((p) => {
      p.needs.add(tx);
      rope(p, [tx], { positions, table, head_dim });
      giveGrad(p, tx, tdy);
      backward(p);
      return { y: tx, dx: gradOf(p, tx)! };
    });
    const frequencies = oracle.ropeFrequencies({ theta: 10000, scaling: null }, head_dim);
    const bound = new Float64Array(x.length).fill(2);
    expect(got.y).toBeWithin(oracle.rope(x, where, heads, head_dim, frequencies), f32Bound(bound, 'tree'));
    expect(got.dx).toBeWithin(oracle.ropeBackward(dy, where, heads, head_dim, frequencies), f32Bound(bound, 'tree'));
  });

  test('columns of the same rows that are neighbours turn together, and nothing else does', async () => {
    const [N, head_dim, widths] = [9, 6, [12, 6, 18]];
    const where = Uint32Array.from({ length: N }, (_, t) => 3 * t);
    const table = await input('table', [50, 3, 2], ropeTable({ theta: 10000, scaling: null }, head_dim, 50));
    const positions = await input('positions', [N], where, 'u32');
    const [x, dy] = [f32(N * 36, 1), f32(N * 36, 2)];
    const [tx, tdy] = [await input('x', [N, 36], x), await input('dy', [N, 36], dy)];
    const parts = (t: Tensor) => widths.map((width, i) => columns(t, [0, 12, 18][i], width, 'part'));
    let dispatches = 0;
    const got = await runProgram((p) => {
      const [qk, grads] = [parts(tx).slice(1), parts(tdy).slice(1)];
      qk.forEach((t, i) => {
        p.needs.add(t);
        giveGrad(p, t, grads[i]);
      });
      rope(p, qk, { positions, table, head_dim });
      backward(p);
      dispatches = p.entries.length;
      return { y: tx, dx: tdy };
    });
    expect(dispatches).toBe(2);
    const frequencies = oracle.ropeFrequencies({ theta: 10000, scaling: null }, head_dim);
    const turned = (a: Float32Array, sign: 1 | -1) => {
      const heads = a.filter((_, i) => i % 36 >= 12);
      const all = oracle.rope(heads, where, 4, head_dim, frequencies, sign);
      return a.map((v, i) => (i % 36 < 12 ? v : all[Math.floor(i / 36) * 24 + (i % 36) - 12]));
    };
    expect(got.y).toBeAllclose(turned(x, 1), { rtol: 1e-5, atol: 1e-6 });
    expect(got.dx).toBeAllclose(turned(dy, -1), { rtol: 1e-5, atol: 1e-6 });
  });

  test('nothing to train: no backward', async () => {
    const x = await input('x', [2, 4], f32(8, 1));
    const positions = await input('positions', [2], [0, 1], 'u32');
    const table = await input('table', [2, 2, 2], ropeTable({ theta: 10000, scaling: null }, 4, 2));
    let tape = -1;
    await runProgram((p) => {
      rope(p, [x], { positions, table, head_dim: 4 });
      tape = p.tape.length;
      return { x };
    });
    expect(tape).toBe(0);
  });

  test('error: a table of another head_dim', async () => {
    const x = await input('x', [2, 4], f32(8, 1));
    const table = await input('table', [2, 3, 2], f32(12, 1));
    const build = runProgram((p) => {
      rope(p, [x], { positions: x, table, head_dim: 4 });
      return { x };
    });
    await expect(build).rejects.toThrow(/a table of 2 pairs a position, got \[2,4\] and \[2,3,2\]/);
  });
});

describe('ropeTable', () => {
  test.each<[string, RopeScaling | null]>([
    ['default', null],
    ['linear', { type: 'linear', factor: 4 }],
    ['llama3', llama3],
  ])('%s: cos and sin of the reference, rounded once', (_, scaling) => {
    const rope = { theta: 500000, scaling };
    const table = ropeTable(rope, 64, 300);
    const frequencies = oracle.ropeFrequencies(rope, 64);
    const want = new Float64Array(table.length);
    for (let t = 0; t < 300; t++)
      for (let i = 0; i < 32; i++) want.set([Math.cos(t * frequencies[i]), Math.sin(t * frequencies[i])], (t * 32 + i) * 2);
    expect(table).toBeAllclose(want, { rtol: 0, atol: 6e-8 });
  });

  test('llama3 keeps the fast pairs and divides the slow ones', () => {
    const [plain, scaled] = [null, llama3].map((scaling) => ropeTable({ theta: 500000, scaling }, 64, 2));
    expect(scaled.slice(64, 66)).toEqual(plain.slice(64, 66));
    // sin of a small angle is the angle
    expect([plain[127] / scaled[127]]).toBeAllclose([32], { rtol: 1e-6 });
  });

  test('factors divide the frequencies one by one', () => {
    const table = ropeTable({ theta: 100, scaling: { type: 'factors', factors: [1, 4] } }, 4, 2);
    expect(table.slice(4)).toBeAllclose([Math.cos(1), Math.sin(1), Math.cos(0.025), Math.sin(0.025)], { rtol: 1e-7 });
  });
});
