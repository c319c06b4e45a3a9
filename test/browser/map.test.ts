// The block map as it is drawn: colours where they belong, and how long a frame of an 8B model takes here.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fit, pan, scaleOf, toCanvas, zoom } from '../../web/map/camera.ts';
import { wordsOf } from '../../web/map/cells.ts';
import { MARGINS, platesOf, viewOf } from '../../web/map/draw.ts';
import { mapLayout } from '../../web/map/layout.ts';
import { closePainter, frame, load, openPainter, type Painter } from '../../web/map/paint.ts';

const SIZE = { width: 640, height: 280 };
const colours = {
  ...{ plate: '#102030', line: '#ffffff', scored: '#405060', low: '#008000', high: '#00ff00', moved: '#ff8000' },
  ...{ off: '#ff0000', text: '#0000ff', muted: '#000000' },
};
const NONE = { scores: [], chosen: [], norms: null, progress: 1, off: new Set<string>() };
let painter: Painter;
beforeAll(async () => {
  painter = await openPainter();
});
afterAll(() => closePainter(painter));

const shapes = (D: number, kv: number, F: number) =>
  (
    [
      ['q', D, D],
      ['k', kv, D],
      ['v', kv, D],
      ['o', D, D],
      ['gate', F, D],
      ['up', F, D],
      ['down', D, F],
    ] as const
  ).map(([name, rows, cols]) => ({ module: `${name}_proj`, rows, cols }));
const model = (layers: number, D: number, kv: number, F: number) =>
  Array.from({ length: layers }, (_, layer) => shapes(D, kv, F).map((m) => ({ layer, ...m }))).flat();

test('each block has its colour', async () => {
  const layout = mapLayout(model(1, 64, 32, 128), 16, SIZE.width / SIZE.height);
  const at = (row: number, col: number) => ({ layer: 0, module: 'o_proj', row, col });
  const levels = new Uint8Array(16);
  levels[5] = 255;
  const facts = {
    ...NONE,
    scores: [{ layer: 0, module: 'o_proj', scores: new Float32Array(16), levels }],
    chosen: [at(0, 0), at(3, 2), at(2, 3)],
    norms: Float32Array.of(0, 1, 0),
    off: new Set(['0 o_proj 2 3']),
  };
  load(painter, platesOf(layout), wordsOf(layout.matrices, facts));
  const camera = fit(layout, SIZE, MARGINS);
  const view = viewOf({ layout, camera, size: SIZE, dpr: 1, shown: 1, at: null, colours });
  const { data } = await frame(painter, SIZE.width, SIZE.height, view);
  const o = layout.matrices.find((m) => m.module === 'o_proj')!;
  const pixel = (row: number, col: number, within = 0.5) => {
    const [x, y] = toCanvas(camera, o.x + col + within, o.y + row + within);
    const i = 4 * (Math.floor(y) * SIZE.width + Math.floor(x));
    return `#${[...data.subarray(i, i + 3)].map((c) => c.toString(16).padStart(2, '0')).join('')}`;
  };
  expect(scaleOf(camera)).toBeGreaterThan(8);
  expect([pixel(0, 0), pixel(3, 2), pixel(2, 3), pixel(1, 1), pixel(1, 2)]).toEqual([
    '#00ff00', // the best
    '#ff8000', // has moved
    '#ff0000', // is off
    '#405060', // scored highest, and not chosen
    '#102030',
  ]);
  expect(pixel(3, 2, 0.12)).not.toBe('#ff8000'); // its square is not all of it
  expect(data[3]).toBe(0); // beside the plates there is nothing
});

test('a model of 8B is drawn by one call', async () => {
  const layout = mapLayout(model(32, 4096, 1024, 14336), 256, SIZE.width / SIZE.height);
  const words = wordsOf(layout.matrices, NONE);
  expect(words.length).toBe(106_496);
  load(painter, platesOf(layout), words.fill(256 + 128, 0, 5000));
  const ms: number[] = [];
  let camera = fit(layout, SIZE, MARGINS);
  for (let i = 0; i < 40; i++) {
    camera = i < 20 ? pan(camera, 1, 0) : zoom(camera, 1.1, 300, 140);
    const view = viewOf({ layout, camera, size: SIZE, dpr: 1, shown: 1, at: null, colours });
    const began = performance.now();
    await frame(painter, SIZE.width, SIZE.height, view);
    ms.push(performance.now() - began);
  }
  ms.sort((a, b) => a - b);
  console.log(
    `8B map: ${words.byteLength} bytes of blocks, 208 a frame, ${ms[20].toFixed(1)} ms a frame in the median (SwiftShader), ${ms[38].toFixed(1)} at worst`,
  );
  expect(painter.count).toBe(224); // plates, instances of one draw
});
