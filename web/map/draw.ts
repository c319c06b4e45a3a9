// Draws the map: every matrix as a plate, the chosen blocks on it coloured by rank, names beside them in pixels of their own.

import type { SelectionLine } from '../state.ts';
import { type Box, type Camera, scaleOf, toCanvas } from './camera.ts';
import { type MapLayout, NAME } from './layout.ts';

export interface Colours {
  plate: string;
  line: string;
  text: string;
  muted: string;
  /** From the last chosen block to the best. */
  ramp: string[];
}

export interface Scene {
  layout: MapLayout;
  blocks: SelectionLine['blocks'];
  /** Share of the blocks drawn, best first: they appear one after the other. */
  shown: number;
  /** The block pointed at, by its place on the map. */
  at: { x: number; y: number } | null;
}

export const MARGINS = { left: 22, top: 0, right: 2, bottom: 2 };

/** Colour steps of the ramp, by rank among n: the best block has the last colour. */
export function shade(rank: number, n: number, steps: number): number {
  return n < 2 ? steps - 1 : Math.round((1 - rank / (n - 1)) * (steps - 1));
}

export function draw(c: CanvasRenderingContext2D, size: Box, dpr: number, camera: Camera, scene: Scene, colours: Colours): void {
  c.setTransform(dpr, 0, 0, dpr, 0, 0);
  c.clearRect(0, 0, size.width, size.height);
  const [a, b, , , d, e, , , x, y] = camera;
  c.setTransform(dpr * a, dpr * b, dpr * d, dpr * e, dpr * x, dpr * y);
  plates(c, scene.layout, scaleOf(camera), colours);
  chosen(c, scene, scaleOf(camera), colours);
  if (scene.at) outline(c, scene.at, scaleOf(camera), colours);
  c.setTransform(dpr, 0, 0, dpr, 0, 0);
  names(c, camera, scene, colours);
}

function plates(c: CanvasRenderingContext2D, layout: MapLayout, scale: number, colours: Colours): void {
  c.fillStyle = colours.plate;
  for (const m of layout.matrices) c.fillRect(m.x, m.y, m.w, m.h);
  if (scale < 4) return;
  c.strokeStyle = colours.line;
  c.lineWidth = 1 / scale;
  c.beginPath();
  for (const m of layout.matrices) {
    for (let i = 0; i <= m.w; i++) line(c, m.x + i, m.y, m.x + i, m.y + m.h);
    for (let i = 0; i <= m.h; i++) line(c, m.x, m.y + i, m.x + m.w, m.y + i);
  }
  c.stroke();
}

function chosen(c: CanvasRenderingContext2D, { layout, blocks, shown }: Scene, scale: number, { ramp }: Colours): void {
  const at = new Map(layout.matrices.map((m) => [`${m.layer} ${m.module}`, m]));
  const inset = scale < 4 ? 0 : 0.75 / scale;
  // the best last, so that they lie on top where blocks are smaller than a pixel
  for (let i = Math.round(blocks.length * shown) - 1; i >= 0; i--) {
    const m = at.get(`${blocks[i].layer} ${blocks[i].module}`);
    if (!m) continue;
    c.fillStyle = ramp[shade(i, blocks.length, ramp.length)];
    c.fillRect(m.x + blocks[i].col + inset, m.y + blocks[i].row + inset, 1 - 2 * inset, 1 - 2 * inset);
  }
}

function outline(c: CanvasRenderingContext2D, { x, y }: { x: number; y: number }, scale: number, { text }: Colours): void {
  c.strokeStyle = text;
  c.lineWidth = 1.5 / scale;
  c.strokeRect(x, y, 1, 1);
}

/** The name over each plate, and the layer's number left of its plates, where there is room to read them. */
function names(c: CanvasRenderingContext2D, camera: Camera, { layout }: Scene, { muted }: Colours): void {
  const px = Math.min(12, scaleOf(camera) * NAME * 0.72);
  if (px < 6.5) return;
  c.fillStyle = muted;
  c.font = `${px}px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace`;
  c.textBaseline = 'alphabetic';
  c.textAlign = 'left';
  for (const m of layout.matrices) {
    const [x, y] = toCanvas(camera, m.x, m.y);
    c.fillText(m.module.replace('_proj', ''), x, y - px * 0.35);
  }
  c.textAlign = 'right';
  c.textBaseline = 'top';
  for (const l of layout.layers) {
    const [x, y] = toCanvas(camera, l.x, l.y);
    c.fillText(String(l.layer), x - px * 0.6, y);
  }
}

function line(c: CanvasRenderingContext2D, x0: number, y0: number, x1: number, y1: number): void {
  c.moveTo(x0, y0);
  c.lineTo(x1, y1);
}
