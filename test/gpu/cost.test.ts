// Counted figures of programs small enough to count by hand, and the model of their time.
import { describe, expect, test } from 'vitest';
import { countCost } from '../../src/gpu/cost.ts';
import { planningOf } from '../../src/gpu/limits.ts';
import { SLOW_GPU, workTime } from '../../src/gpu/pace.ts';
import { plan, SUBMIT_MS } from '../../src/gpu/plan.ts';
import { privateWords } from '../../src/gpu/private.ts';
import { type Build, kernel, run, temp } from '../../src/gpu/program.ts';
import { expectedTime, idealMs } from '../../src/gpu/roofline.ts';
import { resident } from '../../src/gpu/tensor.ts';

const PLANNING = planningOf({ maxBinding: 2 ** 31 - 4, maxBuffer: 2 ** 31 - 4, software: false, subgroups: 32 });

const code = (size: number, body = '') => `
struct Params { origin: vec3u, count: u32 }
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@compute @workgroup_size(${size})
fn main(@builtin(global_invocation_id) id: vec3u) { ${body} x[id.x + P.origin.x] = f32(P.count); }`;

const small = kernel('small', [code(16)]);
const large = kernel('large', [code(64, 'var acc: array<vec4f, 6>; x[0] = acc[0].x;')]);

const partsOf = (build: Build) => [...plan([{ name: 'p', build, dims: {} }], PLANNING).parts.values()];
const counted = (build: Build) => countCost(partsOf(build));

describe('the count of a program', () => {
  test('sums dispatches by kernel; tiles that are filled count as done, not as needed', () => {
    const figures = counted((p) => {
      const x = temp(p, 'x', [64]);
      run(p, small, { x }, { count: 1 }, [4], { flops: 100, bytes: 7 });
      run(p, large, { x }, { count: 1 }, [64], { flops: 300, product: { padded: 360, split: 1 } });
      run(p, large, { x }, { count: 1 }, [63], { flops: 100, bytes: 10, product: { padded: 140, split: 1 } });
      run(p, large, { x }, { count: 1 }, [63], { flops: 100, bytes: 10, product: { padded: 100, split: 4 } });
    });
    expect(figures).toMatchObject({ dispatches: 4, pipelines: 2, submits: 1, flops: 700, flops_needed: 600 });
    expect(figures).toMatchObject({ bytes: 7 + 256 + 20, small_grids: 1, padded_share: 1.2, min_workgroup: 16 });
    expect(figures).toMatchObject({ private_floats: 24, wgsl_bytes: large.linked.code.length });
    expect(figures.by_kernel).toEqual([
      { name: 'large', dispatches: 3, flops: 600, bytes: 276 },
      { name: 'small', dispatches: 1, flops: 100, bytes: 7 },
    ]);
  });

  test('what is not run is not counted, and what WebGPU wants cut counts as its pieces', () => {
    const figures = counted((p) => {
      const x = temp(p, 'x', [64]);
      run(p, small, { x }, { count: 1 }, [0]);
      run(p, small, { x }, { count: 1 }, [65536]);
    });
    expect([figures.dispatches, figures.by_kernel[0].dispatches]).toEqual([2, 1]);
  });

  test('submits hold what a machine that was never measured would put into them', () => {
    const full = SUBMIT_MS / workTime({ flops: 1, bytes: 0 }, SLOW_GPU).ms;
    const figures = counted((p) => {
      const x = temp(p, 'x', [64]);
      for (const flops of [0.6, 0.3, 0.3, 0.5]) run(p, small, { x }, { count: 1 }, [1], { flops: flops * full, bytes: 0 });
    });
    expect(figures.submits).toBe(2);
  });
});

describe('what an invocation keeps', () => {
  const words = (body: string) => privateWords({ code: code(64, body) });

  test.each([
    ['var a: array<vec4f, 3>; var b = vec2f();', 14],
    ['{ var a: array<vec4f, 3>; } { var b: array<vec4f, 2>; }', 12],
    ['var i = 0u; { var a = array<array<f32, 4>, 2 * 3>(); var b = a; }', 49],
    ['var a: mat4x4f; var b = mat2x3<f32>();', 22],
    ['for (var i = 0u; i < 4u; i++) { var a: vec3f; }', 4],
    ['let a = 1.0;', 0],
  ])('%s', (body, n) => {
    expect(words(body)).toBe(n);
  });

  test("shared and bound variables are nobody's own; aliases and constants are looked up", () => {
    const more = 'alias E = vec4f;\nconst N = 2u * 4u;\nvar<workgroup> tile: array<E, 64>;\nvar<private> mine: array<E, N>;\n';
    expect(privateWords({ code: more + code(64, 'var acc: array<E, N + 1u>;') })).toBe(32 + 36);
  });
});

test('the expected time: each dispatch by what bounds it, then the cost of all', () => {
  const x = resident('x', [64], 'other');
  const [part] = partsOf((p) => {
    run(p, small, { x }, { count: 1 }, [64], { flops: 5e9, bytes: 1e6, product: { padded: 1e10, split: 1 } });
    run(p, small, { x }, { count: 1 }, [64], { flops: 1e6, bytes: 3e9 });
  });
  const entries = part.largest.entries.filter((e) => e.op === 'run');
  // 10 GFLOP at half of 10 TFLOP/s, 3 GB at 100 GB/s, and twice 50 us
  const expected = expectedTime(entries, 2, { tflops: 10, gbps: 100, dispatch_us: 50 });
  expect(expected.ms).toBeCloseTo(2 + 30 + 0.1, 9);
  expect(expected.bound).toBe('memory');
  expect(expectedTime(entries, 2000, { tflops: 10, gbps: 100, dispatch_us: 50 }).bound).toBe('dispatches');
  expect(expectedTime(entries, 2, { tflops: 0.1, gbps: 100, dispatch_us: 50 }).bound).toBe('arithmetic');
  expect(idealMs(5e9, 3e9, { tflops: 10, gbps: 100 })).toBeCloseTo(30, 9);
});
