import { describe, expect, test } from 'vitest';
import '../compare.ts';
import { type Adapter, loadAdapter, matricesOf, type SmtAdapter } from '../../src/io/adapter.ts';
import { mergedTensors } from '../../src/io/adapter-merge.ts';
import type { PeftAdapter } from '../../src/io/adapter-peft.ts';
import { memorySource } from '../../src/io/bytes.ts';
import { decode } from '../../src/io/dequant.ts';
import { openModelFiles } from '../../src/io/model.ts';
import { encode } from '../../src/io/quant.ts';
import { storedTensor, type TensorInfo } from '../../src/io/tensors.ts';
import { describeShared, joined, SHARED } from './shared.ts';

/** A weight of these values, stored as f32. */
function weight(name: string, shape: number[], values: number[]): TensorInfo {
  return storedTensor(name, 'f32', shape, memorySource(encode('f32', new Float32Array(values))), 0);
}

async function merged(tensors: TensorInfo[], adapter: Adapter, dtype: 'f32' | 'bf16' = 'f32'): Promise<number[][]> {
  const stream = mergedTensors(new Map(tensors.map((t) => [t.name, t])), adapter, dtype);
  const arrays = stream.map(async ({ shape, bytes }) => [
    ...decode(
      dtype,
      await joined(bytes() as AsyncIterable<Uint8Array>),
      shape.reduce((a, b) => a * b, 1),
    ),
  ]);
  return Promise.all(arrays);
}

const W = weight(
  'w',
  [4, 4],
  Array.from({ length: 16 }, (_, i) => i),
);
const NORM = weight('norm', [4], [1, 2, 3, 4]);
const SMT: Adapter = {
  ...{ method: 'smt', block: 2, targets: ['w'], score: 'absmean', budget: '1b', seed: 0, version: '0' },
  base: { shapes: { w: [4, 4] }, sha256: { w: 'ab'.repeat(32) } },
  matrices: [{ name: 'w', index: new Int32Array([1, 0, 0, 1]), blocks: new Float32Array([100, 200, 300, 400, 10, 20, 30, 40]) }],
};

describe('mergedTensors', () => {
  test('blocks land on their rows and columns, other weights stay', async () => {
    expect(await merged([W, NORM], SMT)).toEqual([
      [0, 1, 12, 23, 4, 5, 36, 47, 108, 209, 10, 11, 312, 413, 14, 15],
      [1, 2, 3, 4],
    ]);
  });

  test('50,000 blocks of one row of blocks are merged in a time that grows with their number', async () => {
    const n = 50_000;
    const index = Int32Array.from({ length: 2 * n }, (_, i) => (i % 2 ? (i - 1) / 2 : 0));
    const many = { ...SMT, block: 1, base: { shapes: { w: [1, n] }, sha256: {} } } as SmtAdapter;
    many.matrices = [{ name: 'w', index, blocks: Float32Array.from({ length: n }, (_, i) => i) }] as SmtAdapter['matrices'];
    const wide = weight('w', [1, n], new Array(n).fill(0.5));
    const since = performance.now();
    const [values] = await merged([wide], many);
    // a list copied for each block takes some 1.2 billion copies, half a minute
    expect(performance.now() - since).toBeLessThan(10_000);
    values.forEach((v, i) => {
      if (v !== i + 0.5) throw new Error(`expected ${i + 0.5} at ${i}, got ${v}`);
    });
  });

  test('one rounding: the sum, not the parts, goes to bf16', async () => {
    const [one, two] = [weight('w', [2, 2], [1 + 2 ** -8, 1, 1, 1]), 2 ** -8];
    const adapter = { ...SMT, base: { shapes: { w: [2, 2] }, sha256: {} } } as SmtAdapter;
    adapter.matrices = [{ name: 'w', index: new Int32Array([0, 0]), blocks: new Float32Array([two, 0, 0, 0]) }];
    expect(await merged([one], adapter, 'bf16')).toEqual([[1 + 2 ** -7, 1, 1, 1]]);
  });

  const LORA: PeftAdapter = {
    ...{ method: 'lora', rank: 2, alpha: 4, use_rslora: false, dropout: 0, targets: ['w'], base: '' },
    matrices: [{ name: 'w', shape: [2, 3], A: new Float32Array([1, 0, 2, 0, 1, 0]), B: new Float32Array([1, 3, 0, -1]) }],
  };
  const BASE = weight('w', [2, 3], [1, 1, 1, 3, 6, 0]);

  test.each([
    [{}, [3, 7, 5, 3, 4, 0]],
    [{ use_rslora: true, alpha: Math.SQRT2 }, [2, 4, 3, 3, 5, 0]],
  ])('LoRA adds scale B A: %o', async (fields, expected) => {
    const [values] = await merged([BASE], { ...LORA, ...fields });
    expect(values).toBeAllclose(expected, { rtol: 1e-6, atol: 1e-6 });
  });

  test('a matrix that has a rank and an alpha of its own is scaled by them', async () => {
    const own = { ...LORA, rank: 7, alpha: 100, matrices: [{ ...LORA.matrices[0], rank: 2, alpha: 4 }] };
    expect(await merged([BASE], own)).toEqual(await merged([BASE], LORA));
  });

  test('DoRA gives each row its learned length', async () => {
    const dora: PeftAdapter = {
      ...LORA,
      method: 'dora',
      matrices: [{ ...LORA.matrices[0], magnitude: new Float32Array([1, 10]) }],
    };
    const [values] = await merged([BASE], dora);
    const length = Math.sqrt(83);
    expect(values).toBeAllclose([3 / length, 7 / length, 5 / length, 6, 8, 0], { rtol: 1e-6, atol: 1e-6 });
  });

  test("another model's adapter is refused", () => {
    expect(() => mergedTensors(new Map([['w', BASE]]), SMT, 'f32')).toThrow(
      'expected w of shape 4 x 4 as the adapter has it, got 2 x 3',
    );
  });
});

describeShared('PEFT folders of the conformance models', () => {
  test.each(['lora', 'dora'])('%s leaves what it does not target untouched', async (method) => {
    const model = await openModelFiles(`${SHARED}/conformance/qwen2/model`);
    const adapter = await loadAdapter(`${SHARED}/conformance/qwen2/${method}`);
    const targets = new Set(matricesOf(adapter));
    const merged = [...mergedTensors(model.tensors, adapter, 'f32')];
    expect(merged.map((t) => t.name).sort()).toEqual([...model.tensors.keys()].sort());
    expect(targets.size).toBeGreaterThan(0);
    for (const { name, shape, bytes } of merged) {
      const tensor = model.tensors.get(name)!;
      const base = await tensor.rows(0, shape.length > 1 ? shape[0] : 1);
      const same = Buffer.compare(base, await joined(bytes() as AsyncIterable<Uint8Array>)) === 0;
      expect(same, name).toBe(!targets.has(name));
    }
    await model.close();
  });
});
