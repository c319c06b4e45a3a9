// LoRA and DoRA on matrices that share their input: multiplied as one where all have factors that lie together, each against f64.
import { expect, test } from 'vitest';
import { planningOf } from '../../src/gpu/limits.ts';
import { backward, giveGrad, type Program } from '../../src/gpu/program.ts';
import { allocate } from '../../src/gpu/scope.ts';
import { columns, read, type Tensor, write } from '../../src/gpu/tensor.ts';
import type { PeftAdapter } from '../../src/io/adapter-peft.ts';
import { DORA, LORA } from '../../src/methods/lora.ts';
import type { Attached, Base } from '../../src/methods/method.ts';
import type { Decoder } from '../../src/models/decoder.ts';
import { linear } from '../../src/ops/matmul/linear.ts';
import { newStack } from '../../src/ops/stored/weight.ts';
import '../compare.ts';
import { input, runProgram } from '../gpu/harness.ts';
import { gpuWith } from '../gpu/kernels.ts';
import { noise } from '../oracle/finite.ts';
import { lowRank, lowRankBackward } from '../oracle/lowrank.ts';

const [N, COLS, RANK, ALPHA, MOST] = [37, 256, 6, 9, 1 << 26];
const MODULES = ['q_proj', 'k_proj', 'v_proj'] as const;
const ROWS = { q_proj: 128, k_proj: 64, v_proj: 64 };
const all = 256;
const f32 = (n: number, seed: number, size = 1) => Float32Array.from(noise(n, seed, size));
const gpu = await gpuWith('tiles');

/** A decoder of nothing but q, k and v of one layer, and their values. */
function threeOf(rows: Record<(typeof MODULES)[number], number> = ROWS) {
  const name = (m: string) => `model.layers.0.self_attn.${m}.weight`;
  const weights = newStack(
    MODULES.map((m) => ({ name: name(m), rows: rows[m] })),
    COLS,
    'f32',
    MOST,
  );
  const W = weights.map((w, i) => f32(w.rows * COLS, i, 0.5));
  weights.forEach((w, i) => {
    allocate(gpu.scope, w.windows[0].q.home!);
    write(gpu.memory, w.windows[0].q, W[i]);
  });
  const matrices = Object.fromEntries(MODULES.map((m, i) => [m, weights[i]]));
  return { weights, W, decoder: { layers: [{ matrices }] } as unknown as Decoder };
}

/** What is saved of the factors of some: values to begin with. */
function savedOf(method: 'lora' | 'dora', targets: readonly (keyof typeof ROWS)[]): PeftAdapter {
  const matrices = targets.map((m, i) => ({
    name: `model.layers.0.self_attn.${m}.weight`,
    shape: [ROWS[m], COLS] as [number, number],
    A: f32(RANK * COLS, 10 + i, COLS ** -0.5),
    B: f32(ROWS[m] * RANK, 20 + i, 0.2),
    ...(method === 'dora' && { magnitude: f32(ROWS[m], 30 + i).map((v) => 2 + v) }),
  }));
  return { method, rank: RANK, alpha: ALPHA, use_rslora: false, dropout: 0, targets: [...targets], base: '', matrices };
}

/** The factors begin as given, and gradients at a quarter: they are added to. */
async function begun(attached: Attached, decoder: Decoder): Promise<void> {
  for (const t of [...attached.tensors, ...attached.trained.map((t) => t.grad)])
    if (!t.home!.buffer) allocate(gpu.scope, t.home!);
  for (const { grad } of attached.trained) write(gpu.memory, grad, new Float32Array(grad.bytes / 4).fill(0.25));
  await attached.fill({ gpu, planning: planningOf(gpu.limits), decoder } as Base);
}

/** In its arena a gradient has the place that its value has in another. */
function gradientOf({ trained }: Attached, value: Tensor): Tensor {
  const { grad } = trained.find((t) => t.value.home === value.home)!;
  return { ...value, home: grad.home };
}

test.each([
  { method: 'lora', targets: [...MODULES], tiles: 2, rank: 6 },
  { method: 'dora', targets: [...MODULES], tiles: 2, rank: 6 },
  { method: 'lora', targets: ['q_proj', 'v_proj'], tiles: 2, rank: 12 },
  { method: 'dora', targets: ['q_proj', 'v_proj'], tiles: 6, rank: 12 },
] as const)('$method on $targets', async ({ method, targets, tiles, rank }) => {
  const { weights, W, decoder } = threeOf();
  const saved = savedOf(method, targets);
  const attached = { lora: LORA, dora: DORA }[method]
    .adapters!.from(saved)
    .attach(decoder, { decays: false, software: false, most: MOST });
  await begun(attached, decoder);
  const [X, DY] = [f32(N * COLS, 1), f32(N * all, 2)];
  const [x, dy] = [await input('x', [N, COLS], X), await input('dy', [N, all], DY)];
  let names: string[] = [];
  const build = (p: Program) => {
    p.needs.add(x);
    const ys = linear(p, x, weights);
    for (const y of ys) giveGrad(p, y, columns(dy, y.of!.at, y.shape[1], 'dy'));
    backward(p);
    names = p.entries.flatMap((e) => (e.op === 'run' ? [e.kernel.name] : []));
    return { y: ys[0].of!.t, dx: p.grads.get(x)! };
  };
  const { y, dx } = await runProgram(build, { gpu, accumulate: 1 });
  expect(names.filter((n) => n.startsWith('gemm_tile')).length).toBe(tiles);
  expect(names.filter((n) => /^(lowrank|dora)/.test(n)).length).toBe(rank);

  const total = new Float64Array(N * COLS);
  let at = 0;
  for (const [i, w] of weights.entries()) {
    const of = saved.matrices.find((m) => m.name === w.name);
    const take = (t: ArrayLike<number>) =>
      Float64Array.from({ length: N * w.rows }, (_, j) => t[Math.floor(j / w.rows) * all + at + (j % w.rows)]);
    const nothing = { A: new Float32Array(RANK * COLS), B: new Float32Array(w.rows * RANK), magnitude: undefined };
    const { A, B, magnitude: m } = of ?? nothing;
    const f = { N, out: w.rows, inner: COLS, r: RANK, s: ALPHA / RANK, W: W[i], A, B, m };
    const want = lowRankBackward(take(DY), X, f);
    expect(take(y)).toBeCloseL2(lowRank(X, f), 2e-6);
    want.dx.forEach((v, j) => (total[j] += v));
    for (const [part, value] of [
      ['lora_A', want.dA],
      ['lora_B', want.dB],
      ['lora_magnitude_vector', want.dm],
    ] as const) {
      const trains = attached.tensors.find((t) => t.name === `${w.name.replace('.weight', '')}.${part}`);
      expect(Boolean(trains)).toBe(Boolean(of) && (part !== 'lora_magnitude_vector' || method === 'dora'));
      if (!trains) continue;
      expect(await read(gpu.memory, gradientOf(attached, trains))).toBeCloseL2(
        value.map((v) => v + 0.25),
        2e-6,
      );
    }
    at += w.rows;
  }
  expect(dx).toBeCloseL2(total, 2e-6);
});
