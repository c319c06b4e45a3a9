// The block map: where plates lie, what is under a point, and a camera whose way there and back agree.
import { describe, expect, test } from 'vitest';
import { fit, into, pan, scaleOf, toCanvas, toMap, zoom } from '../../web/map/camera.ts';
import { blockKey, CHOSEN, firstsOf, leveled, OFF, wordsOf } from '../../web/map/cells.ts';
import { platesOf, viewOf } from '../../web/map/draw.ts';
import { blockAt, mapLayout } from '../../web/map/layout.ts';
import { blockWords, tableOf } from '../../web/map/words.ts';

const LAYER = [
  ['q_proj', 96, 96],
  ['k_proj', 48, 96],
  ['v_proj', 48, 96],
  ['o_proj', 96, 96],
  ['gate_proj', 256, 96],
  ['up_proj', 256, 96],
  ['down_proj', 96, 256],
] as const;
const model = (layers: number) =>
  Array.from({ length: layers }, (_, layer) => LAYER.map(([module, rows, cols]) => ({ layer, module, rows, cols }))).flat();

describe('layout', () => {
  const layout = mapLayout(model(4), 16, 1.7);

  test('a plate has a square for each block', () => {
    const down = layout.matrices.find((m) => m.layer === 0 && m.module === 'down_proj')!;
    expect([down.w, down.h]).toEqual([16, 6]);
  });

  test('plates do not overlap and lie inside the map', () => {
    const all = layout.matrices;
    for (const [i, a] of all.entries()) {
      expect(a.x + a.w <= layout.width && a.y + a.h <= layout.height).toBe(true);
      for (const b of all.slice(i + 1))
        expect(a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y).toBe(true);
    }
  });

  test.each([
    [0.2, 1],
    [1.7, 2],
    [20, 4],
  ])('on a canvas of aspect %d four layers stand %d side by side', (aspect, across) => {
    const { layers } = mapLayout(model(4), 16, aspect);
    expect(new Set(layers.map((l) => l.x)).size).toBe(across);
  });

  test('the block under a point is found up to its edge and not beyond', () => {
    const k = layout.matrices.find((m) => m.layer === 1 && m.module === 'k_proj')!;
    expect(blockAt(layout, k.x + k.w - 0.01, k.y + k.h - 0.01)).toEqual({ matrix: k, row: 2, col: 5 });
    expect(blockAt(layout, k.x + k.w + 0.01, k.y)).toBeNull();
  });
});

describe('camera', () => {
  const map = { width: 80, height: 40 };
  const canvas = { width: 500, height: 300 };
  const margins = { left: 20, top: 10, right: 0, bottom: 10 };
  const fitted = fit(map, canvas, margins);

  test('fit fills the room between the margins, centred', () => {
    expect(scaleOf(fitted)).toBeCloseTo(6, 5); // 480 over 80
    expect(toCanvas(fitted, 0, 0).map(Math.round)).toEqual([20, 30]);
    expect(toCanvas(fitted, 80, 40).map(Math.round)).toEqual([500, 270]);
  });

  test('the point zoomed about stays where it is', () => {
    const before = toMap(fitted, 123, 45);
    const after = toMap(zoom(fitted, 2.5, 123, 45), 123, 45);
    expect(after[0]).toBeCloseTo(before[0], 4);
    expect(after[1]).toBeCloseTo(before[1], 4);
  });

  test('pan moves by pixels at any scale', () => {
    const at = toCanvas(pan(zoom(fitted, 3, 0, 0), 7, -9), 10, 10);
    const from = toCanvas(zoom(fitted, 3, 0, 0), 10, 10);
    expect(at[0] - from[0]).toBeCloseTo(7, 3);
    expect(at[1] - from[1]).toBeCloseTo(-9, 3);
  });

  test('a block that is not seen is brought to the middle, one that is stays where it is', () => {
    const near = zoom(fitted, 8, 0, 0);
    expect(into(near, canvas, 0, 0)).toEqual(near);
    expect(toCanvas(into(near, canvas, 70, 30), 70.5, 30.5).map(Math.round)).toEqual([250, 150]);
  });

  test.each([
    [1e6, 160],
    [1e-6, 0.25],
  ])('a factor of %d stops at %d pixels a block', (factor, scale) =>
    expect(scaleOf(zoom(fitted, factor, 0, 0))).toBeCloseTo(scale, 3),
  );
});

describe('blocks', () => {
  const layout = mapLayout(model(2), 16, 1.7);
  const { firsts, count } = firstsOf(layout.matrices);
  const place = (layer: number, module: string) => layout.matrices.findIndex((m) => m.layer === layer && m.module === module);
  const scores = leveled([
    { layer: 0, module: 'k_proj', scores: Float32Array.from({ length: 18 }, (_, i) => i) },
    { layer: 1, module: 'v_proj', scores: Float32Array.from({ length: 18 }, () => 17) },
  ]);
  const chosen = [
    { layer: 0, module: 'k_proj', row: 2, col: 5 },
    { layer: 1, module: 'down_proj', row: 5, col: 15 },
    { layer: 0, module: 'k_proj', row: 0, col: 1 },
  ];
  const facts = { scores, chosen, norms: Float32Array.of(0.5, 2, 0), progress: 1, off: new Set([blockKey(chosen[2])]) };
  const words = wordsOf(layout.matrices, facts);
  const word = (layer: number, module: string, at: number) => words[firsts[place(layer, module)] + at];

  test('each has one word, at its matrix, row and column', () => {
    expect(words.length).toBe(count);
    expect(count).toBe(2 * (36 + 18 + 18 + 36 + 96 + 96 + 96));
    const found = [...words.keys()].filter((i) => words[i] & CHOSEN);
    const wanted = [firsts[place(0, 'k_proj')] + 17, firsts[place(1, 'down_proj')] + 95, firsts[place(0, 'k_proj')] + 1];
    expect(found).toEqual(wanted.sort((a, b) => a - b));
  });

  test.each([
    ['the best', 0, 'k_proj', 17, 255, 64, false], // it moved a quarter of the farthest
    ['the middle one', 1, 'down_proj', 95, 128, 255, false],
    ['the last, which is switched off', 0, 'k_proj', 1, 0, 0, true],
  ] as const)('%s has its rank and how far it moved', (_, layer, module, at, rank, moved, off) => {
    const w = word(layer, module, at);
    expect([w >>> 24, (w >>> 16) & 255, (w & OFF) !== 0]).toEqual([rank, moved, off]);
  });

  test('half way a square is smaller than at the end', () => {
    const half = wordsOf(layout.matrices, { ...facts, progress: 0.5 });
    expect((half[firsts[place(1, 'down_proj')] + 95] >>> 16) & 255).toBe(Math.round(255 * 0.5 ** 0.7));
  });

  test('a level is the cube of the share of blocks scored no higher', () => {
    expect(word(0, 'k_proj', 8) & 255).toBe(Math.round(255 * (9 / 36) ** 3));
    expect(word(0, 'k_proj', 17) & 255).toBe(255);
    expect(word(1, 'v_proj', 0) & 255).toBe(255);
    expect(word(1, 'q_proj', 0)).toBe(0); // never scored
  });

  test('a block under the pointer is told with all its numbers', () => {
    const matrix = layout.matrices[place(0, 'k_proj')];
    expect(blockWords({ matrix, row: 2, col: 5 }, facts)).toBe(
      'Layer 0, k_proj, block row 2, column 5; score 17.0, above 99 % of all blocks; 1st of 3 that train; moved by 0.500 (Frobenius norm).',
    );
    expect(blockWords({ matrix, row: 1, col: 0 }, facts)).toContain('stays frozen');
  });

  test('the table has as many chosen blocks as there are, and norms add up by squares', () => {
    const cells = tableOf(layout, facts).flatMap((l) => l.cells);
    expect(cells.reduce((n, c) => n + c.chosen, 0)).toBe(3);
    expect(cells.find((c) => c.chosen === 2)!.norm).toBeCloseTo(0.5, 6);
    expect(cells.reduce((n, c) => n + c.of, 0)).toBe(count);
  });

  test('plates say where their words begin, and the view is in device pixels', () => {
    const whole = new Uint32Array(platesOf(layout));
    expect(layout.matrices.map((_, i) => whole[6 * i + 4])).toEqual(firsts);
    const camera = pan(fit(layout, { width: 400, height: 300 }, { left: 0, top: 0, right: 0, bottom: 0 }), 5, 7);
    const hex = '#ff8000';
    const colours = { plate: hex, line: hex, scored: hex, low: hex, high: hex, moved: hex, off: hex, text: hex, muted: hex };
    const size = { width: 400, height: 300 };
    const view = viewOf({ layout, camera, size, dpr: 2, shown: 1, at: null, colours });
    const [x, y] = toCanvas(camera, 3, 4);
    expect(view[0] * 3 + view[4] * 4 + view[8]).toBeCloseTo(2 * x, 3);
    expect(view[1] * 3 + view[5] * 4 + view[9]).toBeCloseTo(2 * y, 3);
    expect([...view.subarray(12, 15)]).toEqual([800, 600, Math.fround(2 * scaleOf(camera))]);
    expect([...view.subarray(20, 24)].map((c) => Math.round(255 * c))).toEqual([255, 128, 0, 255]);
  });
});
