// The bench measures what it says: FLOPs counted once, parts that sum up, memory by plan. Speeds are not tested.
import { describe, expect, test } from 'vitest';
import { benchDecode } from '../../src/commands/bench/decode.ts';
import { benchGemm, preparedProduct, shapeOf } from '../../src/commands/bench/gemm.ts';
import { everything, forward as forwardKind, methodIn, ofEqualSize, sparse } from '../../src/commands/bench/kinds.ts';
import { line } from '../../src/commands/bench/line.ts';
import { benchLoad } from '../../src/commands/bench/load.ts';
import { planned } from '../../src/commands/bench/memory.ts';
import { LLAMA_1B, LLAMA_3M, someRows } from '../../src/commands/bench/model.ts';
import { prepareStep, type StepKind } from '../../src/commands/bench/step.ts';
import { partsOf, usefulFlops } from '../../src/commands/bench/steps.ts';
import { table } from '../../src/commands/bench/table.ts';
import { idle } from '../../src/gpu/device.ts';
import { measurePeak, openPeak, type Peak } from '../../src/gpu/peak.ts';
import { readerOf } from '../../src/gpu/plain-read.ts';
import { dispose, replay } from '../../src/gpu/run.ts';
import { read, readU32, resident, write } from '../../src/gpu/tensor.ts';
import { openModel } from '../../src/index.ts';
import { full as fullMethod } from '../../src/methods/full.ts';
import { smt as smtMethod } from '../../src/methods/smt/method.ts';
import { chooseVariant, plainName } from '../../src/ops/matmul/gemm-variants.ts';
import type { Line } from '../../src/report.ts';
import '../compare.ts';
import { testGpu } from '../gpu/harness.ts';
import { matmulNN, matmulNT, matmulTN } from '../oracle/matmul.ts';

test('SMT plans at most a third of full fine-tuning on the shapes of a billion parameters', () => {
  const [smt, full] = [planned(smtMethod()), planned(fullMethod())];
  expect(full.trainable).toBe(1235814400); // Llama-3.2-1B
  expect(smt.trainable / full.trainable).toBeCloseTo(0.0084, 4);
  expect(full.bytes.total).toBeGreaterThan(16 * full.trainable); // weight, gradient, two moments
  expect(smt.bytes.total / full.bytes.total).toBeLessThanOrEqual(1 / 3);
});

describe('a measured step', async () => {
  const gpu = await testGpu();
  const [rows, T] = [2, 16];
  const made = async (kind: StepKind) => {
    const before = gpu.memory.bytes;
    const s = await prepareStep(gpu, LLAMA_3M, kind, rows, T);
    s.run();
    await idle(gpu);
    s.free();
    expect(gpu.memory.bytes).toBe(before);
    return s;
  };

  test('of full fine-tuning trains everything and has three times the FLOPs of its forward', async () => {
    const [forward, full] = [await made(forwardKind), await made(everything)];
    expect(full.trainable).toBe(3279104);
    expect(usefulFlops(full)).toBeCloseTo(3 * usefulFlops(forward), -5);
    const matrices = 3279104 - 9 * 256;
    const head = 512 * 256 * 2; // two tokens of the stream are no targets' context
    const attention = 4 * 4 * 256 * 2 * ((T * (T + 1)) / 2);
    expect(usefulFlops(forward)).toBe(2 * matrices * rows * T - head * rows + attention);
  });

  test('of SMT trains 0.84 % of the matrices, a block of layer 0 among them', async () => {
    const s = await made(sparse);
    expect(s.trainable).toBe(Math.floor((0.0084 * (3279104 - 9 * 256)) / 32 ** 2) * 32 ** 2);
    const gradients = s.entries.flatMap((e) => (e.op === 'run' && e.kernel.name.startsWith('blocks_weight') ? [e.label] : []));
    expect(gradients.filter((label) => label.includes('layer 0')).length).toBeGreaterThan(0);
    // one dispatch a matrix that has blocks, of at most q, k and v of four layers
    expect(new Set(gradients).size).toBeLessThanOrEqual(3 * 4);
  });

  const others = ofEqualSize(LLAMA_3M);
  test('of equal size are those of LoRA, DoRA and blocks with LoRA', () => {
    expect(others.map((kind) => kind.name)).toEqual(['lora', 'dora', 'smt+lora']);
  });
  test.each(others)('of $name trains as many parameters as that of SMT, within a tenth', async (kind) => {
    const [smt, s] = [await made(sparse), await made(kind)];
    expect(Math.abs(s.trainable / smt.trainable - 1)).toBeLessThan(0.1);
    expect(s.entries.filter((e) => e.op === 'run' && e.kernel.name.startsWith('lowrank_weight')).length).toBe(2 * 3 * 4);
    expect(s.entries.some((e) => e.op === 'run' && e.kernel.name.startsWith('dora_scale'))).toBe(kind.name === 'dora');
  });
});

test('SMT plans fewer bytes than LoRA, and LoRA than DoRA, at equal trainable count', () => {
  const equal = ofEqualSize(LLAMA_1B, 'auto');
  expect(equal.map((kind) => kind.name)).toEqual(['lora', 'dora', 'smt+lora']);
  const [smt, lora, dora] = [smtMethod(), ...equal.map(methodIn)].map(planned);
  expect(Math.abs(lora.trainable / smt.trainable - 1)).toBeLessThan(0.01);
  expect(lora.bytes.total).toBeGreaterThan(smt.bytes.total);
  expect(dora.bytes.total).toBeGreaterThan(lora.bytes.total);
});

test('rows of a bench are whole rows, every token but the first a target', () => {
  const b = someRows(2, 4, 100);
  expect([b.n, b.m]).toEqual([8, 6]);
  expect([...b.lo]).toEqual([0, 0, 0, 0, 4, 4, 4, 4]);
  expect([...b.hi]).toEqual([3, 3, 3, 3, 7, 7, 7, 7]);
  expect([...b.targetIndex]).toEqual([0, 1, 2, 4, 5, 6]);
  expect([...b.targetId]).toEqual([...b.targetIndex].map((i) => b.ids[i + 1]));
});

test('dispatches are told apart by kernel and place, packing goes with its product', () => {
  const parts = [
    ['gemm_pack ALONG_K=true', 'x', 'forward products'],
    ['gemm_pack_any ALONG_K=true', 'x', 'forward products'],
    ['gemm_packed8 LANES=8', 'layer 0 gemm_packed8_nt', 'forward products'],
    ['attention_forward HD=32', 'attention_forward', 'attention'],
    ['attention_delta HD=32', 'attention_delta', 'rest'],
    ['blocks_forward', 'blocks_forward', 'blocks'],
    ['gather', 'gather', 'head'],
    ['gemm_pack ALONG_K=true', 'x', 'head'],
    ['gemm_packed8 LANES=8', 'gemm_packed8_nt', 'head'],
    ['crossentropy', 'crossentropy', 'head'],
    ['gemm_tile8 AT=true', 'gemm_tile8_tn', 'head'],
    ['losssum', 'losssum', 'head'],
    ['gemm_tile8 AT=false', 'layer 3 gemm_tile8_nn', 'dX'],
    ['gemm_tile8 AT=true', 'layer 3 gemm_tile8_tn', 'dW'],
    ['gradnorm', 'gradnorm', 'optimizer'],
    ['adamw', 'adamw', 'optimizer'],
    ['rmsnorm', 'rmsnorm', 'rest'],
  ];
  const timed = parts.map(([kernel, label]) => ({ kernel, label, ms: 1, flops: 0, bytes: 0 }));
  expect(partsOf(timed)).toEqual(parts.map(([, , part]) => part));
});

test('the product is measured by the chosen variant and by every other, each against the peak', async () => {
  const gpu = await testGpu();
  const peak: Peak = { best: 1, free: () => undefined, again: async () => ++peak.best };
  const lines: Line[] = [];
  const before = gpu.memory.bytes;
  await benchGemm(gpu, peak, (l) => lines.push(l), [[32, 64, 32]]);
  expect(gpu.memory.bytes).toBe(before);
  const measured = lines.filter((l) => l.kind === 'bench');
  // measured again before and after each
  expect(measured.map((l) => l.peak_gflops)).toEqual(measured.map((_, i) => 3 + 2 * i));
  expect(measured.length).toBe(lines.length);
  const names = measured.map((l) => `${l.name} ${l.layout}`);
  expect(new Set(names).size).toBe(names.length);
  for (const layout of ['nt', 'nn', 'tn'] as const)
    expect(names).toContain(`gemm (${plainName(chooseVariant(layout, shapeOf(layout, 32, 64, 32), gpu.limits))}) ${layout}`);
  expect(measured.length).toBeGreaterThan(3);
  for (const l of measured) {
    expect(l.gflops).toBeCloseTo((2 * 32 * 64 * 32) / l.ms! / 1e6, 9);
    expect(l.ratio).toBeCloseTo(l.gflops! / l.peak_gflops!, 9);
  }
});

test.each(['nt', 'nn', 'tn'] as const)('what the bench times as a product %s is one', async (layout) => {
  const gpu = await testGpu();
  const [m, n, k] = [12, 8, 20];
  const before = new Set(gpu.memory.live.values());
  const { machine, free } = await preparedProduct(gpu, layout, m, n, k, null);
  replay(machine, 'gemm', {});
  await idle(gpu);
  const made = new Map([...gpu.memory.live.values()].filter((home) => !before.has(home)).map((home) => [home.name, home]));
  const valuesOf = (name: string, rows: number, cols: number) =>
    read(gpu.memory, { ...resident(name, [rows, cols], 'other'), home: made.get(name)! });
  const [a, b] = [await valuesOf('a', m, k), await valuesOf('b', k, n)];
  const oracle = { nt: matmulNT, nn: matmulNN, tn: matmulTN }[layout];
  const want = oracle(a, b, m, n, k);
  expect(new Set(want).size).toBe(m * n);
  expect(await valuesOf('c', m, n)).toBeCloseL2(want, 1e-6);
  free();
});

test('the peak is some GFLOP/s and leaves nothing behind', async () => {
  const gpu = await testGpu();
  const before = gpu.memory.bytes;
  expect(await measurePeak(gpu)).toBeGreaterThan(0.1);
  expect(gpu.memory.bytes).toBe(before);
});

test('the table aligns its columns and leaves empty what does not apply', () => {
  const lines = [
    line('gemm', '512x1024x1024', { layout: 'nt', ms: 100, gflops: 10.74, peak_gflops: 20 }),
    line('unpack q4_0', '1024x1024', { ms: 4.5, gbs: 1.25 }),
    line('smt/forward', '2x128', { ratio: 1.5 }),
  ];
  expect(table(lines)).toBe(
    [
      'what         shape             ms  GFLOP/s  of peak  GB/s',
      '-----------  -------------  -----  -------  -------  ----',
      'gemm nt      512x1024x1024  100.0    10.74     54 %',
      'unpack q4_0  1024x1024       4.50                    1.25',
      'smt/forward  2x128                           1.50 x',
    ].join('\n'),
  );
});

test('a model is loaded and decoded beside its bounds, and nothing of it stays', async () => {
  const gpu = await testGpu();
  const opened = await openModel('demo/built-in/model');
  const before = gpu.memory.bytes;
  const lines: Line[] = [];
  const peak = await openPeak(gpu);
  await benchLoad(gpu, (l) => lines.push(l), opened);
  await benchDecode(gpu, peak, (l) => lines.push(l), opened);
  peak.free();
  await opened.files.close();
  expect(gpu.memory.bytes).toBe(before);
  const found = Object.fromEntries(lines.flatMap((l) => (l.kind === 'bench' ? [[l.name, l]] : [])));
  const [read, fma, one] = [
    'plain read of weights and cache',
    'multiply-adds of a token at the peak',
    'decode over the slower of them',
  ];
  expect(found[one].ratio).toBeCloseTo(Math.max(found[read].ms!, found[fma].ms!) / found[one].ms!, 9);
  expect(found[one].ms).toBeGreaterThan(0);
  // a token multiplies by every matrix once: the 2 FLOPs of each of its values, and attention's
  const matrices = [...opened.files.tensors.values()].filter((t) => t.shape.length > 1);
  const values = matrices.reduce((n, { shape }) => n + shape[0] * shape[1], 0);
  const flops = found[fma].ms! * found[fma].gflops! * 1e6;
  expect(flops).toBeGreaterThan(2 * values);
  expect(flops).toBeLessThan(2.5 * values);
  expect(found['load over reading'].ratio).toBeGreaterThan(0);
});

test('a plain read sees every byte', async () => {
  const gpu = await testGpu();
  const words = 100_003 * 4;
  const data = resident('data', [words], 'other', 'u32');
  const machine = await readerOf(gpu, [data], 64);
  const numbers = Uint32Array.from({ length: words }, (_, i) => Math.imul(i, 2654435761));
  write(gpu.memory, data, numbers);
  const seen = machine.plan.slots[0];
  replay(machine, 'read', {});
  await idle(gpu);
  const got = await readU32(gpu.memory, { ...data, home: seen, bytes: seen.bytes, shape: [seen.bytes / 4] });
  // what is read beyond the end is the last vector again: an even or an odd number of times
  const xor = (list: Uint32Array, of: number) => list.reduce((x, v, i) => (i % 4 === of ? x ^ v : x), 0) >>> 0;
  const off = [0, 1, 2, 3].map((of) => (xor(got, of) ^ xor(numbers, of)) >>> 0);
  expect([off, [...numbers.slice(-4)]]).toSatisfy(
    ([x, last]) => x.every((v: number) => v === 0) || x.every((v: number, i: number) => v === last[i]),
  );
  dispose(machine);
});
