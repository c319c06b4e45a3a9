// The chosen blocks as a small picture: a panel for each module, layers from top to bottom, in each the matrix's map of blocks
// condensed to a few cells. The more of a cell's blocks are chosen, the brighter it is.

import type { Line } from '../report.ts';
import { percent } from '../words.ts';
import { LABEL, padded, paint, paint256, type Terminal } from './terminal.ts';

type Selection = Extract<Line, { kind: 'selection' }>;
type Model = Extract<Line, { kind: 'model' }>;

/** Characters of a panel's name. */
const NAME = 4;
/** Lines of text that the layers of a deep model are laid together in. */
const MOST_LINES = 16;

/** The picture, line by line: of the targets, and of every module that has a chosen block. */
export function picture(t: Terminal, s: Selection, model: Model, targets: string[]): string[] {
  const modules = Object.keys(model.modules).filter((m) => targets.includes(m) || s.blocks.some((b) => b.module === m));
  const rows = rowsOf(model.layers);
  const label = Math.max(6, ...rows.map((r) => nameOf(r).length));
  // colours make the ground of a panel visible; without them it needs edges
  const edges = t.colors === 256 && t.unicode ? ['', ''] : t.unicode ? ['▏', '▕'] : ['|', '|'];
  const narrowest = NAME + 2 * edges[0].length + 2;
  const abreast = abreastOf(modules.length, Math.floor((t.width - LABEL - label) / narrowest));
  const room = Math.floor((t.width - LABEL - label) / abreast) - 4;
  const panels = modules.map((module) => panel(t, s, model.modules[module], module, rows, room));
  const most = panels.flatMap((p) => p.grids.flat(2)).reduce((a, b) => Math.max(a, b));
  const line = (name: string, group: Panel[], cell: (p: Panel) => string) =>
    `${paint(t, 'dim', name.padStart(label))}  ${group.map((p) => padded(cell(p), Math.max(p.width, NAME) + 2 * edges[0].length)).join('  ')}`.trimEnd();
  const groups = Array.from({ length: Math.ceil(panels.length / abreast) }, (_, i) =>
    panels.slice(i * abreast, (i + 1) * abreast),
  );
  return groups.flatMap((group) => [
    line('layer', group, (p) => p.module.replace('_proj', '')),
    ...rows.map((r, i) => line(nameOf(r), group, (p) => edges[0] + draw(t, p.grids[i], most) + edges[1])),
    line('blocks', group, (p) => String(p.chosen)),
  ]);
}

/** Panels side by side where at most `fit` fit: as many in each line of them. */
const abreastOf = (panels: number, fit: number) => Math.ceil(panels / Math.ceil(panels / Math.max(1, fit)));

interface Panel {
  module: string;
  /** Characters. */
  width: number;
  chosen: number;
  /** For each row of text the share of chosen blocks in each of its cells, [down, across]. */
  grids: number[][][];
}

function panel(t: Terminal, s: Selection, shape: readonly number[], module: string, rows: Layers[], room: number): Panel {
  const map = { rows: shape[0] / s.block, cols: shape[1] / s.block };
  const width = Math.max(2, Math.min(room, 16, map.cols));
  const own = s.blocks.filter((b) => b.module === module);
  const grids = rows.map((r) => condense(own, r, map, across(t, width), down(t)));
  return { module, width, chosen: own.length, grids };
}

/** Layers first <= layer <= last: they share a row of text. */
interface Layers {
  first: number;
  last: number;
}

function rowsOf(layers: number): Layers[] {
  const together = Math.ceil(layers / MOST_LINES);
  return Array.from({ length: Math.ceil(layers / together) }, (_, i) => ({
    first: i * together,
    last: Math.min(layers, (i + 1) * together) - 1,
  }));
}

const nameOf = ({ first, last }: Layers) => (last > first ? `${first}-${last}` : String(first));

/** What was chosen, in a sentence. */
export function chosen(s: Selection): string {
  return `${s.blocks.length} blocks of ${s.block} x ${s.block}: ${percent(s.share_targets)} of the targets, ${percent(s.share_model)} of the model`;
}

// A character holds two cells one above the other where it can be drawn in two colours, 2 x 4 dots of braille without
// colours, and one in ASCII.
const across = (t: Terminal, width: number) => (t.colors < 256 && t.unicode ? 2 * width : width);
const down = (t: Terminal) => (t.unicode ? (t.colors < 256 ? 4 : 2) : 1);

/** Share of chosen blocks in each cell of a grid [height, width] laid over the maps of a row's layers, one below the other. */
function condense(blocks: Selection['blocks'], row: Layers, map: { rows: number; cols: number }, width: number, height: number) {
  const tall = map.rows * (row.last - row.first + 1);
  const grid = Array.from({ length: height }, () => new Array<number>(width).fill(0));
  for (const b of blocks) {
    if (b.layer < row.first || b.layer > row.last) continue;
    for (const [y, dy] of overlaps((b.layer - row.first) * map.rows + b.row, tall, height))
      for (const [x, dx] of overlaps(b.col, map.cols, width)) grid[y][x] += dx * dy;
  }
  return grid;
}

/** The cells that block `at` of `all` lies in, of `cells` laid over all of them, and how much of each cell it takes. */
function overlaps(at: number, all: number, cells: number): [cell: number, share: number][] {
  const [lo, hi] = [(at * cells) / all, ((at + 1) * cells) / all];
  const first = Math.floor(lo + 1e-9);
  const n = Math.max(1, Math.ceil(hi - 1e-9) - first);
  return Array.from({ length: n }, (_, i) => [first + i, Math.min(hi, first + i + 1) - Math.max(lo, first + i)]);
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
