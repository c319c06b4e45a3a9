// Sparse training of every block is dense training of the same matrices: the same losses and norms, step by step.
import { expect, test } from 'vitest';
import { MODULES, matrixShape, weightName } from '../../src/models/config.ts';
import { testGpu } from '../gpu/harness.ts';
import { rowsOf, startRun, TINY, tinyDecoder } from '../models/tiny.ts';
import '../compare.ts';

const EDGE = 8;
const settings = {
  rows: rowsOf([9, 14, 5]),
  batch: 2,
  lr: 1e-2,
  betas: [0.9, 0.95] as [number, number],
  eps: 1e-6,
  weight_decay: 0,
  clip: 1,
};

test('all blocks of all seven matrices train as the matrices do', async () => {
  const gpu = await testGpu();
  const every = Array.from({ length: TINY.n_layers }, (_, layer) =>
    MODULES.flatMap((module) => {
      const [rows, cols] = matrixShape(TINY, module);
      expect([rows % EDGE, cols % EDGE]).toEqual([0, 0]);
      const places = Array.from({ length: (rows / EDGE) * (cols / EDGE) }, (_, i) => i);
      return places.map((i): [string, number, number] => [
        weightName(layer, module),
        Math.floor(i / (cols / EDGE)),
        i % (cols / EDGE),
      ]);
    }),
  ).flat();
  const dense = await startRun(gpu, tinyDecoder(gpu), { ...settings, matrices: true });
  const want = await dense.go(6);
  dense.free();
  const sparse = await startRun(gpu, tinyDecoder(gpu), { ...settings, block: EDGE, blocks: every });
  const got = await sparse.go(6);
  sparse.free();
  expect(want.loss[5]).toBeLessThan(want.loss[0] - 0.01); // it did learn
  expect(got.loss).toBeCloseL2(want.loss, 1e-5);
  expect(got.grad_norm).toBeCloseL2(want.grad_norm, 1e-5);
});
