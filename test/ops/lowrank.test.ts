import { describe, expect, test } from 'vitest';
import { planningOf } from '../../src/gpu/limits.ts';
import { backward, giveGrad, type Program } from '../../src/gpu/program.ts';
import { allocate } from '../../src/gpu/scope.ts';
import { read, write } from '../../src/gpu/tensor.ts';
import { decode } from '../../src/io/dequant.ts';
import { encode } from '../../src/io/quant.ts';
import { DORA } from '../../src/methods/lora.ts';
import type { Base } from '../../src/methods/method.ts';
import type { Decoder } from '../../src/models/decoder.ts';
import { doraScale, doraSquares, newDora, trainsDora } from '../../src/ops/lowrank/dora.ts';
import { dropout } from '../../src/ops/lowrank/dropout.ts';
import { newLowRank, trainsFactors } from '../../src/ops/lowrank/lowrank.ts';
import { linear } from '../../src/ops/matmul/linear.ts';
import { type StoredFormat, splitQuants } from '../../src/ops/stored/formats.ts';
import { newVector, newWeight, type Weight } from '../../src/ops/stored/weight.ts';
import { SCALARS } from '../../src/ops/stream/stream.ts';
import '../compare.ts';
import { input, runProgram, testGpu } from '../gpu/harness.ts';
import { gpuWith } from '../gpu/kernels.ts';
import { noise } from '../oracle/finite.ts';
import { lowRank, lowRankBackward, rowNorms } from '../oracle/lowrank.ts';

const f32 = (n: number, seed: number, size = 1) => Float32Array.from(noise(n, seed, size));

/** A weight on the device, and its values as the device has them; small bindings cut it into windows. */
async function newStored(
  rows: number,
  cols: number,
  format: StoredFormat,
  maxBinding: number,
): Promise<{ weight: Weight; W: Float32Array }> {
  const { memory, scope } = await testGpu();
  const weight = newWeight('model.layers.0.mlp.up_proj.weight', rows, cols, format, maxBinding);
  const bytes = encode(format as 'f32', f32(rows * cols, 1, 0.5));
  for (const v of weight.windows) {
    const per = bytes.byteLength / rows;
    const { q, s } = splitQuants(format, bytes.slice(v.r0 * per, v.r1 * per));
    for (const t of [v.q, v.s]) if (t) allocate(scope, t.home!);
    write(memory, v.q, q);
    if (s && v.s) write(memory, v.s, s);
  }
  return { weight, W: decode(format, bytes, rows * cols) };
}

interface Case {
  method: 'lora' | 'dora';
  rows: number;
  cols: number;
  r: number;
  N: number;
  format: StoredFormat;
  binding: number;
  dropped?: number;
}

const FULL = 1 << 26;
/** The adapter's own kernels, and those of a GPU. */
const SETS = ['own', 'tiles'] as const;
const cases: Case[] = [
  { method: 'lora', rows: 1, cols: 1, r: 1, N: 1, format: 'f32', binding: FULL },
  { method: 'dora', rows: 1, cols: 1, r: 1, N: 1, format: 'f32', binding: FULL },
  { method: 'lora', rows: 33, cols: 31, r: 3, N: 5, format: 'f32', binding: FULL },
  { method: 'dora', rows: 33, cols: 31, r: 3, N: 5, format: 'f32', binding: FULL },
  { method: 'lora', rows: 64, cols: 96, r: 16, N: 67, format: 'f32', binding: 16 * 96 * 4 },
  { method: 'dora', rows: 64, cols: 96, r: 16, N: 67, format: 'f32', binding: 16 * 96 * 4 },
  { method: 'dora', rows: 63, cols: 64, r: 64, N: 130, format: 'bf16', binding: FULL },
  { method: 'lora', rows: 40, cols: 64, r: 8, N: 17, format: 'q8_0', binding: FULL },
  { method: 'dora', rows: 40, cols: 64, r: 8, N: 17, format: 'q4_0', binding: 16 * 32 },
  { method: 'lora', rows: 33, cols: 30, r: 4, N: 9, format: 'f32', binding: FULL, dropped: 0.3 },
  { method: 'dora', rows: 32, cols: 30, r: 4, N: 9, format: 'f32', binding: FULL, dropped: 0.3 },
];

describe.each(cases)('$method $rows x $cols of $format, rank $r, $N tokens, dropout $dropped', (c) => {
  const { method, rows, cols, r, N } = c;
  const [A, B] = [f32(r * cols, 2, cols ** -0.5), f32(rows * r, 3, 0.2)];
  const m = method === 'dora' ? f32(rows, 4).map((v) => 2 + v) : undefined;
  const [xs, dys, adds, biases] = [f32(N * cols, 5), f32(N * rows, 6), f32(N * rows, 7), f32(rows, 8)];
  const s = 1.7;

  test.each(SETS)('forward and every gradient, added to what was there, kernels: %s', async (set) => {
    const gpu = await gpuWith(set);
    const { weight, W } = await newStored(rows, cols, c.format, c.binding);
    if (c.binding !== FULL) expect(weight.windows.length).toBeGreaterThan(1);
    const dropped = c.dropped ? { share: c.dropped, key: 9 } : null;
    const factors = newLowRank(weight.name, rows, cols, r, s, { dropout: dropped });
    const dora = method === 'dora' ? newDora(weight, factors) : null;
    weight.trains = dora ? trainsDora(dora) : trainsFactors(factors);
    const values = [factors.A, factors.B, ...(dora ? [dora.magnitude, dora.squares!, dora.scale, dora.invNorm] : [])];
    for (const t of values) allocate(gpu.scope, t.home!);
    write(gpu.memory, factors.A, A);
    write(gpu.memory, factors.B, B);
    if (dora) write(gpu.memory, dora.magnitude, m!);
    if (dora)
      await runProgram(
        (p) => {
          doraSquares(p, dora);
          doraScale(p, dora);
          return {};
        },
        { gpu },
      );
    const grads = [factors.grads!.A, factors.grads!.B, ...(dora ? [dora.grad!] : [])];
    for (const g of grads) {
      allocate(gpu.scope, g.home!);
      write(gpu.memory, g, new Float32Array(g.bytes / 4).fill(0.25));
    }
    const x = await input('x', [N, cols], xs);
    const add = await input('add', [N, rows], adds);
    const dy = await input('dy', [N, rows], dys);
    const scalars = await input('scalars', [SCALARS.count], [0, 0, 0, 3, 0, 0, 0, 0]);
    const bias = newVector('bias', rows);
    allocate(gpu.scope, bias.value.home!);
    write(gpu.memory, bias.value, biases);
    const ones = await input('ones', [N, cols], new Float32Array(N * cols).fill(1));
    const out = await runProgram(
      (p) => {
        p.random = scalars;
        p.needs.add(x);
        const [y] = linear(p, x, [weight], { bias: [bias], add });
        giveGrad(p, y, dy);
        backward(p);
        return {
          y,
          dx: p.grads.get(x)!,
          dA: grads[0],
          dB: grads[1],
          dm: grads[2] ?? grads[1],
          mask: maskOf(p, dropped, ones),
        };
      },
      { accumulate: 1, gpu },
    );
    const mask = c.dropped ? out.mask : undefined;
    const f = { N, out: rows, inner: cols, r, s, W, A, B, m, mask };
    const want = lowRankBackward(dys, xs, f);
    expect(out.y).toBeCloseL2(
      lowRank(xs, f).map((v, i) => v + adds[i] + biases[i % rows]),
      2e-6,
    );
    expect(out.dx).toBeCloseL2(want.dx, 2e-6);
    expect(out.dA).toBeCloseL2(
      want.dA.map((v) => v + 0.25),
      2e-6,
    );
    expect(out.dB).toBeCloseL2(
      want.dB.map((v) => v + 0.25),
      2e-6,
    );
    if (m)
      expect(out.dm).toBeCloseL2(
        want.dm.map((v) => v + 0.25),
        2e-6,
      );
  });
});

describe.each(cases.filter((c) => c.method === 'dora'))('dora $rows x $cols of $format, rank $r', (c) => {
  const { rows, cols, r } = c;
  const method = 'dora' as const;
  const [A, B, m] = [f32(r * cols, 2, cols ** -0.5), f32(rows * r, 3, 0.2), f32(rows, 4).map((v) => 2 + v)];
  const s = 1.7;

  test.each(SETS)('the scale is magnitude / norm of the rows formed in full, kernels: %s', async (set) => {
    const gpu = await gpuWith(set);
    const { weight, W } = await newStored(rows, cols, c.format, c.binding);
    const matrix = { name: weight.name, shape: [rows, cols] as [number, number], A, B, magnitude: m };
    const adapter = { method, rank: r, alpha: s * r, use_rslora: false, dropout: 0, targets: [], base: '', matrices: [matrix] };
    const decoder = { layers: [{ matrices: { up_proj: weight } }] } as unknown as Decoder; // one matrix is all of the model
    const attached = DORA.adapters!.from(adapter).attach(decoder, null);
    for (const t of [...attached.tensors, ...attached.scratch]) allocate(gpu.scope, t.home!);
    await attached.fill({ gpu, planning: planningOf(gpu.limits), decoder } as Base);
    const [, ofB, scale] = attached.tensors;
    const norms = rowNorms({ out: rows, inner: cols, r, s, W, A, B });
    expect(await read(gpu.memory, scale)).toBeAllclose(
      norms.map((n, i) => m[i] / n),
      { rtol: 3e-6 },
    );
    const moved = B.map((v) => -3 * v);
    write(gpu.memory, ofB, moved);
    const again = await runProgram(
      (p) => {
        attached.after!(p);
        return { scale };
      },
      { gpu },
    );
    const after = rowNorms({ out: rows, inner: cols, r, s, W, A, B: moved });
    expect(again.scale).toBeAllclose(
      after.map((n, i) => m[i] / n),
      { rtol: 3e-6 },
    );
  });
});

/** What the factors' input is multiplied by in this pass; ones where nothing is dropped. */
function maskOf(p: Program, d: Parameters<typeof dropout>[1] | null, ones: Parameters<typeof dropout>[2]) {
  if (!d) return ones;
  const copyOf = { ...ones, name: 'mask', home: null, role: 'temporaries' as const };
  p.temps.push(copyOf);
  dropout(p, d, ones, copyOf, 0);
  return copyOf;
}
