// Muon against f64: steps of packed matrices of many shapes in one arena, decay on base + difference, a skipped step, no gradient, and
// the singular values of what it does.
import { beforeAll, describe, expect, test } from 'vitest';
import type { Gpu } from '../../src/gpu/device.ts';
import { allocate } from '../../src/gpu/scope.ts';
import { read, resident, write } from '../../src/gpu/tensor.ts';
import { gradNorm, newOptimizerState, newResults } from '../../src/ops/optimizer/gradnorm.ts';
import { muon } from '../../src/ops/optimizer/muon.ts';
import { begin, momentsOf, trainedTogether } from '../../src/ops/optimizer/trained.ts';
import { SCALARS } from '../../src/ops/stream/stream.ts';
import '../compare.ts';
import { input, runProgram } from '../gpu/harness.ts';
import { gpuWith } from '../gpu/kernels.ts';
import { clipScale, globalNorm } from '../oracle/adamw.ts';
import { noise } from '../oracle/finite.ts';
import * as oracle from '../oracle/muon.ts';
import { some } from '../some.ts';

interface Packed {
  n: number;
  rows: number;
  cols: number;
  scale: number;
}

interface Options {
  most?: number;
  weightDecay?: number;
  clip?: number;
  steps?: number;
  /** Steps (from 0) whose gradient holds a NaN. */
  bad?: number[];
  /** The gradient of a tensor in a step. */
  gradient?: (size: number, seed: number) => ArrayLike<number>;
}

/** Steps on the GPU and in f64; answers both, by tensor. */
async function compare(gpu: Gpu, packed: Packed[], o: Options = {}) {
  const { most = 1 << 27, weightDecay = 0, clip = 1, steps = 3, bad = [], gradient = noise } = o;
  const { memory, scope } = gpu;
  const size = ({ n, rows, cols }: Packed) => n * rows * cols;
  const parts = packed.map((x, i) => ({
    value: resident(`value ${i}`, [x.n, x.rows, x.cols], 'trained'),
    grad: resident(`grad ${i}`, [x.n, x.rows, x.cols], 'gradients'),
    base: weightDecay ? resident(`base ${i}`, [x.n, x.rows, x.cols], 'other') : undefined,
    matrices: x,
  }));
  const trained = trainedTogether('all', parts, { decay: true, most });
  const start = packed.map((x, i) => new Float32Array(noise(size(x), i)));
  const beneath = packed.map((x, i) => new Float32Array(noise(size(x), 50 + i)));
  for (const t of trained)
    for (const x of [t.value, t.grad, ...momentsOf(t), t.matrices!.items, ...(t.base ? [t.base] : [])]) allocate(scope, x.home!);
  begin(memory, trained);
  parts.forEach(({ value, base }, i) => {
    write(memory, value, start[i]);
    if (base) write(memory, base, beneath[i]);
  });
  const [state, results] = [newOptimizerState(), newResults()];
  for (const t of [state, results]) allocate(scope, t.home!);
  write(memory, state, new Float32Array(4));
  write(memory, results, new Float32Array(4));
  const lr = 0.01;
  const betas = [0.9, 0.95] as const;
  const scalars = await input('scalars', [SCALARS.count], [0, lr], 'f32', gpu);
  const want = start.map((x) => Float64Array.from(x));
  const moments = want.map((x) => new Float64Array(x.length));
  for (let step = 0; step < steps; step++) {
    const grads = packed.map((x, i) => Float32Array.from(gradient(size(x), 100 * (step + 1) + i)));
    if (bad.includes(step)) grads[0][1] = Number.NaN;
    parts.forEach(({ grad }, i) => {
      write(memory, grad, grads[i]);
    });
    await runProgram(
      (p) => {
        gradNorm(
          p,
          trained.map((t) => t.grad),
          state,
          results,
          { betas, clip },
        );
        muon(p, trained, state, scalars, { betas, weightDecay });
        return { results };
      },
      { gpu },
    );
    if (bad.includes(step)) continue;
    const factor = clipScale(globalNorm(grads), clip);
    packed.forEach(({ n, rows, cols, scale }, i) => {
      for (let k = 0; k < n; k++) {
        const own = <T extends Float64Array | Float32Array>(x: T) => x.subarray(k * rows * cols, (k + 1) * rows * cols) as T;
        const settings = { rows, cols, lr, beta: betas[0], weight_decay: weightDecay, scale };
        const decayed = weightDecay ? own(want[i]).map((x, j) => x + own(beneath[i])[j]) : undefined;
        oracle.muon(own(want[i]), own(grads[i]), own(moments[i]), settings, factor, decayed);
      }
    });
  }
  const got: Float32Array[] = [];
  for (const { value } of parts) got.push(await read(memory, value));
  return { got, want, start, lr };
}

const one = (rows: number, cols = rows, n = 3, scale = 1) => ({ n, rows, cols, scale });

describe.each(['own', 'tiles'] as const)('kernels: %s', (kernels) => {
  let gpu: Gpu;
  beforeAll(async () => {
    gpu = await gpuWith(kernels);
  });

  test.each(
    some(
      [
        ['blocks of 4', [one(4)]],
        ['6, which is no multiple of 4', [one(6), one(6, 6, 2)]],
        ['8 and 16, of two matrices', [one(8, 8, 5, 0.5), one(8, 8, 2), one(16)]],
        ['24, between tiles', [one(24)]],
        ['33, over an edge of tiles', [one(33)]],
        ['256', [one(256, 256, 2)]],
        ['64', [one(64)]],
        ['factors, wide and tall', [one(3, 40, 1), one(40, 3, 1), one(16, 300, 1), one(300, 16, 1), one(1, 9, 1)]],
      ],
      2,
    ),
  )('three steps of %s', async (_, packed) => {
    const { got, want, start } = await compare(gpu, packed);
    got.forEach((x, i) => {
      const [moved, should] = [x, want[i]].map((y) => Float64Array.from(y, (z, k) => z - start[i][k]));
      expect(moved).toBeCloseL2(should, 2e-5); // small directions are made 100 times as large, their rounding too
    });
  });

  test('arenas of little room, decay on base + difference, a step that is skipped', async () => {
    const { got, want } = await compare(gpu, [one(8, 8, 5), one(16), one(8, 8, 4)], { most: 2048, weightDecay: 0.1, bad: [1] });
    got.forEach((x, i) => {
      expect(x).toBeCloseL2(want[i], 1e-6);
    });
  });

  test('no gradient moves nothing, and a very small one as far as a large one', async () => {
    const none = await compare(gpu, [one(8)], { gradient: (n) => new Float32Array(n) });
    expect(none.got).toEqual(none.start);
    const small = await compare(gpu, [one(8)], { gradient: (n, seed) => noise(n, seed, 1e-6), steps: 1 });
    const large = await compare(gpu, [one(8)], { gradient: (n, seed) => noise(n, seed, 1e6), steps: 1 });
    expect(small.got[0]).toBeCloseL2(large.got[0], 1e-5);
  });

  test('an update has the singular values of the f64 one', async () => {
    const b = 24;
    const { got, want, start, lr } = await compare(gpu, [one(b, b, 1)], { steps: 1 });
    const [ours, should] = [got[0], want[0]].map((x) =>
      oracle.singularValues(
        Float64Array.from(x, (y, i) => (start[0][i] - y) / (lr * Math.sqrt(b))),
        b,
        b,
      ),
    );
    expect(ours).toBeAllclose(should, { rtol: 1e-4, atol: 1e-4 });
    expect(Math.max(...ours)).toBeLessThan(1.25);
    expect(ours[b - 3]).toBeGreaterThan(0.5); // nearly all of them are about 1
  });
});
