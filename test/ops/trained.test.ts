// Tensors that are moved together: the bits of AdamW over each by itself, in fewer dispatches.
import { expect, test } from 'vitest';
import { trace } from '../../src/gpu/program.ts';
import { allocate } from '../../src/gpu/scope.ts';
import { read, resident, type Tensor, write } from '../../src/gpu/tensor.ts';
import { DESKTOP } from '../../src/index.ts';
import { adamw } from '../../src/ops/optimizer/adamw.ts';
import { gradNorm, newOptimizerState, newResults } from '../../src/ops/optimizer/gradnorm.ts';
import { begin, momentsOf, newTrained, type Trained, trainedTogether } from '../../src/ops/optimizer/trained.ts';
import { SCALARS } from '../../src/ops/stream/stream.ts';
import '../compare.ts';
import { input, runProgram, testGpu } from '../gpu/harness.ts';
import { noise } from '../oracle/finite.ts';

const SHAPES = [[5, 8, 8], [3, 5, 5], [1], [64, 7], [2, 16, 16]];
const sizeOf = (shape: number[]) => shape.reduce((a, b) => a * b, 1);
const OPTIONS = { betas: [0.9, 0.95] as const, eps: 1e-8, weightDecay: 0.1, clip: 0 };

/** Values after three steps; `join` says what the optimizer is given of the parts. */
async function steps(join: (parts: { value: Tensor; grad: Tensor; base: Tensor }[]) => Trained[]) {
  const { memory, scope } = await testGpu();
  const parts = SHAPES.map((shape, i) => ({
    value: resident(`value ${i}`, shape, 'trained'),
    grad: resident(`grad ${i}`, shape, 'gradients'),
    base: resident(`base ${i}`, shape, 'other'),
  }));
  const trained = join(parts);
  for (const t of trained) for (const x of [t.value, t.grad, t.base!, ...momentsOf(t)]) allocate(scope, x.home!);
  begin(memory, trained);
  parts.forEach(({ value, base }, i) => {
    write(memory, value, new Float32Array(noise(sizeOf(SHAPES[i]), i)));
    write(memory, base, new Float32Array(noise(sizeOf(SHAPES[i]), 50 + i)));
  });
  const [state, results] = [newOptimizerState(), newResults()];
  for (const t of [state, results]) allocate(scope, t.home!);
  write(memory, state, new Float32Array(4));
  write(memory, results, new Float32Array(4));
  const scalars = await input('scalars', [SCALARS.count], [0, 0.01]);
  const norms: number[] = [];
  for (let step = 0; step < 3; step++) {
    parts.forEach(({ grad }, i) => {
      write(memory, grad, new Float32Array(noise(sizeOf(SHAPES[i]), 100 * (step + 1) + i)));
    });
    const { norm } = await runProgram((p) => {
      gradNorm(
        p,
        trained.map((t) => t.grad),
        state,
        results,
        OPTIONS,
      );
      adamw(p, trained, state, scalars, OPTIONS);
      return { norm: results };
    });
    norms.push(norm[1]);
  }
  const values: Float32Array[] = [];
  for (const { value } of parts) values.push(await read(memory, value));
  return { values, norms, trained };
}

test.each([
  [1 << 27, 1],
  [2048, 3],
])('with bindings of %i bytes', async (most, arenas) => {
  const apart = await steps((parts) => parts.map(({ value, grad, base }) => newTrained(value, grad, { decay: true, base })));
  const together = await steps((parts) => trainedTogether('all', parts, { decay: true, most }));
  expect(together.values).toEqual(apart.values);
  expect(together.norms).toBeCloseL2(apart.norms, 1e-6); // squares are summed in another order
  expect(together.trained).toHaveLength(arenas);
  expect(together.trained.reduce((n, t) => n + t.count, 0)).toBe(SHAPES.reduce((n, s) => n + sizeOf(s), 0));
  const { entries } = trace(
    'update',
    (p) => {
      const [state, scalars] = [newOptimizerState(), resident('scalars', [SCALARS.count], 'other')];
      const grads = together.trained.map((t) => t.grad);
      gradNorm(p, grads, state, newResults(), OPTIONS);
      adamw(p, together.trained, state, scalars, OPTIONS);
    },
    {},
    DESKTOP,
  );
  expect(entries).toHaveLength(2 * arenas + 1);
});
