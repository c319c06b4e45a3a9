// SwiGLU's middle against f64, over gates from tiny to the ends of f32.

import { describe, expect, test } from 'vitest';
import { backward, copy, giveGrad, gradOf, onBackward, temp } from '../../src/gpu/program.ts';
import { again, whenThere } from '../../src/gpu/recompute.ts';
import { columns, type Tensor } from '../../src/gpu/tensor.ts';
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

  test('beside its gradients s is made again for who waits for it, bit for bit', async () => {
    const [N, F] = [5, 51];
    const [g, u] = [await input('gate', [N, F], f32(N * F, 1)), await input('up', [N, F], f32(N * F, 2))];
    const ds = await input('ds', [N, F], f32(N * F, 3));
    let names: string[] = [];
    const got = await runProgram((p) => {
      p.needs.add(g);
      const s = swiglu(p, g, u);
      let made: Tensor | undefined;
      onBackward(p, () => whenThere(p, s, (t) => (made = t)));
      giveGrad(p, s, ds);
      backward(p);
      names = p.entries.flatMap((e) => (e.op === 'run' ? [e.kernel.name] : []));
      return { s, made: made! };
    });
    expect(names).toEqual(['swiglu', 'swiglu_backward AGAIN=true']);
    expect(got.made).toEqual(got.s);
  });

  test.each([
    [1, 4, 8],
    [5, 64, 128],
    [7, 92, 200],
  ])('columns of [%i, ...] rows, %i of %i: the same bits, in place', async (N, F, ld) => {
    const [gate, up, ds] = [f32(N * F, 1, 8), f32(N * F, 2), f32(N * F, 3)];
    const apart = await swigluOnGpu([N, F], gate, up, ds);
    const rows = new Float32Array(N * ld).fill(7);
    for (let n = 0; n < N; n++) {
      rows.set(up.subarray(n * F, (n + 1) * F), n * ld);
      rows.set(gate.subarray(n * F, (n + 1) * F), n * ld + ld - F);
    }
    const [x, d] = [await input('x', [N, ld], rows), await input('ds', [N, F], ds)];
    const got = await runProgram((p) => {
      const [g, u] = [columns(x, ld - F, F, 'gate'), columns(x, 0, F, 'up')];
      p.needs.add(g);
      const s = swiglu(p, g, u);
      const kept = temp(p, 'kept', [N, F]);
      copy(p, s, kept);
      let made: Tensor | undefined;
      onBackward(p, () => whenThere(p, s, (t) => (made = t)));
      giveGrad(p, s, d);
      backward(p);
      return { s: kept, made: made!, x };
    });
    expect([got.s, got.made]).toEqual([apart.s, apart.s]);
    const row = (n: number) => got.x.subarray(n * ld, (n + 1) * ld);
    for (let n = 0; n < N; n++) {
      expect(row(n).subarray(0, F)).toEqual(apart.dup.subarray(n * F, (n + 1) * F));
      expect(row(n).subarray(F, ld - F)).toEqual(new Float32Array(ld - 2 * F).fill(7));
      expect(row(n).subarray(ld - F)).toEqual(apart.dgate.subarray(n * F, (n + 1) * F));
    }
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
