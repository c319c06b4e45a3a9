// Dispatches may be cut anywhere: every kernel over rows or elements gives the same bits whole and in pieces.

import { describe, expect, test } from 'vitest';
import { idle } from '../../src/gpu/device.ts';
import { planningOf } from '../../src/gpu/limits.ts';
import { scaled } from '../../src/gpu/pace.ts';
import { plan } from '../../src/gpu/plan.ts';
import { type Build, backward, copy, giveGrad, gradOf, type Program, temp } from '../../src/gpu/program.ts';
import { dispose, prepare, replay } from '../../src/gpu/run.ts';
import { allocate } from '../../src/gpu/scope.ts';
import { read, resident, type Tensor, write } from '../../src/gpu/tensor.ts';
import { blocksWeight, newBlockSet } from '../../src/ops/blocks/blocks.ts';
import { addInto, fill, fillBackward } from '../../src/ops/elementwise/fill.ts';
import { swiglu } from '../../src/ops/elementwise/swiglu.ts';
import { crossEntropy } from '../../src/ops/loss/crossentropy.ts';
import { gatherRows } from '../../src/ops/loss/gather.ts';
import { headPanels, panelsOf } from '../../src/ops/loss/head-panels.ts';
import { likeliest, toldWidth } from '../../src/ops/loss/likeliest.ts';
import { multiply, whole } from '../../src/ops/matmul/gemm.ts';
import { VARIANTS } from '../../src/ops/matmul/gemm-variants.ts';
import { dense } from '../../src/ops/matmul/linear.ts';
import { rmsnorm } from '../../src/ops/norm/rmsnorm.ts';
import { adamw } from '../../src/ops/optimizer/adamw.ts';
import { gradNorm } from '../../src/ops/optimizer/gradnorm.ts';
import { muon } from '../../src/ops/optimizer/muon.ts';
import { begin, trainedTogether } from '../../src/ops/optimizer/trained.ts';
import { newWeight, type Weight } from '../../src/ops/stored/weight.ts';
import { embed } from '../../src/ops/stream/embed.ts';
import { input, testGpu } from '../gpu/harness.ts';
import { noise } from '../oracle/finite.ts';

const [N, D] = [70, 320];
const f32 = (name: string, shape: number[], seed: number) =>
  input(
    name,
    shape,
    noise(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
  );
const u32 = (name: string, a: number[]) => input(name, [a.length], a, 'u32');
const rows = Array.from({ length: N }, (_, i) => i);

/** Runs a program whole or cut as finely as its spare uniform records allow; the bits of `out` and the number of pieces. */
async function run(build: Build, out: Tensor, before: Float32Array<ArrayBuffer>, cut: boolean) {
  const gpu = await testGpu();
  write(gpu.memory, out, before);
  const dims = { N };
  const machine = await prepare(gpu, plan([{ name: 'test', build, dims }], planningOf(gpu.limits)));
  machine.pace = scaled(machine.pace, cut ? 1e-9 : 1e9);
  replay(machine, 'test', dims);
  await idle(gpu);
  const pieces = [...machine.tables.values()][0].steps.length;
  dispose(machine);
  return { bits: new Uint32Array((await read(gpu.memory, out)).buffer), pieces };
}

async function wholeAndCut(shape: number[], f: (p: Program) => Tensor) {
  const before = new Float32Array(
    noise(
      shape.reduce((a, b) => a * b, 1),
      99,
    ),
  );
  const out = await input('out', shape, before);
  const build: Build = (p) => {
    const t = f(p);
    if (t !== out) copy(p, t, out);
  };
  const whole = await run(build, out, before, false);
  const cut = await run(build, out, before, true);
  expect(cut.pieces).toBeGreaterThan(whole.pieces);
  expect(cut.bits).toEqual(whole.bits);
}

describe('cut dispatches', () => {
  test('rmsnorm and its gradients', async () => {
    const [x, w, dy, dw] = [
      await f32('x', [N, D], 1),
      await f32('w', [D], 2),
      await f32('dy', [N, D], 3),
      await f32('dw', [D], 4),
    ];
    const go = (p: Program) => {
      p.needs.add(x);
      giveGrad(p, rmsnorm(p, x, { name: 'w', value: w, grad: dw }, 1e-5), dy);
      backward(p);
    };
    await wholeAndCut([N, D], (p) => {
      go(p);
      return gradOf(p, x)!;
    });
    await wholeAndCut([D], (p) => {
      go(p);
      return dw;
    });
  });

  test('swiglu', async () => {
    const [gate, up, ds] = [await f32('gate', [N, D], 1), await f32('up', [N, D], 2), await f32('ds', [N, D], 3)];
    await wholeAndCut([N, D], (p) => {
      const [g, u] = [temp(p, 'gate', [N, D]), temp(p, 'up', [N, D])];
      copy(p, gate, g);
      copy(p, up, u);
      p.needs.add(g);
      giveGrad(p, swiglu(p, g, u), ds);
      backward(p);
      return gradOf(p, g)!;
    });
  });

  test('fill, add and the bias gradient', async () => {
    const [b, r, grad] = [await f32('b', [D], 1), await f32('r', [N, D], 2), await f32('grad', [D], 3)];
    await wholeAndCut([N, D], (p) => {
      const y = temp(p, 'y', [N, D]);
      fill(p, y, { name: 'b', value: b, grad: null }, r);
      addInto(p, r, y);
      return y;
    });
    await wholeAndCut([D], (p) => {
      fillBackward(p, r, { name: 'b', value: b, grad });
      return grad;
    });
  });

  test('gather and scatter', async () => {
    const [h, dy, at] = [
      await f32('h', [N, D], 1),
      await f32('dy', [N, D], 2),
      await u32(
        'at',
        rows.map((i) => (i * 3) % N),
      ),
    ];
    await wholeAndCut([N, D], (p) => {
      p.needs.add(h);
      giveGrad(p, gatherRows(p, h, at, N), dy);
      backward(p);
      return gradOf(p, h)!;
    });
  });

  test('embed and its gradient', async () => {
    const [q, grad, dy] = [await f32('q', [N * D], 1), await f32('grad', [N * D], 2), await f32('dy', [N, D], 3)];
    const ids = rows.map((i) => i >> 1);
    const groups = [...rows.slice(0, N / 2).flatMap((u) => [u, 2 * u]), ...rows.slice(0, N / 2 + 1).flatMap(() => [0, N])];
    const s = { ids: await u32('ids', ids), order: await u32('order', rows), groups: await u32('groups', groups) };
    const w: Weight = {
      name: 'w',
      rows: N,
      cols: D,
      format: 'f32',
      windows: [{ r0: 0, r1: N, q }],
      trains: dense([grad]),
    };
    await wholeAndCut([N, D], (p) => embed(p, s, w));
    await wholeAndCut([N * D], (p) => {
      giveGrad(p, embed(p, s, w), dy);
      backward(p);
      return grad;
    });
  });

  test('cross-entropy', async () => {
    const [logits, scalars, logprob] = [
      await f32('logits', [N, D], 1),
      await f32('scalars', [8], 2),
      await f32('logprob', [N], 3),
    ];
    const [targetAt, targetId] = [await u32('at', rows), await u32('id', rows)];
    await wholeAndCut([N, D], (p) => {
      const chunk = temp(p, 'chunk', [N, D]);
      copy(p, logits, chunk);
      crossEntropy(p, chunk, { m: N, at: 0, V: D, targetAt, targetId, scalars, logprob, train: true });
      return chunk;
    });
  });

  test('the likeliest tokens of rows of logits', async () => {
    const logits = await f32('logits', [N, D], 1);
    const ids = await u32('id', rows);
    const told = await input('told', [N, toldWidth(2)], new Uint32Array(N * toldWidth(2)), 'u32');
    await wholeAndCut([N, toldWidth(2)], (p) => {
      likeliest(p, logits, { ids, told, row0: 0, m: N, wanted: 2 });
      return told;
    });
  });

  // Cut along every axis of their grids: columns and rows of tiles, parts of a sum, blocks.
  test.each(['gemm_tile128', 'gemm_tile64', 'gemm_tile64x4', 'gemm_tile32'])('%s, its sum in parts', async (name) => {
    const [m, n, k] = [140, 260, 260];
    const v = VARIANTS.find((v) => v.kernel === name && v.layout === 'nt')!;
    const [a, b] = [await f32('a', [m, k], 1), await f32('b', [n, k], 2)];
    await wholeAndCut([m, n], (p) => {
      const c = temp(p, 'c', [m, n]);
      multiply(p, v, { a: whole(a), b: whole(b), c: whole(c), m, n, k }, 0);
      return c;
    });
  });

  test.each([
    ['tiles', 128, 4],
    ['slices', 16, 3],
    ['slices of parts', 40, 2],
  ])("blocks' gradients in %s", async (_, b, count) => {
    const { memory, scope } = await testGpu();
    const s = newBlockSet(
      'w',
      2 * b,
      2 * b,
      b,
      (
        [
          [0, 0],
          [0, 1],
          [1, 0],
          [1, 1],
        ] as const
      ).slice(0, count),
      true,
    );
    for (const t of [s.grad!, s.lists]) allocate(scope, t.home!);
    write(memory, s.lists, s.places.words);
    const [x, dy] = [await f32('x', [N, 2 * b], 1), await f32('dy', [N, 2 * b], 2)];
    await wholeAndCut([count * b * b], (p) => {
      p.planning = { ...p.planning, software: false };
      blocksWeight(p, s, whole(dy), whole(x), N, 0);
      const out = temp(p, 'out', [count * b * b]);
      copy(p, s.grad!, out);
      return out;
    });
  });

  test('the head in panels', async () => {
    const [M, V] = [N, 192];
    const w = newWeight('w', V, D, 'f32', 1 << 26);
    const { memory, scope } = await testGpu();
    allocate(scope, w.windows[0].q.home!);
    write(memory, w.windows[0].q, new Float32Array(noise(V * D, 1)));
    const [x, scalars] = [await f32('x', [M, D], 2), await f32('scalars', [8], 3)];
    const [targetAt, targetId] = [await u32('at', rows), await u32('id', rows)];
    await wholeAndCut([M, D], (p) => {
      p.planning = { ...p.planning, software: false };
      const dx = temp(p, 'dx', [M, D]);
      headPanels(p, x, w, panelsOf(p, x, w, M, 4 * M * 64)!, { targetAt, targetId, scalars }, temp(p, 'logprob', [M]), dx);
      return dx;
    });
  });

  test('norm and AdamW', async () => {
    const n = 3 * 8192 + 5;
    const [start, grad, scalars] = [await f32('start', [n], 1), await f32('grad', [n], 2), await f32('scalars', [8], 3)];
    const zeros = await input('zeros', [n], new Float32Array(n));
    const results = await input('results', [4], [1]);
    await wholeAndCut([n], (p) => {
      const [value, m, v] = ['value', 'm', 'v'].map((name) => temp(p, name, [n]));
      copy(p, start, value);
      for (const t of [m, v]) copy(p, zeros, t);
      const state = temp(p, 'state', [4]);
      copy(p, zeros, state, 0, 0, 4);
      gradNorm(p, [grad], state, results, { betas: [0.9, 0.95], clip: 1 });
      adamw(p, [{ name: 'x', value, grad, m, v, parts: [value], count: n, decay: true }], state, scalars, {
        betas: [0.9, 0.95],
        eps: 1e-8,
        weightDecay: 0.1,
      });
      return value;
    });
  });

  test('Muon', async () => {
    const shape = [3, 40, 70];
    const n = 3 * 40 * 70;
    const parts = ['value', 'grad'].map((name) => resident(name, shape, 'other'));
    const [value, grad] = parts;
    const matrices = { n: 3, rows: 40, cols: 70, scale: 1 };
    const [t] = trainedTogether('all', [{ value, grad, matrices }], { decay: true, most: 1 << 20 });
    const { memory, scope } = await testGpu();
    for (const x of [t.value, t.grad, t.m, t.matrices!.items]) allocate(scope, x.home!);
    const [start, scalars] = [await f32('start', shape, 1), await f32('scalars', [8], 3)];
    const state = await input('state', [4], [1, 0, 0.1, 0.1]);
    begin(memory, [t]);
    write(memory, grad, new Float32Array(noise(n, 2)));
    const zeros = await input('zeros', [n], new Float32Array(n));
    await wholeAndCut(shape, (p) => {
      copy(p, start, value);
      copy(p, zeros, t.m);
      muon(p, [t], state, scalars, { betas: [0.9, 0.95], weightDecay: 0.1 });
      return value;
    });
  });
});
