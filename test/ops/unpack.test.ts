// Stored weights as f32: bit for bit what io decodes, which is what the gguf package does; whole, in panels, in windows.

import { describe, expect, test } from 'vitest';
import unpackCode from '../../shaders/unpack.wgsl?raw' with { type: 'text' };
import { link } from '../../src/gpu/link.ts';
import { type Program, temp } from '../../src/gpu/program.ts';
import { decode } from '../../src/io/dequant.ts';
import { STORED, type StoredFormat, storedBytes } from '../../src/ops/stored/formats.ts';
import { unpack } from '../../src/ops/stored/unpack.ts';
import { runProgram, testGpu } from '../gpu/harness.ts';
import { gpuWith, type Kernels } from '../gpu/kernels.ts';
import { FORMATS, QUANTIZED, type StoredWeight, storedNoise, storedWeight } from './stored.ts';

const bits = (x: Float32Array) => new Uint32Array(x.buffer, x.byteOffset, x.length);

/** Throws at the first element whose bits differ; zeros have signs. */
function expectSameBits(got: Float32Array, want: Float32Array): void {
  expect(got.length).toBe(want.length);
  const [g, w] = [bits(got), bits(want)];
  const i = g.findIndex((x, i) => x !== w[i]);
  if (i >= 0) expect([i, got[i]]).toEqual([i, want[i]]);
}

/** Rows r0 <= r < r1 of window `index` as the device unpacks them. */
async function panelOf(
  { weight: w }: StoredWeight,
  index = 0,
  r0 = w.windows[index].r0,
  r1 = w.windows[index].r1,
  kernels: Kernels = 'own',
) {
  const build = (p: Program) => {
    const panel = temp(p, 'panel', [r1 - r0, w.cols]);
    unpack(p, w, w.windows[index], r0, r1, panel);
    return { panel };
  };
  const { panel } = await runProgram(build, { gpu: await gpuWith(kernels) });
  return panel;
}

const rowsOf = ({ weight: { cols }, values }: StoredWeight, r0: number, r1: number) => values.subarray(r0 * cols, r1 * cols);

// on software adapters an invocation unpacks a run of four vectors, on a GPU one
describe.each(['without subgroups', 'tiles'] as const)('every bit as io decodes it, kernels: %s', (kernels) => {
  const panelIn = (stored: StoredWeight) => panelOf(stored, 0, undefined, undefined, kernels);

  test.each(QUANTIZED)('%s, 45 rows of three blocks', async (format) => {
    const stored = await storedWeight(format, 45, 3 * STORED[format].block);
    expectSameBits(await panelIn(stored), stored.values);
  });

  test.each([
    ['f32', 45, 40],
    ['f32', 3, 1],
    ['f16', 45, 40],
    ['f16', 45, 33],
    ['f16', 1, 1],
    ['f16', 3, 1],
    ['bf16', 45, 40],
    ['bf16', 5, 33],
  ] as [StoredFormat, number, number][])('%s, %i rows of %i, the last vec4 whole or not', async (format, rows, cols) => {
    const stored = await storedWeight(format, rows, cols);
    expectSameBits(await panelIn(stored), stored.values);
  });

  test.each(['f16', 'bf16'] as const)('every finite number that %s has', async (format) => {
    const exponent = format === 'f16' ? 0x7c00 : 0x7f80;
    const all = Uint16Array.from({ length: 1 << 16 }, (_, i) => ((i & exponent) === exponent ? 0 : i));
    // bf16 has subnormals of f32: GPUs may make them 0, so they are left out
    if (format === 'bf16') all.forEach((h, i) => (h & exponent) === 0 && (all[i] = h & 0x8000));
    const stored = await storedWeight(format, 256, 256, 1 << 26, new Uint8Array(all.buffer));
    expectSameBits(await panelIn(stored), stored.values);
  });

  test('a scale of any finite f16 times any quants', async () => {
    // the least value is another one
    const bytes = storedNoise('q4_1', (1 << 16) * 32);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < 1 << 16; i++) {
      view.setUint16(20 * i, (i & 0x7c00) === 0x7c00 ? 0 : i, true);
      view.setUint16(20 * i + 2, (i * 40503) & 0xbfff, true);
    }
    const stored = await storedWeight('q4_1', 1 << 10, 1 << 11, 1 << 26, bytes);
    expectSameBits(await panelIn(stored), stored.values);
  });
});

test.each(FORMATS)('%s by panels of windows: no row is lost or read twice', async (format) => {
  const cols = Math.max(12, 2 * STORED[format].block);
  const stored = await storedWeight(format, 21, cols, 8 * storedBytes(format, 1, cols).q);
  expect(stored.weight.windows.map((v) => [v.r0, v.r1])).toEqual([
    [0, 8],
    [8, 16],
    [16, 21],
  ]);
  const panels = [];
  for (const [index, from, to] of [
    [0, 0, 8],
    [1, 9, 10],
    [1, 12, 16],
    [2, 17, 21],
  ])
    panels.push([await panelOf(stored, index, from, to), rowsOf(stored, from, to)]);
  for (const [got, want] of panels) expectSameBits(got, want);
});

test('a panel that starts within four elements is refused', async () => {
  const stored = await storedWeight('f16', 4, 33);
  await expect(panelOf(stored, 0, 1, 2)).rejects.toThrow('to start at a multiple of 4 elements, got row 1 of 33 columns');
});

test.each(FORMATS.flatMap((f) => [1, 4].map((RUN) => [f, RUN] as const)))(
  '%s in runs of %i compiles without messages',
  async (format, RUN) => {
    const { device } = await testGpu();
    const module = device.createShaderModule({ code: link([STORED[format].part, unpackCode], { RUN }).code });
    expect((await module.getCompilationInfo()).messages.map((m) => m.message)).toEqual([]);
  },
);

test('noise has what rounding and signs may trip over', () => {
  const values = decode('q4_0', storedNoise('q4_0', 45 * 96), 45 * 96);
  expect(values.some((v) => Object.is(v, -0))).toBe(true);
  expect(values.some((v) => v !== 0 && Math.abs(v) < 2 ** -20)).toBe(true);
});
