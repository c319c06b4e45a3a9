// Tables of real shapes, traced without a GPU: every workgroup runs once, no piece is too large, and records always suffice.
import { describe, expect, test } from 'vitest';
import { LLAMA_1B } from '../../src/commands/bench/model.ts';
import { planningOf } from '../../src/gpu/limits.ts';
import { type Part, plan, RECORD, recordsOf, SPARE } from '../../src/gpu/plan.ts';
import { kernel, run } from '../../src/gpu/program.ts';
import { makeTable } from '../../src/gpu/table.ts';
import { resident } from '../../src/gpu/tensor.ts';
import { smt } from '../../src/methods/smt/method.ts';
import { boundSelection } from '../../src/methods/smt/select.ts';
import { targetsOf } from '../../src/methods/targets.ts';
import { newDecoder } from '../../src/models/decoder.ts';
import { newStream } from '../../src/ops/stream/stream.ts';
import { planTraining, planWarmup } from '../../src/train/plans.ts';
import { some } from '../some.ts';

const QKV = ['q_proj', 'k_proj', 'v_proj'] as const;
const MOST = 65535;
const GiB2 = 2 ** 31 - 4;
const hardware = planningOf({ maxBinding: GiB2, maxBuffer: GiB2, software: false, subgroups: 32 });
const software = planningOf({ maxBinding: 2 ** 27, maxBuffer: 2 ** 31, software: true, subgroups: 8 });
const SMOLLM2 = {
  ...LLAMA_1B,
  hidden_size: 576,
  intermediate_size: 1536,
  n_layers: 3, // of 30: every layer's dispatches are alike
  n_heads: 9,
  n_kv_heads: 3,
  vocab_size: 49152,
};

/** Every dispatch's workgroups exactly once, in pieces that WebGPU allows, in records that there are. */
function mustCover(part: Part, dims: Part['dims'], accumulate: 0 | 1, rate: number): number {
  const { program, params, steps } = makeTable(part, dims, accumulate, { tflops: rate / 1e9, gbps: rate / 1e7 });
  expect(params.byteLength).toBe(part.params.bytes);
  const covered = program.entries.map(() => 0);
  const offsets = new Set<number>();
  for (const { entry, grid, offset } of steps) {
    if (!grid) continue;
    if (Math.max(...grid) > MOST || Math.min(...grid) < 1) throw new Error(`a piece of ${grid} workgroups`);
    if (offset + RECORD > params.byteLength || offsets.has(offset)) throw new Error(`a record at ${offset}`);
    offsets.add(offset);
    covered[entry] += grid[0] * grid[1] * grid[2];
  }
  expect(covered).toEqual(program.entries.map((e) => (e.op === 'run' ? e.grid[0] * e.grid[1] * e.grid[2] : 0)));
  return offsets.size;
}

const OPTIMIZER = { betas: [0.9, 0.95] as const, eps: 1e-8, weightDecay: 0, clip: 1, recompute: false };

describe.each([
  ['hardware', hardware],
  ['software', software],
])('on %s', (_, planning) => {
  const micros = [
    ['16 rows of 512', 16, 512],
    ['8 rows of 2,048', 8, 2048],
  ] as const;
  test.each(some(micros, 2))('training Llama-3.2-1B in bf16, %s: cut as finely as there are records', (_, rows, T) => {
    const d = newDecoder({ ...LLAMA_1B, n_layers: 4 }, T, () => 'bf16', planning.maxBinding);
    const selection = boundSelection(targetsOf(d, QKV), 256, 12);
    const attached = smt({ targets: QKV, selection }).attach(d, { decays: false, software: true, most: 1 << 27 });
    const { plan } = planTraining(d, attached, { ...OPTIMIZER, sizes: { N: rows * T, M: rows * (T - 1) } }, planning);
    const part = plan.parts.get('train')!;
    expect(recordsOf(part.largest)).toBeGreaterThan(part.largest.entries.length);
    const most = mustCover(part, part.dims, 0, 1);
    expect(most).toBeGreaterThan(recordsOf(part.largest));
    expect(mustCover(part, part.dims, 0, 1e15)).toBeLessThanOrEqual(recordsOf(part.largest));
    for (const share of [1, 2, 3, 100])
      mustCover(part, { N: Math.ceil((rows * T) / share), M: Math.ceil((rows * (T - 1)) / share) }, 1, 1);
  });

  test('the warm-up of SmolLM2-135M on 22 rows of 512', () => {
    const [rows, T] = [22, 512];
    const d = newDecoder(SMOLLM2, T, () => 'bf16', planning.maxBinding);
    const stream = newStream(rows * T, rows * (T - 1));
    const warmup = smt({ targets: QKV, block: 64, score: 'absmean' }).warmup!(d, stream, planning)!;
    expect(warmup.gathered).toHaveLength(3 * 3); // a map for every matrix
    const sizes = { N: rows * T, M: rows * (T - 1) };
    const part = planWarmup(d, warmup, stream, { ...OPTIMIZER, sizes }, planning).plan.parts.get('warmup')!;
    mustCover(part, part.dims, 0, 1);
    mustCover(part, part.dims, 0, 1e7);
  });
});

describe('one dispatch', () => {
  const code = `
struct Params { origin: vec3u, n: u32 }
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(1) fn main(@builtin(workgroup_id) id: vec3u) { y[P.n] = f32(id.x + P.origin.x); }`;
  const y = resident('y', [4], 'other');
  const part = (grid: [number, number, number], count = 1) =>
    plan(
      [
        {
          name: 'p',
          build: (p) => {
            for (let i = 0; i < count; i++) run(p, kernel('one', [code]), { y }, { n: 0 }, grid, { flops: 1e9, bytes: 0 });
          },
          dims: {},
        },
      ],
      hardware,
    ).parts.get('p')!;

  test.each<[[number, number, number], number]>([
    [[1, 1, 1], 1],
    [[MOST, MOST, MOST], 1],
    [[MOST + 1, 1, 1], 2],
    [[MOST + 1, MOST + 1, 1], 4],
    [[3 * MOST, 2, 2 * MOST + 1], 9],
    [[0, 5, 5], 0],
  ])('of %j is %i pieces where time asks for none', (grid, pieces) => {
    expect(mustCover(part(grid), {}, 0, 1e15)).toBe(pieces);
  });

  test.each<[[number, number, number], number]>([
    [[1000, 1, 1], SPARE + 1],
    [[MOST + 1, MOST + 1, 1], SPARE + 4],
    [[2, 3, 1], 3],
  ])('of %j is at most %i pieces where time asks for many', (grid, most) => {
    const pieces = mustCover(part(grid), {}, 0, 1);
    expect(pieces).toBeGreaterThan(1);
    expect(pieces).toBeLessThanOrEqual(most);
  });

  test('that must be cut has its records, though those before it take every spare one', () => {
    const pieces = mustCover(part([MOST + 1, 1, 1], 600), {}, 0, 1);
    expect(pieces).toBeGreaterThan(1200);
    expect(pieces).toBeLessThanOrEqual(1200 + SPARE);
  });
});
