// SwiGLU's middle against f64, over gates from tiny to the ends of f32.

import { describe, expect, test } from 'vitest';
import { backward, giveGrad, gradOf, onBackward } from '../../src/gpu/program.ts';
import { again } from '../../src/gpu/recompute.ts';
import { swiglu } from '../../src/ops/elementwise/swiglu.ts';
import '../compare.ts';
import { input, runProgram } from '../gpu/harness.ts';
import { noise } from '../oracle/finite.ts';
import * as oracle from '../oracle/swiglu.ts';

const f32 = (n: number, seed: number, size = 1) => new Float32Array(noise(n, seed, size));

async function swigluOnGpu(shape: number[], gate: Float32Array, up: Float32Array, ds: Float32Array) {
  const [g, u, d] = [await input('gate', shape, gate), await input('up', shape, up), await input('ds', shape, ds)];
  return runProgram((p) => {
    p.needs.add(g);
    const s = swiglu(p, g, u);
    let made = s;
    onBackward(p, () => (made = again(p, s)));
    giveGrad(p, s, d);
    backward(p);
    return { s, made, dgate: gradOf(p, g)!, dup: gradOf(p, u)! };
  });
}

describe('swiglu', () => {
  test.each([
    [1, 1],
    [1, 3],
    [5, 51],
    [4, 64],
    [3, 86],
    [7, 192],
  ])('[%i, %i]: s, made again, and both gradients in place', async (N, F) => {
    const [gate, up, ds] = [f32(N * F, 1, 8), f32(N * F, 2), f32(N * F, 3)];
    const got = await swigluOnGpu([N, F], gate, up, ds);
    const want = oracle.swigluBackward(ds, gate, up);
    expect(got.s).toBeAllclose(oracle.swiglu(gate, up), { rtol: 1e-6 });
    expect(got.made).toEqual(got.s);
    expect(got.dup).toBeAllclose(want.dup, { rtol: 1e-6 });
    expect(got.dgate).toBeAllclose(want.dgate, { rtol: 1e-6, atol: 1e-6 }); // silu' crosses zero
  });

  test.each([0, -0, 1e-30, -1e-30, 15, -15, 88, -88, 104, -104, 1e4, -1e4, 3e38, -3e38])(
    'gate %d: exact or rounded, never NaN',
    async (x) => {
      const [gate, up, ds] = [new Float32Array(4).fill(x), new Float32Array(4).fill(1), new Float32Array(4).fill(1)];
      const got = await swigluOnGpu([1, 4], gate, up, ds);
      const want = oracle.swigluBackward(ds, gate, up);
      // what f32 cannot hold but as a subnormal may be flushed to zero
      expect(got.s).toBeAllclose(oracle.swiglu(gate, up), { rtol: 1e-6, atol: 1.2e-36 });
      expect(got.dup).toBeAllclose(want.dup, { rtol: 1e-6, atol: 1.2e-36 });
      expect(got.dgate).toBeAllclose(want.dgate, { rtol: 2e-6, atol: 1.2e-36 });
    },
  );
});
