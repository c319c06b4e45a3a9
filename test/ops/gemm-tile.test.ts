// What the tiled product of GPUs has beyond a plain one: what it begins at, sums in parts, stored operands; and its counted figures.

import { describe, expect, test } from 'vitest';
import { planningOf } from '../../src/gpu/limits.ts';
import { privateWords } from '../../src/gpu/private.ts';
import { kernel, trace } from '../../src/gpu/program.ts';
import { resident } from '../../src/gpu/tensor.ts';
import { type Mat, multiply, whole } from '../../src/ops/matmul/gemm.ts';
import { ontoPart, splitsOf, tileParts } from '../../src/ops/matmul/gemm-tiles.ts';
import { chooseVariant, type GemmLayout, type Shape, VARIANTS } from '../../src/ops/matmul/gemm-variants.ts';
import { STORED } from '../../src/ops/stored/formats.ts';
import { f32Bound } from '../compare.ts';
import { input, runProgram, testGpu } from '../gpu/harness.ts';
import { noise } from '../oracle/finite.ts';
import { abs, matmulNT } from '../oracle/matmul.ts';
import { some } from '../some.ts';

const { limits } = await testGpu();
const tiles = VARIANTS.filter((v) => v.tiled && !v.half);
const forward = tiles.filter((v) => v.layout === 'nt');
const f32 = (n: number, seed: number) => new Float32Array(noise(n, seed));

const shapeOf = (layout: GemmLayout, m: number, n: number, k: number): Shape => ({
  ...{ m, n, k, a_at: 0, lda: layout === 'tn' ? m : k, b_at: 0, ldb: layout === 'nt' ? k : n, c_at: 0, ldc: n },
});

// Columns 4 and after of a wider c; the sum whole (k of 20) and in parts (k of 452: seven, of which the sixth is short and the last empty).
const starts = forward.flatMap((v) =>
  [20, 452].flatMap((k) =>
    (['nothing', 'bias', 'residual', 'both', 'itself'] as const).map((start) => ({ name: v.name, k, start, v })),
  ),
);
test.each(some(starts, 3))('$name over k of $k onto $start', async ({ v, k, start }) => {
  const [m, n, ldc] = [37, 44, 52];
  const [A, B, C] = [f32(m * k, 1), f32(n * k, 2), f32(m * ldc, 3)];
  const [bias, residual] = [f32(4 + n, 4), f32(m * (n + 8), 5)];
  const [a, b, c] = [await input('a', [m, k], A), await input('b', [n, k], B), await input('c', [m, ldc], C)];
  const onto = {
    ...((start === 'bias' || start === 'both') && { bias: { t: await input('bias', [4 + n], bias), at: 4 } }),
    ...((start === 'residual' || start === 'both') && { add: { t: await input('add', [m, n + 8], residual), at: 8, ld: n + 8 } }),
  };
  let names: string[] = [];
  const out = await runProgram((p) => {
    const x = { a: whole(a), b: whole(b), c: { t: c, at: 4, ld: ldc }, m, n, k };
    multiply(p, v, x, start === 'itself' ? 1 : 0, onto);
    names = p.entries.map((e) => (e.op === 'run' ? e.kernel.name.split(' ')[0] : e.op));
    return { c };
  });
  expect(names).toEqual(splitsOf(v, { m, n, k }) > 1 ? [v.kernel, 'gemm_split'] : [v.kernel]);
  expect(splitsOf(v, { m, n, k }) > 1).toBe(k > 400);
  const [want, size] = [Float64Array.from(C), new Float64Array(C.length)];
  const [product, most] = [matmulNT(A, B, m, n, k), matmulNT(abs(A), abs(B), m, n, k)];
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      const at = i * ldc + 4 + j;
      const terms = [product[i * n + j]];
      if (onto.bias) terms.push(bias[4 + j]);
      if (onto.add) terms.push(residual[8 + i * (n + 8) + j]);
      if (start === 'itself') terms.push(C[at]);
      want[at] = terms.reduce((x, y) => x + y);
      size[at] = most[i * n + j] + terms.slice(1).reduce((x, y) => x + Math.abs(y), 0);
    }
  expect(out.c).toBeWithin(want, f32Bound(size, { serial: k }));
});

test('a product that cannot begin at a residual says so', () => {
  const v = VARIANTS.find((x) => x.kernel === 'gemm_plain' && x.layout === 'nt')!;
  const [a, b, c] = ['a', 'b', 'c'].map((name): Mat => whole(resident(name, [4, 4], 'other')));
  const build = () => trace('p', (p) => multiply(p, v, { a, b, c, m: 4, n: 4, k: 4 }, 0, { add: c }), {}, planningOf(limits));
  expect(build).toThrow('tiled');
});

describe('the tile for a shape', () => {
  const hardware = { ...limits, software: false, half: false, choices: {} };
  const tileOf = (m: number, n: number, k: number) => chooseVariant('nt', shapeOf('nt', m, n, k), hardware).tile;

  test.each([
    [512, 8192, 2048, 128],
    [2048, 2048, 2048, 128],
    [512, 2048, 2048, 64],
    [512, 576, 576, 64],
    [512, 192, 576, 32],
  ])('%i x %i over %i: %i wide', (m, n, k, tile) => {
    expect(tileOf(m, n, k)).toEqual([tile, tile]);
  });

  // Hidden sizes, ffn and key/value widths of Llama 3.2 1B and SmolLM2 135M, a micro-batch of 1 and of 4 rows of 512.
  test.each([512, 2048])(
    'fills at least 64 workgroups for %i tokens, in parts of the sum at need, and pads by no more than a twentieth',
    (m) => {
      for (const [n, k] of [
        [2048, 2048],
        [512, 2048],
        [8192, 2048],
        [2048, 8192],
        [576, 576],
        [192, 576],
        [1536, 576],
        [576, 1536],
        [576, 192],
        [2048, 512],
      ]) {
        const [tm, tn] = tileOf(m, n, k);
        const groups = Math.ceil(m / tm) * Math.ceil(n / tn);
        expect(groups * splitsOf({ tile: [tm, tn] }, { m, n, k })).toBeGreaterThanOrEqual(64);
        expect((tm * tn * groups) / (m * n)).toBeLessThan(1.05);
      }
    },
  );
});

// What programs run is held to a GPU's limits in test/hardware; here all that a tile could be asked for at once.
describe('counted figures of tiles', () => {
  const kernels = tiles.flatMap((v) =>
    Object.entries(STORED).flatMap(([format, { part }]) =>
      [false, true].map((blocks) => ({
        name: `${v.name} ${format}${blocks ? ' with blocks' : ''}`,
        linked: kernel('k', tileParts(false, { stored: part, blocks, onto: ontoPart(true, true) }), v.consts).linked,
      })),
    ),
  );
  const worst = (of: (k: (typeof kernels)[number]) => number) => kernels.reduce((a, b) => (of(b) > of(a) ? b : a));

  test('at most 112 private floats, 16 KB of WGSL, 8 storage buffers; at least 32 invocations', () => {
    expect(privateWords(worst((k) => privateWords(k.linked)).linked)).toBeLessThanOrEqual(112);
    expect(worst((k) => k.linked.code.length).linked.code.length).toBeLessThanOrEqual(16 << 10);
    for (const { linked } of kernels) {
      expect(linked.bindings.filter((b) => b.kind !== 'uniform').length).toBeLessThanOrEqual(8);
      const [x, y] = linked.workgroupSize;
      expect(x * y).toBeGreaterThanOrEqual(32);
      expect(x * y).toBeLessThanOrEqual(256);
    }
  });
});
