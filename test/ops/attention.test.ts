// Attention against f64: values, gradients, rows of unlike length in one stream, a cache with room to spare, and who gets a gradient.

import { describe, expect, test } from 'vitest';
import { type Limits, planningOf } from '../../src/gpu/limits.ts';
import { type Program, trace } from '../../src/gpu/program.ts';
import { resident } from '../../src/gpu/tensor.ts';
import { attention } from '../../src/ops/attention/attention.ts';
import { type Form, formFor, type Pass, passKernel } from '../../src/ops/attention/forms.ts';
import { f32Bound } from '../compare.ts';
import { input, runProgram } from '../gpu/harness.ts';
import * as oracle from '../oracle/attention.ts';
import { dot, finiteDifference } from '../oracle/finite.ts';
import { some } from '../some.ts';
import { attentionOnGpu, type Heads, heads, streamOf, valuesOf } from './attention.ts';

const abs = (a: ArrayLike<number>) => Float32Array.from(a, Math.abs);

/** Off Deno the adapter is SwiftShader, whose compiler takes minutes over wide heads: there only what a second compiles. */
const quick = ([, h]: [number[], Heads]) => 'Deno' in globalThis || h.head_dim <= 32;

// Where the device has no subgroups, that form gives the plain one.
const FORMS: Form[] = ['registers', 'subgroup', 'tiles'];

// What does not ask for another has heads of 8: SwiftShader takes ten seconds over the tiles of each head_dim.
describe.each(FORMS)('attention in training, %s', (form) => {
  // Registers own up to 8 queries or keys, tiles 32, and of a head 32 or 64 floats at a time: both sides of an edge, one row and several.
  const shapes: [number[], Heads][] = [
    [[1], heads(1, 1, 2)],
    [[2], heads(2, 1, 4)],
    [[7], heads(3, 3, 6)],
    [[8], heads(4, 2, 8)],
    [[9], heads(6, 2, 12)],
    [[17, 1, 1], heads(2, 1, 16)],
    [[33, 30], heads(8, 4, 32)],
    [[3, 5, 1, 7], heads(8, 4, 32)],
    [[4], heads(9, 3, 64)],
    [[5], heads(9, 3, 64)],
    [[1, 14, 20], heads(9, 3, 64)],
    [[10, 3], heads(5, 1, 80)],
    [[3, 4], heads(2, 2, 96)],
    [[1, 2, 6], heads(4, 2, 128)],
    [[70, 58, 1], heads(3, 1, 10)],
  ];
  const tiled: [number[], Heads][] = [
    [[31], heads(3, 1, 36)],
    [[32], heads(2, 2, 64)],
    [[33], heads(2, 1, 196)],
    [[5, 30], heads(2, 1, 70)],
  ];
  const cases = form === 'tiles' ? [...shapes, ...tiled] : shapes;
  test.each(some(cases.filter(quick), form === 'tiles' ? 3 : 2))('rows of %j, %o', async (rows, h) => {
    const { lo } = streamOf(rows);
    const a = valuesOf(lo.length, h);
    const got = await attentionOnGpu(rows, h, a, form);
    const want = oracle.attention(a.q, a.k, a.v, lo, h);
    const all = oracle.attention(a.q, a.k, abs(a.v), lo, h).y;
    expect(got.o).toBeWithin(want.y, f32Bound(all, { serial: Math.max(16, ...rows) + h.head_dim }));
    const { dq, dk, dv } = oracle.attentionBackward(a.dy, a.q, a.k, a.v, lo, h);
    expect(got.dv).toBeCloseL2(dv, 2e-6);
    // a row's first query has one key only: its dq is 0, and so is all of dq and dk where every row has one token
    const floor = 1e-6;
    expect(got.dq).toBeAllclose(dq, { rtol: 1e-5, atol: floor });
    expect(got.dk).toBeAllclose(dk, { rtol: 1e-5, atol: floor * Math.max(...rows) });
  });

  test('gradients are those of finite differences', async () => {
    const h = heads(4, 2, 8);
    const rows = [3, 2];
    const { lo } = streamOf(rows);
    const a = valuesOf(5, h);
    const got = await attentionOnGpu(rows, h, a, form);
    const loss = (x: Partial<typeof a>) => {
      const { q, k, v } = { ...a, ...x } as typeof a;
      return dot(oracle.attention(q, k, v, lo, h).y, a.dy);
    };
    expect(got.dq).toBeCloseL2(
      finiteDifference((q) => loss({ q: q as never }), a.q),
      2e-6,
    );
    expect(got.dk).toBeCloseL2(
      finiteDifference((k) => loss({ k: k as never }), a.k),
      2e-6,
    );
    expect(got.dv).toBeCloseL2(
      finiteDifference((v) => loss({ v: v as never }), a.v),
      2e-6,
    );
  });

  test.each([
    ['rising', 1],
    ['falling', -1],
  ])('scores of hundreds, %s along the keys', async (_, sign) => {
    const h = heads(1, 1, 8);
    const N = 40;
    const a = valuesOf(N, h);
    a.q.fill(7);
    for (let i = 0; i < a.k.length; i++) a.k[i] = sign * (Math.floor(i / 8) - 20) + a.v[i] / 100;
    const { lo } = streamOf([N]);
    const got = await attentionOnGpu([N], h, a, form);
    expect(got.o).toBeCloseL2(oracle.attention(a.q, a.k, a.v, lo, h).y, 1e-4); // a score of 400 is good to 2e-5 only
    const { dq, dv } = oracle.attentionBackward(a.dy, a.q, a.k, a.v, lo, h);
    expect(got.dv).toBeCloseL2(dv, 1e-4);
    expect(got.dq.every(Number.isFinite) && dq.every(Number.isFinite)).toBe(true);
  });

  test('a row does not see its neighbours: the same bits beside another one', async () => {
    const h = heads(2, 1, 8);
    const a = valuesOf(24, h);
    const b = valuesOf(24, h);
    b.k.fill(1e3, 8 * 8, 16 * 8); // the row in the middle
    b.v.fill(-1e3, 8 * 8, 16 * 8);
    const [x, y] = [await attentionOnGpu([8, 8, 8], h, a, form), await attentionOnGpu([8, 8, 8], h, b, form)];
    for (const part of ['o', 'dq', 'dk', 'dv'] as const) {
      const w = x[part].length / 3;
      expect(y[part].subarray(0, w)).toEqual(x[part].subarray(0, w));
      expect(y[part].subarray(2 * w)).toEqual(x[part].subarray(2 * w));
    }
    expect(y.o.subarray(128, 256)).not.toEqual(x.o.subarray(128, 256));
  });

  test.each([
    ['q', [1, 0, 0]],
    ['v', [0, 1, 1]],
    ['', [0, 0, 0]],
  ])('where "%s" needs a gradient, the others cost none', async (needs, there) => {
    const h = heads(2, 1, 8);
    const a = valuesOf(6, h);
    const got = await attentionOnGpu([6], h, a, form, needs);
    expect([got.dq, got.dk, got.dv].map((g) => Number(g.length > 0))).toEqual(there);
    const want = oracle.attentionBackward(a.dy, a.q, a.k, a.v, streamOf([6]).lo, h);
    expect(got.dq).toBeCloseL2(there[0] ? want.dq : [], 2e-6);
    expect(got.dk).toBeCloseL2(there[1] ? want.dk : [], 2e-6);
    expect(got.dv).toBeCloseL2(there[2] ? want.dv : [], 2e-6);
  });

  test('the same bits every time', async () => {
    const h = heads(8, 4, 32);
    const a = valuesOf(50, h);
    const [x, y] = [await attentionOnGpu([20, 30], h, a, form), await attentionOnGpu([20, 30], h, a, form)];
    expect(y).toEqual(x);
  });
});

describe.each(FORMS)('attention over a cache, %s', (form) => {
  // Queries at positions p0 ..: each sees the keys up to its own; what lies beyond is NaN. Two of padding follow.
  test.each([
    [1, 0, 5],
    [1, 4, 5],
    [1, 100, 300],
    [3, 9, 40],
    [9, 0, 9],
    [17, 20, 64],
  ])('%i queries at position %i of %i', async (count, p0, capacity) => {
    const h = heads(6, 2, 16);
    const all = valuesOf(capacity, h);
    const from = p0 * 96;
    const q = new Float32Array((count + 2) * 96);
    q.set(all.q.subarray(from, from + count * 96));
    const [k, v] = [all.k.slice().fill(Number.NaN, (p0 + count) * 32), all.v.slice().fill(Number.NaN, (p0 + count) * 32)];
    const t = {
      q: await input('q', [count + 2, 96], q),
      k: await input('k', [capacity, 32], k),
      v: await input('v', [capacity, 32], v),
      lo: await input('lo', [count + 2], new Uint32Array(count + 2), 'u32'),
      last: await input(
        'last',
        [count],
        Uint32Array.from({ length: count }, (_, i) => p0 + i),
        'u32',
      ),
      hi: await input('hi', [count + 2], new Uint32Array(count + 2), 'u32'),
    };
    const { o } = await runProgram((p) => ({ o: attention(p, t.q, t.k, t.v, { ...t, ...h, scale: 0.25, form }) }));
    const lo = new Uint32Array(p0 + count);
    const want = oracle.attention(all.q, all.k, all.v, lo, h).y.subarray(from);
    expect(o.subarray(0, count * 96)).toBeCloseL2(want, 1e-6);
    expect(o.every(Number.isFinite)).toBe(true);
  });
});

const DEVICE = planningOf({ maxBinding: 2 ** 27, maxBuffer: 2 ** 28, software: false, subgroups: 0 });

describe('the trace', () => {
  const build = (h: Heads) => (p: Program) => {
    const N = p.dims.N;
    const t = (width: number) => resident('t', [N, width], 'other');
    const u = resident('u', [N], 'other', 'u32');
    const [q, k, v] = [t(h.n_heads * h.head_dim), t(h.n_kv_heads * h.head_dim), t(h.n_kv_heads * h.head_dim)];
    attention(p, q, k, v, { lo: u, last: u, hi: u, ...h, scale: 1 });
  };

  test.each([1, 3, 63])('for %i tokens it has the kernels of the largest one', (N) => {
    const largest = trace('largest', build(heads(2, 1, 8)), { N: 64 }, DEVICE);
    expect(() => trace('shorter', build(heads(2, 1, 8)), { N }, DEVICE, { largest })).not.toThrow();
  });

  test.each<[Form, Partial<Limits>]>([
    ['tiles', {}],
    ['tiles', { subgroups: 32 }],
    ['registers', { software: true }],
    ['registers', { software: true, subgroups: 2 }],
    ['subgroup', { software: true, subgroups: 4 }],
    ['subgroup', { software: true, subgroups: 8 }],
  ])('%s for %o', (form, limits) => {
    expect(formFor({ ...DEVICE, ...limits })).toBe(form);
  });

  test.each([
    [3, 8, 1],
    [6, 8, 2],
    [4, 4, 4],
    [16, 8, 8],
  ])('%i heads of a kv head, %i invocations a subgroup: %i heads side by side', (group, subgroups, heads) => {
    const { kernel, groups } = passKernel('subgroup', 'forward', { n: 64, head_dim: 32, group }, { ...DEVICE, subgroups });
    expect(kernel.name).toContain(`SHARE=${subgroups} BQ=4 HEADS=${heads}`);
    expect(groups(64, 2 * group)).toBe((64 * 2 * group) / (4 * subgroups));
  });

  test.each([
    [7, 'attention_forward HD=32 BQ=7'],
    [8, 'attention_subgroup_forward HD=32 SHARE=8 BQ=4'],
  ])('%i queries in a subgroup of 8', (n, name) => {
    const layout = passKernel('subgroup', 'forward', { n, head_dim: 32, group: 1 }, { ...DEVICE, subgroups: 8 });
    expect(layout.kernel.name).toContain(name);
  });

  test.each([
    [64, 'OWN=1 PARTS=1', 'OWN=1 PARTS=1', 2],
    [80, 'OWN=2 PARTS=1', 'OWN=2 PARTS=1', 2],
    [256, 'OWN=4 PARTS=1', 'OWN=2 PARTS=2', 4],
    [70, 'OWN=4 PARTS=2', 'OWN=2 PARTS=3', 6],
  ])(
    'heads of %i: elements of four rows that an invocation of a tile holds, and who makes the rest',
    (head_dim, dq, dkv, groups) => {
      const passOf = (pass: Pass) => passKernel('tiles', pass, { n: 64, head_dim, group: 1 }, DEVICE);
      expect(passOf('dq').kernel.name).toBe(`attention_tiled_dq HD=${head_dim} ${dq}`);
      expect(passOf('dkv').kernel.name).toBe(`attention_tiled_dkv HD=${head_dim} ${dkv}`);
      expect(passOf('dkv').groups(33, 1)).toBe(groups);
    },
  );

  test.each<[Heads, RegExp]>([
    [heads(2, 1, 7), /even head_dim, got 7/],
    [heads(4, 3, 8), /n_kv_heads to divide n_heads, got 3 and 4/],
  ])('error: %o', (h, message) => {
    expect(() => trace('t', build(h), { N: 4 }, DEVICE)).toThrow(message);
  });
});
