// A program at one size as a table: the bytes of all its uniform records, and what to encode. Dispatches that would take too long,
// or have more workgroups an axis than WebGPU allows, are cut here. No GPU.

import { type PlannedProgram, RECORD } from './plan.ts';
import { type Dims, type Entry, type Grid, type Kernel, type Program, trace } from './program.ts';

/** A program at one size: what to write into the uniform buffer, and what to encode. */
export interface Table {
  program: Program;
  params: Uint8Array<ArrayBuffer>;
  steps: Step[];
  rate: number;
}

export type Step =
  | { op: 'run'; entry: number; offset: number; grid: Grid; cost: number }
  | { op: 'copy' | 'clear'; entry: number; cost: number };

/** Aim for a submit: long ones freeze screens and trip watchdogs. */
export const SUBMIT_MS = 50;
/** Cost units: a FLOP is one, a byte moved four. */
const costOf = (e: Entry) => (e.op === 'run' ? e.flops + 4 * e.bytes : e.op === 'copy' ? 8 * e.bytes : 0);
const MOST_GROUPS = 65535;

/** The table of a planned program, cut for a device of `rate` cost units a millisecond; `have`: the same for another speed. */
export function makeTable({ part, largest, records }: PlannedProgram, dims: Dims, rate: number, have?: Table): Table {
  const same = JSON.stringify(dims) === JSON.stringify(largest.dims);
  const program = have?.program ?? (same ? largest : trace(largest.name, part.build, dims, largest.limits, largest));
  const params = new Uint8Array(records * RECORD);
  const view = new DataView(params.buffer);
  const steps: Step[] = [];
  let used = 0;
  let spare = records - program.entries.filter((e) => e.op === 'run').length;
  program.entries.forEach((e, entry) => {
    const cost = costOf(e);
    if (e.op !== 'run') {
      steps.push({ op: e.op, entry, cost });
      return;
    }
    if (e.grid.some((g) => g === 0)) return;
    for (const piece of pieces(e.grid, Math.min(spare + 1, Math.ceil(cost / (rate * SUBMIT_MS))))) {
      const offset = used++ * RECORD;
      writeParams(view, offset, e.kernel, piece.origin, e.params);
      steps.push({ op: 'run', entry, offset, grid: piece.grid, cost: (cost * volume(piece.grid)) / volume(e.grid) });
    }
    spare = records - used - program.entries.slice(entry + 1).filter((x) => x.op === 'run').length;
  });
  return { program, params, steps, rate };
}

const volume = (g: Grid) => g[0] * g[1] * g[2];

/** Cuts a grid along its longest axis into about `parts` pieces, more where WebGPU's 65,535 groups an axis ask for it. */
function pieces(grid: Grid, parts: number): { origin: Grid; grid: Grid }[] {
  const axis = grid.indexOf(Math.max(...grid));
  const n = Math.min(grid[axis], Math.max(1, parts, Math.ceil(grid[axis] / MOST_GROUPS)));
  const size = Math.ceil(grid[axis] / n);
  const out = [];
  for (let at = 0; at < grid[axis]; at += size) {
    const origin: [number, number, number] = [0, 0, 0];
    const g: [number, number, number] = [grid[0], grid[1], grid[2]];
    origin[axis] = at;
    g[axis] = Math.min(size, grid[axis] - at);
    out.push({ origin, grid: g });
  }
  return out;
}

function writeParams(view: DataView, at: number, kernel: Kernel, origin: Grid, values: number[]): void {
  let i = 0;
  for (const f of kernel.linked.params) {
    if (f.name === 'origin') {
      origin.forEach((o, axis) => view.setUint32(at + f.offset + 4 * axis, o, true));
      continue;
    }
    const v = values[i++];
    if (f.type === 'f32') view.setFloat32(at + f.offset, v, true);
    else if (f.type === 'i32') view.setInt32(at + f.offset, v, true);
    else if (Number.isInteger(v) && v >= 0 && v <= 0xffffffff) view.setUint32(at + f.offset, v, true);
    else throw new Error(`kernel ${kernel.name}: expected a u32 for ${f.name}, got ${v}`);
  }
}
