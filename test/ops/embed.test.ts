// The embedding and its deterministic scatter, over windows, tied and untied, first and later micro-batches.

import { describe, expect, test } from 'vitest';
import { adds, backward, giveGrad } from '../../src/gpu/program.ts';
import { allocate } from '../../src/gpu/scope.ts';
import { type Tensor, write } from '../../src/gpu/tensor.ts';
import { addInto } from '../../src/ops/elementwise/fill.ts';
import { dense } from '../../src/ops/matmul/linear.ts';
import { STORED, type StoredFormat, storedBytes } from '../../src/ops/stored/formats.ts';
import { newWeight, type Weight } from '../../src/ops/stored/weight.ts';
import { embed } from '../../src/ops/stream/embed.ts';
import { f32Bound } from '../compare.ts';
import { input, runProgram, testGpu } from '../gpu/harness.ts';
import * as oracle from '../oracle/embedding.ts';
import { noise } from '../oracle/finite.ts';
import { QUANTIZED, storedWeight } from './stored.ts';

const f32 = (n: number, seed: number) => new Float32Array(noise(n, seed));
const join = (parts: Float32Array[]) => Float32Array.from(parts.flatMap((a) => Array.from(a)));

/** An f32 weight [V, D] in windows of at most `rows` rows. */
async function weight(V: number, D: number, rows: number, data: Float32Array): Promise<Weight> {
  const { memory, scope } = await testGpu();
  const w = newWeight('embed', V, D, 'f32', rows * D * 4);
  for (const v of w.windows) {
    allocate(scope, v.q.home!);
    write(memory, v.q, data.slice(v.r0 * D, v.r1 * D));
  }
  return w;
}

/** The stream of these tokens in buffers for `room` more, whose rest is what an earlier, longer step left. */
async function streamOf(ids: number[], room = 3) {
  const order = ids.map((_, i) => i).sort((a, b) => ids[a] - ids[b] || a - b);
  const groups = order.flatMap((t, i) => (i && ids[t] === ids[order[i - 1]] ? [] : [ids[t], i]));
  while (groups.length < 2 * ids.length + 2) groups.push(0, ids.length);
  const u32 = (name: string, a: number[], more: number) => input(name, [a.length + more], [...a, ...Array(more).fill(1)], 'u32');
  return {
    ids: await u32('ids', ids, room),
    order: await u32('order', order, room),
    groups: await u32('groups', groups, 2 * room),
  };
}

describe('embed', () => {
  test.each([
    [1, 1, 1, [0]],
    [7, 3, 7, [6, 0, 3, 3]],
    [7, 4, 3, [6, 0, 3, 2, 5]],
    [9, 64, 2, [8, 1, 2, 3]],
    [300, 65, 100, [299, 99, 100, 200, 199]],
    [50, 260, 50, [49, 0]],
  ])('[%i, %i] in windows of %i rows, ids %j', async (V, D, rows, ids) => {
    const table = f32(V * D, 1);
    const [w, s] = [await weight(V, D, rows, table), await streamOf(ids)];
    const { h } = await runProgram((p) => ({ h: embed(p, s, w) }), { dims: { N: ids.length } });
    expect(h).toEqual(Float32Array.from(oracle.embedding(table, ids, D)));
  });
});

describe('embed from stored formats', () => {
  test.each([
    ['f32', 33],
    ['f16', 33],
    ['bf16', 33],
    ['f16', 36],
    ['bf16', 36],
    ...QUANTIZED.map((format) => [format, 3 * STORED[format].block]),
  ] as [StoredFormat, number][])('%s, rows of %i, in windows: what io decodes, bit for bit', async (format, D) => {
    const [V, ids] = [21, [20, 0, 13, 6, 7, 13]];
    const { weight: w, values } = await storedWeight(format, V, D, (7 * storedBytes(format, 4, D).q) / 4);
    expect(w.windows.length).toBe(6);
    const s = await streamOf(ids);
    const { h } = await runProgram((p) => ({ h: embed(p, s, w) }), { dims: { N: ids.length } });
    expect(h).toEqual(Float32Array.from(oracle.embedding(values, ids, D)));
  });
});

describe('the gradient of embed', () => {
  const go = async (V: number, D: number, rows: number, ids: number[], first: number, tied: boolean) => {
    const dy = f32(ids.length * D, 3);
    const before = f32(V * D, 4);
    const [w, s] = [await weight(V, D, rows, f32(V * D, 1)), await streamOf(ids)];
    const cut = (a: Float32Array) => w.windows.map((v) => a.slice(v.r0 * D, v.r1 * D));
    const grads: Tensor[] = await Promise.all(cut(before).map((a, i) => input(`grad ${i}`, [a.length], a)));
    const zeros = await Promise.all(grads.map((g, i) => input(`zeros ${i}`, [...g.shape], new Float32Array(g.shape[0]))));
    w.trains = dense(grads);
    const tdy = await input('dy', [ids.length, D], dy);
    const got = await runProgram(
      (p) => {
        const h = embed(p, s, w);
        // stands for a head that has its gradient in the same place
        if (tied)
          grads.forEach((g, i) => {
            adds(p, g);
            addInto(p, zeros[i], g);
          });
        giveGrad(p, h, tdy);
        backward(p);
        return Object.fromEntries(grads.map((g, i) => [i, g]));
      },
      { dims: { N: ids.length }, accumulate: first ? 0 : 1 },
    );
    const want = oracle.embeddingBackward(dy, ids, V, D).map((v, i) => v + (first && !tied ? 0 : before[i]));
    const size = oracle.embeddingBackward(dy.map(Math.abs), ids, V, D).map((v, i) => v + Math.abs(before[i]));
    expect(join(Object.values(got))).toBeWithin(want, f32Bound(size, { serial: ids.length + 1 }));
    return got;
  };

  test.each([
    [1, 1, 1, [0, 0, 0]],
    [7, 3, 7, [6, 0, 3, 3, 6, 3]],
    [7, 4, 3, [6, 0, 3, 2, 5, 0]],
    [9, 65, 2, [8, 1, 2, 3, 8]],
    [20, 260, 8, Array.from({ length: 70 }, (_, i) => (i * 7) % 20)],
  ])('[%i, %i] in windows of %i rows, ids %j: untied, cleared first', async (V, D, rows, ids) => {
    await go(V, D, rows, ids, 1, false);
  });

  test.each([
    ['untied, later micro-batch', 0, false],
    ['tied, first micro-batch', 1, true],
    ['tied, later micro-batch', 0, true],
  ])('%s: added', async (_, first, tied) => {
    await go(11, 8, 4, [10, 3, 3, 0, 4], first, tied);
  });
});
