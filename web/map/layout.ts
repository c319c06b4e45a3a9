// Where every matrix and block of the map lies, in blocks. A layer is a cluster of plates: what reads the residual stream stands
// left (q over k over v, gate, up), what writes to it right (o over down), all to one scale. Clusters wrap to fill the canvas.

import type { BlockPlace } from '../../src/report.ts';
import type { Matrix } from '../protocol.ts';

export interface Placed extends Matrix {
  /** In blocks, the top left corner and the size. */
  x: number;
  y: number;
  w: number;
  h: number;
}

export interface MapLayout {
  block: number;
  matrices: Placed[];
  /** Top left corner of each layer's plates and their height. */
  layers: { layer: number; x: number; y: number; h: number }[];
  width: number;
  height: number;
}

/** Plates of a layer from left to right, each column from top to bottom. */
const COLUMNS = [['q_proj', 'k_proj', 'v_proj'], ['gate_proj'], ['up_proj'], ['o_proj', 'down_proj']];
/** Blocks between plates side by side, above each plate for its name, and between clusters. */
export const GAP = 1.25;
export const NAME = 2.25;
const BETWEEN = { x: 5, y: 1.5 };

/** Lays out matrices [rows, cols] of block edge b for a canvas of an aspect (width over height). */
export function mapLayout(matrices: readonly Matrix[], b: number, aspect: number): MapLayout {
  const layers = [...new Set(matrices.map((m) => m.layer))].sort((a, c) => a - c);
  const clusters = layers.map((layer) => ({
    layer,
    ...cluster(
      matrices.filter((m) => m.layer === layer),
      b,
    ),
  }));
  const w = Math.max(0, ...clusters.map((c) => c.width)) + BETWEEN.x;
  const h = Math.max(0, ...clusters.map((c) => c.height)) + BETWEEN.y;
  const across = bestAcross(layers.length, w, h, aspect);
  const placed = clusters.map((c, i) => ({ ...c, x: w * (i % across), y: h * Math.floor(i / across) }));
  return {
    block: b,
    matrices: placed.flatMap((c) => c.plates.map((p) => ({ ...p, x: p.x + c.x, y: p.y + c.y }))),
    layers: placed.map(({ layer, x, y, height }) => ({ layer, x, y: y + NAME, h: height - NAME })),
    width: Math.max(1, w * across - BETWEEN.x),
    height: Math.max(1, h * Math.ceil(layers.length / across) - BETWEEN.y),
  };
}

/** The matrix and block under a point of the map; null between them. */
export function blockAt(layout: MapLayout, x: number, y: number): { matrix: Placed; row: number; col: number } | null {
  const matrix = layout.matrices.find((m) => x >= m.x && x < m.x + m.w && y >= m.y && y < m.y + m.h);
  return matrix ? { matrix, row: Math.floor(y - matrix.y), col: Math.floor(x - matrix.x) } : null;
}

/** The same of a block by its name; null where the map has no such matrix. */
export function placeOf(layout: MapLayout, { layer, module, row, col }: BlockPlace): ReturnType<typeof blockAt> {
  const matrix = layout.matrices.find((m) => m.layer === layer && m.module === module);
  return matrix ? { matrix, row, col } : null;
}

function cluster(matrices: Matrix[], b: number): { plates: Placed[]; width: number; height: number } {
  const plates: Placed[] = [];
  let [x, height] = [0, 0];
  for (const modules of COLUMNS) {
    let [y, width] = [0, 0];
    for (const module of modules) {
      const m = matrices.find((each) => each.module === module);
      if (!m) continue;
      const [w, h] = [Math.ceil(m.cols / b), Math.ceil(m.rows / b)];
      plates.push({ ...m, x, y: y + NAME, w, h });
      y += NAME + h;
      width = Math.max(width, w);
    }
    if (width) x += width + GAP;
    height = Math.max(height, y);
  }
  return { plates, width: Math.max(0, x - GAP), height };
}

/** Clusters side by side that leave blocks largest. */
function bestAcross(n: number, w: number, h: number, aspect: number): number {
  const scale = (across: number) => Math.min(aspect / (across * w), 1 / (Math.ceil(n / across) * h));
  let best = 1;
  for (let across = 2; across <= n; across++) if (scale(across) > scale(best)) best = across;
  return best;
}
