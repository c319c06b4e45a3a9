// The block map: where plates lie, what is under a point, and a camera whose way there and back agree.
import { describe, expect, test } from 'vitest';
import { fit, pan, scaleOf, toCanvas, toMap, zoom } from '../../web/map/camera.ts';
import { shade } from '../../web/map/draw.ts';
import { blockAt, mapLayout } from '../../web/map/layout.ts';

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

  test.each([
    [1e6, 160],
    [1e-6, 0.25],
  ])('a factor of %d stops at %d pixels a block', (factor, scale) =>
    expect(scaleOf(zoom(fitted, factor, 0, 0))).toBeCloseTo(scale, 3),
  );
});

test.each([
  [0, 10, 11],
  [9, 10, 0],
  [0, 1, 11],
])('rank %d of %d has shade %d of 12', (rank, n, step) => expect(shade(rank, n, 12)).toBe(step));
