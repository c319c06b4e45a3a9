// The chosen blocks as a small picture: a panel for each module, layers from top to bottom, in each the matrix's map of blocks
// condensed to a few cells. The more of a cell's blocks are chosen, the brighter it is.

import type { Line } from '../tune/report.ts';
import { padded, paint, paint256, type Terminal } from './terminal.ts';
import { percent } from './words.ts';

type Selection = Extract<Line, { kind: 'selection' }>;
type Model = Extract<Line, { kind: 'model' }>;

/** Lines of text that the layers of a deep model are laid together in. */
const MOST_LINES = 16;

/** The picture, line by line. */
export function picture(t: Terminal, s: Selection, model: Model): string[] {
  const modules = Object.keys(model.modules).filter((m) => s.blocks.some((b) => b.module === m));
  const together = Math.ceil(model.layers / MOST_LINES);
  const lines = Math.ceil(model.layers / together);
  const layer = String(model.layers - 1).length * (together > 1 ? 2 : 1) + (together > 1 ? 1 : 0);
  const label = Math.max(5, layer);
  const room = Math.floor((t.width - label - 3 * modules.length) / modules.length);
  const panels = modules.map((module) => {
    const [rows, cols] = model.modules[module].map((n) => n / s.block);
    const width = Math.max(4, Math.min(room, 12, cols));
    const own = s.blocks.filter((b) => b.module === module);
    const grids = Array.from({ length: lines }, (_, i) => {
      const first = i * together;
      const here = Math.min(together, model.layers - first);
      return condense(
        own.filter((b) => b.layer >= first && b.layer < first + here),
        first,
        here,
        { rows, cols },
        across(t, width),
        down(t),
      );
    });
    return { name: module.replace('_proj', ''), width, chosen: own.length, all: rows * cols * model.layers, grids };
  });
  const most = Math.max(...panels.flatMap((p) => p.grids.flat(2)));
  const head = panels.map((p) => padded(p.name, p.width + 2)).join(' ');
  const foot = panels.map((p) => padded(String(p.chosen), p.width + 2)).join(' ');
  const body = Array.from({ length: lines }, (_, i) => {
    const first = i * together;
    const last = Math.min(model.layers, first + together) - 1;
    const name = (last > first ? `${first}-${last}` : String(first)).padStart(label);
    const edge = paint(t, 'dim', t.unicode ? '▏' : '|');
    return `${paint(t, 'dim', name)} ${panels.map((p) => `${edge}${draw(t, p.grids[i], most)}${paint(t, 'dim', t.unicode ? '▕' : '|')}`).join(' ')}`;
  });
  return [
    `${padded('layer', label)}  ${head}`,
    ...body,
    `${paint(t, 'dim', padded('blocks', label))}${label > 5 ? '  ' : ' '}${foot}`,
  ];
}

/** What was chosen, in a sentence. */
export function chosen(s: Selection): string {
  return `${s.blocks.length} blocks of ${s.block} x ${s.block}: ${percent(s.share_targets)} of the targets, ${percent(s.share_model)} of the model`;
}

// A character holds two cells one above the other where it can be drawn in two colours, 2 x 4 dots of braille without
// colours, and one in ASCII.
const across = (t: Terminal, width: number) => (t.colors < 256 && t.unicode ? 2 * width : width);
const down = (t: Terminal) => (t.unicode ? (t.colors < 256 ? 4 : 2) : 1);

/** Share of chosen blocks in each cell of a grid laid over the maps of `layers` layers, one below the other. */
function condense(
  blocks: Selection['blocks'],
  first: number,
  layers: number,
  map: { rows: number; cols: number },
  width: number,
  height: number,
): number[][] {
  const tall = map.rows * layers;
  const grid = Array.from({ length: height }, () => new Array<number>(width).fill(0));
  const spread = (from: number, all: number, cells: number) => {
    const [lo, hi] = [(from * cells) / all, ((from + 1) * cells) / all];
    const parts: [cell: number, share: number][] = [];
    for (let c = Math.floor(lo); c < Math.min(cells, Math.ceil(hi - 1e-9)); c++)
      parts.push([c, Math.min(hi, c + 1) - Math.max(lo, c)]);
    return parts;
  };
  for (const b of blocks)
    for (const [y, dy] of spread((b.layer - first) * map.rows + b.row, tall, height))
      for (const [x, dx] of spread(b.col, map.cols, width)) grid[y][x] += dx * dy;
  return grid;
}

const RAMP = [236, 24, 30, 36, 42, 77, 113, 149, 185, 221, 228];

function draw(t: Terminal, grid: number[][], most: number): string {
  const level = (share: number, steps: number) => (share <= 1e-9 ? 0 : Math.max(1, Math.round((share / most) * (steps - 1))));
  if (t.colors === 256 && t.unicode) {
    const color = (share: number) => RAMP[level(share, RAMP.length)];
    return grid[0].map((upper, x) => paint256(color(upper), '▀', color(grid[1][x]))).join('');
  }
  if (t.unicode) return braille(grid);
  return grid[0].map((share) => ' .:+*#'[level(share, 6)]).join('');
}

// Dots 1 2 3 7 are the left column from the top, 4 5 6 8 the right.
const DOTS = [0x01, 0x08, 0x02, 0x10, 0x04, 0x20, 0x40, 0x80];

function braille(grid: number[][]): string {
  return Array.from({ length: grid[0].length / 2 }, (_, x) => {
    const bits = DOTS.filter((_, i) => grid[i >> 1][2 * x + (i & 1)] > 1e-9);
    return String.fromCodePoint(0x2800 + bits.reduce((a, b) => a + b, 0));
  }).join('');
}
