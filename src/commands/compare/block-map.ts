// The chosen blocks of a run as a picture (SVG): layers by rows, modules by columns.

import { type ComponentChildren as Content, h } from 'preact';
import type { Document } from './document.ts';
import type { Result } from './result.ts';

/** Pixels: of a matrix, between matrices, and of the names beside and above them. */
const [CELL_W, CELL_H, GAP, LEFT, TOP] = [38, 30, 5, 22, 16];

/** In each matrix its chosen blocks, the stronger the more of the update lies in them. colour: the name of a CSS variable. */
export function blockMap({ blocks }: Result, { modules, layers }: Document['model'], colour: string): Content {
  const { block, moved } = blocks!;
  const names = Object.keys(modules);
  const most = moved.reduce((n, { share }) => Math.max(n, share), 1e-12);
  const [width, height] = [LEFT + names.length * (CELL_W + GAP), TOP + layers * (CELL_H + GAP)];
  const at = (layer: number, module: string) => [LEFT + names.indexOf(module) * (CELL_W + GAP), TOP + layer * (CELL_H + GAP)];
  const word = (x: number, y: number, text: string) => h('text', { x, y }, text);
  const rect = (kind: string, x: number, y: number, width: number, height: number, opacity?: string) =>
    h('rect', { class: kind, x: two(x), y: two(y), width: two(width), height: two(height), opacity });
  const rows = Array.from({ length: layers }, (_, l) => [
    word(0, at(l, names[0])[1] + CELL_H / 2 + 3, String(l)),
    ...names.map((m) => rect('matrix', at(l, m)[0], at(l, m)[1], CELL_W, CELL_H)),
  ]);
  const filled = moved.map(({ layer, module, row, col, share }) => {
    const [x, y] = at(layer, module);
    const [w, height] = [(CELL_W * block) / modules[module][1], (CELL_H * block) / modules[module][0]];
    return rect('block', x + col * w, y + row * height, w, height, (0.25 + 0.75 * Math.sqrt(share / most)).toFixed(2));
  });
  const heads = names.map((m) => word(at(0, m)[0], 10, m.replace('_proj', '')));
  return h('svg', { viewBox: `0 0 ${width} ${height}`, style: `--c: var(${colour})`, role: 'img' }, heads, rows, filled);
}

const two = (x: number) => String(Number(x.toFixed(2)));
