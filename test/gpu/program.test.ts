// Programs as they are traced: what goes into a dispatch, what smaller traces must share, the tape and what it makes again.
import { describe, expect, test } from 'vitest';
import { planningOf } from '../../src/gpu/limits.ts';
import { plan } from '../../src/gpu/plan.ts';
import {
  backward,
  copy,
  decide,
  flows,
  giveGrad,
  gradOf,
  intoGrad,
  kernel,
  onBackward,
  type Program,
  run,
  temp,
  trace,
} from '../../src/gpu/program.ts';
import { again, remake, segment } from '../../src/gpu/recompute.ts';
import { resident, type Tensor } from '../../src/gpu/tensor.ts';
import { input, runProgram, testGpu } from './harness.ts';

const planning = planningOf({ maxBinding: 1 << 27, maxBuffer: 1 << 28, software: false, subgroups: 0 });
/** y = factor * x * x' (x' where given). */
const code = `
struct Params { origin: vec3u, count: u32, factor: f32 }
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> z: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x + P.origin.x * 64u;
  if (i < P.count) { y[i] = P.factor * x[i] * z[i]; }
}`;
const product = kernel('product', [code]);
const params = { count: 4, factor: 1 };

function times(p: Program, x: Tensor, z: Tensor, y: Tensor, factor = 1): void {
  run(p, product, { x, z, y }, { count: x.shape[0], factor }, [Math.ceil(x.shape[0] / 64)]);
}

const traced = (build: (p: Program) => void) => trace('t', build, {}, planning);

describe('a dispatch', () => {
  const [x, z, y] = ['x', 'z', 'y'].map((n) => resident(n, [4], 'other'));
  const attempt = (bind: Record<string, Tensor>, values: Record<string, number>) => () =>
    traced((p) => run(p, product, bind, values, [1]));

  test.each([
    ['a tensor is missing', { x, z }, params, /kernel product: expected y, got only x, z/],
    ['a tensor is too many', { x, z, y, w: x }, params, /kernel product: w is not in its WGSL/],
    ['a param is missing', { x, z, y }, { count: 4 }, /kernel product: expected factor, got only count/],
    ['a param is too many', { x, z, y }, { ...params, scale: 1 }, /kernel product: scale is not in its WGSL/],
    ['a buffer is read and written', { x: y, z, y }, params, /product: .*y is bound twice, once for writing/],
  ])('where %s is an error', (_, bind, values, error) => {
    expect(attempt(bind as unknown as Record<string, Tensor>, values)).toThrow(error);
  });

  test('may read a buffer twice', () => {
    expect(attempt({ x, z: x, y }, params)).not.toThrow();
  });

  test('takes tensors and params by name, whatever their order', () => {
    const p = traced((p) => run(p, product, { y, z, x }, { factor: 3, count: 4 }, [1]));
    expect(p.entries[0]).toMatchObject({ bind: [x, z, y], params: [4, 3], grid: [1, 1, 1] });
  });

  test('two tensors over one buffer are one buffer', () => {
    const other: Tensor = { ...y, name: 'view' };
    expect(attempt({ x: other, z, y }, params)).toThrow(/is bound twice/);
  });
});

test('a kernel of the same parts and constants is one object', () => {
  expect(kernel('product', [code])).toBe(product);
  expect(kernel('other', [code])).not.toBe(product);
});

describe('a smaller trace', () => {
  const [x, z, y] = ['x', 'z', 'y'].map((n) => resident(n, [100], 'other'));
  const build = (differ?: (p: Program) => void) => (p: Program) => {
    const t = temp(p, 't', [p.dims.N]);
    run(p, product, { x, z, y: t }, { count: p.dims.N, factor: 1 }, [p.dims.N]);
    copy(p, t, y);
    if (p.dims.N < 50) differ?.(p);
  };
  const small = (differ?: (p: Program) => void) => {
    const b = build(differ);
    return trace('t', b, { N: 10 }, planning, { largest: trace('t', b, { N: 100 }, planning) });
  };

  test('may differ in numbers', () => {
    const p = small();
    expect(p.entries[0]).toMatchObject({ params: [10, 1], grid: [10, 1, 1] });
    expect(p.entries[1]).toMatchObject({ bytes: 40 });
  });

  test.each<[string, (p: Program) => void]>([
    ['one dispatch more', (p) => times(p, x, z, y)],
    ['one temporary more', (p) => void temp(p, 'more', [1])],
    ['another kernel', (p) => Object.assign(p.entries[0], { kernel: kernel('another', [code]) })],
  ])('with %s is an error', (_, differ) => {
    expect(() => small(differ)).toThrow(/program t: the trace for \{"N":10\} differs from the largest one in more than numbers/);
  });

  test('whose temporary is larger is an error', () => {
    const b = (p: Program) => void temp(p, 't', [1000 - p.dims.N]);
    expect(() => trace('t', b, { N: 10 }, planning, { largest: trace('t', b, { N: 100 }, planning) })).toThrow(
      /t is larger for \{"N":10\}/,
    );
  });

  test('repeats the decisions of the largest', () => {
    const seen: boolean[] = [];
    const b = (p: Program) => void seen.push(decide(p, () => p.dims.N > 50));
    trace('t', b, { N: 10 }, planning, { largest: trace('t', b, { N: 100 }, planning) });
    expect(seen).toEqual([true, true]);
  });
});

/** y = factor * x * w and its backward in x. */
function scaled(p: Program, x: Tensor, w: Tensor, factor: number): Tensor {
  const y = temp(p, 'y', x.shape);
  times(p, x, w, y, factor);
  flows(p, y, [x]);
  onBackward(p, () => {
    const dy = gradOf(p, y);
    if (!dy || !p.needs.has(x)) return;
    const { into, accumulate } = intoGrad(p, x);
    if (accumulate) throw new Error('one use each here');
    times(p, dy, w, into, factor);
  });
  return y;
}

/** y = x^2, whose backward needs x: what a segment keeps or makes again. */
function squared(p: Program, x: Tensor): Tensor {
  const y = temp(p, 'sq', x.shape, 'activations');
  times(p, x, x, y);
  flows(p, y, [x]);
  onBackward(p, () => {
    const dy = gradOf(p, y);
    if (dy) times(p, dy, x, intoGrad(p, x).into, 2);
  });
  return y;
}

describe('segments', () => {
  const n = 1000;
  const build = (x: Tensor, one: Tensor, recompute: boolean) => (p: Program) => {
    const start = temp(p, 'start', [n]);
    times(p, x, one, start);
    p.needs.add(start);
    let h = start;
    for (let i = 0; i < 3; i++) h = segment(p, `s${i}`, h, (a) => squared(p, scaled(p, squared(p, a), one, 0.9)), recompute);
    const dy = temp(p, 'dy', [n]);
    times(p, one, one, dy);
    giveGrad(p, h, dy);
    backward(p);
    return { y: h, dx: gradOf(p, start)! };
  };

  test('traced again give the same bits from fewer bytes of activations', async () => {
    await testGpu();
    const x = await input(
      'x',
      [n],
      Float32Array.from({ length: n }, (_, i) => 0.8 + i / 4000),
    );
    const one = await input('one', [n], new Float32Array(n).fill(1));
    const kept = await runProgram(build(x, one, false));
    const made = await runProgram(build(x, one, true));
    expect(made.y).toEqual(kept.y);
    expect(made.dx).toEqual(kept.dx);
    expect(kept.dx.every((v) => Number.isFinite(v) && v !== 0)).toBe(true);
    const bytes = (recompute: boolean) =>
      plan([{ name: 'p', build: (p) => void build(x, one, recompute)(p), dims: {} }], planning).bytes;
    expect(bytes(true).total).toBeLessThan(bytes(false).total);
    expect(bytes(true).activations + bytes(true).temporaries).toBeLessThan(bytes(false).activations + bytes(false).temporaries);
  });

  test('give the gradient that the chain rule gives', async () => {
    const x = await input('x', [2], [0.7, 1.1]);
    const one = await input('one', [2], [1, 1]);
    const got = await runProgram((p) => {
      const start = temp(p, 'start', [2]);
      times(p, x, one, start);
      p.needs.add(start);
      const y = segment(p, 's', start, (a) => squared(p, scaled(p, a, one, 3)), true);
      const dy = temp(p, 'dy', [2]);
      times(p, one, one, dy);
      giveGrad(p, y, dy);
      backward(p);
      return { dx: gradOf(p, start)! };
    });
    expect(got.dx[0]).toBeCloseTo(2 * 9 * 0.7, 5); // (3 x)^2
    expect(got.dx[1]).toBeCloseTo(2 * 9 * 1.1, 5);
  });

  test('that nothing trains in are not traced again', () => {
    const x = resident('x', [n], 'other');
    const p = traced((p) => {
      segment(p, 's', x, (a) => squared(p, a), true);
      backward(p);
    });
    expect(p.entries.length).toBe(1);
  });
});

describe('the tape', () => {
  const [x, z] = ['x', 'z'].map((n) => resident(n, [4], 'other'));

  test('unwinds last in, first out, each under the label it was stated under', () => {
    const seen: string[] = [];
    traced((p) => {
      for (const label of ['a', 'b', 'c']) {
        p.label = label;
        onBackward(p, () => seen.push(p.label));
      }
      p.label = '';
      backward(p);
    });
    expect(seen).toEqual(['c', 'b', 'a']);
  });

  test('makes a tensor again once, however often it is asked for', () => {
    let made = 0;
    traced((p) => {
      const t = temp(p, 't', [4]);
      times(p, x, z, t);
      remake(p, t, () => {
        made++;
        const anew = temp(p, 't again', [4]);
        times(p, x, z, anew);
        return anew;
      });
      const first = again(p, t);
      expect(first).not.toBe(t);
      expect(again(p, t)).toBe(first);
      expect(again(p, x)).toBe(x);
    });
    expect(made).toBe(1);
  });

  test('refuses a gradient that is given twice', () => {
    traced((p) => {
      giveGrad(p, x, z);
      expect(() => giveGrad(p, x, z)).toThrow(/gradient of x given twice/);
      expect(intoGrad(p, x)).toEqual({ into: z, accumulate: 1 });
      expect(intoGrad(p, z).accumulate).toBe(0);
    });
  });
});
