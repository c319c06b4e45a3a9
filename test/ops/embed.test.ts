// The embedding and its deterministic scatter, over windows, tied and untied, first and later micro-batches.

import { describe, expect, test } from 'vitest';
import { backward, giveGrad } from '../../src/gpu/program.ts';
import { allocate, type Tensor, write } from '../../src/gpu/tensor.ts';
import { decode } from '../../src/io/dequant.ts';
import { formatBytes } from '../../src/io/formats.ts';
import { toF16 } from '../../src/io/quant.ts';
import { embed } from '../../src/ops/embed.ts';
import { addInto } from '../../src/ops/fill.ts';
import { type Format, STORED, splitQuants, storedBytes } from '../../src/ops/formats.ts';
import { newWeight, type Weight } from '../../src/ops/weight.ts';
import { f32Bound } from '../compare.ts';
import { input, runProgram, testGpu } from '../gpu/harness.ts';
import * as oracle from '../oracle/embedding.ts';
import { noise } from '../oracle/finite.ts';

const f32 = (n: number, seed: number) => new Float32Array(noise(n, seed));
const join = (parts: Float32Array[]) => Float32Array.from(parts.flatMap((a) => Array.from(a)));

/** An f32 weight [V, D] in windows of at most `rows` rows. */
async function weight(V: number, D: number, rows: number, data: Float32Array): Promise<Weight> {
  const { memory } = await testGpu();
  const w = newWeight('embed', V, D, 'f32', rows * D * 4);
  for (const v of w.windows) {
    allocate(memory, v.q.home!);
    write(memory, v.q, data.slice(v.r0 * D, v.r1 * D));
  }
  return w;
}

/** Bytes that a file of this format may hold: any quants, scales of ordinary size. */
function storedNoise(format: Format, count: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(noise(formatBytes(format, count), 5, 128).map((v) => v + 128));
  const { block, bytes: size, scales } = STORED[format];
  if (format === 'f32') return new Uint8Array(f32(count, 5).buffer);
  const view = new DataView(bytes.buffer);
  const values = noise(count, 6);
  for (let i = 0; i < count / block; i++)
    for (let at = 0; at < (scales || 2); at += 2)
      view.setUint16(i * size + at, toF16(values[i]) & (format === 'bf16' ? 0xbfff : 0xffff), true);
  return bytes;
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
    const { h } = await runProgram((p) => ({ h: embed(p, s, w) }), { N: ids.length });
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
    ['q8_0', 96],
    ['q4_0', 96],
    ['q4_1', 96],
  ] as [Format, number][])('%s, rows of %i, in windows: what io decodes, bit for bit', async (format, D) => {
    const [V, ids] = [21, [20, 0, 13, 6, 7, 13]];
    const bytes = storedNoise(format, V * D);
    const { memory } = await testGpu();
    const w = newWeight('embed', V, D, format, (7 * storedBytes(format, 4, D).q) / 4);
    expect(w.windows.length).toBe(3);
    const row = formatBytes(format, D);
    for (const v of w.windows) {
      const { q, s } = splitQuants(format, bytes.slice(v.r0 * row, v.r1 * row));
      for (const t of [v.q, v.s]) if (t) allocate(memory, t.home!);
      write(memory, v.q, q);
      if (s) write(memory, v.s!, s);
    }
    const s = await streamOf(ids);
    const { h } = await runProgram((p) => ({ h: embed(p, s, w) }), { N: ids.length });
    expect(h).toEqual(Float32Array.from(oracle.embedding(decode(format, bytes, V * D), ids, D)));
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
    w.trains = { kind: 'dense', grads };
    const tdy = await input('dy', [ids.length, D], dy);
    const got = await runProgram(
      (p) => {
        const h = embed(p, s, w);
        // stands for a head that has its gradient in the same place
        if (tied) grads.forEach((g, i) => void addInto(p, zeros[i], g));
        giveGrad(p, h, tdy);
        backward(p);
        return Object.fromEntries(grads.map((g, i) => [i, g]));
      },
      { N: ids.length, first },
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
