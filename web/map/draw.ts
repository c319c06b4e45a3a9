// A frame of the map: the view that the shader is told, its picture put on the canvas, and the names of plates and layers beside them.

import { mat3 } from 'wgpu-matrix';
import { type Box, type Camera, scaleOf, toCanvas } from './camera.ts';
import { firstsOf } from './cells.ts';
import { GAP, type MapLayout, NAME } from './layout.ts';
import { frame, type Painter, PLATE_BYTES, VIEW_FLOATS } from './paint.ts';

/** As the style sheet has them; all but `muted` are the shader's, in hex. */
export interface Colours {
  plate: string;
  line: string;
  scored: string;
  low: string;
  high: string;
  moved: string;
  off: string;
  text: string;
  muted: string;
}

export interface Scene {
  layout: MapLayout;
  camera: Camera;
  /** In CSS pixels. */
  size: Box;
  dpr: number;
  /** Share of the chosen blocks that are lit, best first: they appear one after the other. */
  shown: number;
  /** The block pointed at, by its place on the map. */
  at: { x: number; y: number } | null;
  colours: Colours;
}

export const MARGINS = { left: 22, top: 0, right: 2, bottom: 2 };

/** Pixels a block from which on lines part blocks. */
const PARTED = 4;

/** Plates as the shader reads them: corner, size, first word. */
export function platesOf({ matrices }: MapLayout): ArrayBuffer {
  const buffer = new ArrayBuffer(PLATE_BYTES * matrices.length);
  const [floats, whole] = [new Float32Array(buffer), new Uint32Array(buffer)];
  const { firsts } = firstsOf(matrices);
  matrices.forEach(({ x, y, w, h }, i) => {
    floats.set([x, y, w, h], 6 * i);
    whole[6 * i + 4] = firsts[i];
  });
  return buffer;
}

/** The uniform of map.wgsl, in device pixels. */
export function viewOf({ camera, size, dpr, shown, at, colours: c }: Scene): Float32Array<ArrayBuffer> {
  const view = new Float32Array(VIEW_FLOATS);
  const scale = scaleOf(camera) * dpr;
  view.set(mat3.multiply(mat3.scaling([dpr, dpr]), camera) as Float32Array);
  view.set([size.width * dpr, size.height * dpr, scale, shown], 12);
  view.set([at?.x ?? -1, at?.y ?? -1, scale < PARTED * dpr ? 0 : 0.75 * dpr, 1.5 * dpr], 16);
  view.set([c.plate, c.line, c.scored, c.low, c.high, c.moved, c.off, c.text].flatMap(rgba), 20);
  return view;
}

/** Draws onto the canvas; resolves when it is there. */
export async function draw(painter: Painter, canvas: HTMLCanvasElement, scene: Scene): Promise<void> {
  const [width, height] = [scene.size.width, scene.size.height].map((x) => Math.max(1, Math.round(x * scene.dpr)));
  const picture = await frame(painter, width, height, viewOf(scene));
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const c = canvas.getContext('2d');
  if (!c) return;
  c.putImageData(picture, 0, 0);
  c.setTransform(scene.dpr, 0, 0, scene.dpr, 0, 0);
  names(c, scene);
}

/** The name over each plate, and the layer's number left of its plates, where there is room to read them. */
function names(c: CanvasRenderingContext2D, { camera, layout, size, colours }: Scene): void {
  const px = Math.min(12, scaleOf(camera) * NAME * 0.72);
  c.fillStyle = colours.muted;
  c.textBaseline = 'alphabetic';
  c.textAlign = 'left';
  const seen = (x: number, y: number) => x > -80 && x < size.width + 20 && y > -20 && y < size.height + 20;
  if (px >= 6.5) {
    c.font = `${px}px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace`;
    for (const m of layout.matrices) {
      const [x, y] = toCanvas(camera, m.x, m.y);
      if (seen(x, y)) c.fillText(m.module.replace('_proj', ''), x, y - px * 0.35, (m.w + GAP) * scaleOf(camera)); // narrowed, not over its neighbour's
    }
  }
  const [high] = layout.layers.map(({ h }) => h * scaleOf(camera));
  if (!(high >= 9)) return;
  const own = Math.max(9, Math.min(12, px));
  c.font = `${own}px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace`;
  c.textAlign = 'right';
  c.textBaseline = 'top';
  for (const l of layout.layers) {
    const [x, y] = toCanvas(camera, l.x, l.y);
    if (seen(x, y)) c.fillText(String(l.layer), x - own * 0.5, y);
  }
}

/** `#rrggbb` or, as style sheets are made small, `#rgb`. */
function rgba(hex: string): number[] {
  const long =
    hex.length === 4
      ? [...hex]
          .map((c) => c + c)
          .join('')
          .slice(1)
      : hex;
  return [1, 3, 5].map((at) => Number.parseInt(long.slice(at, at + 2), 16) / 255).concat(1);
}
