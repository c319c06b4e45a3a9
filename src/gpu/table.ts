// A program at one size as a table: the bytes of all its uniform records, and what to encode. Dispatches that would take too long,
// or have more workgroups an axis than WebGPU allows, are cut here. No GPU.

import { entryMs, type Pace } from './pace.ts';
import { forcedPieces, MOST_GROUPS, type Part, RECORD, recordsOf, SUBMIT_MS } from './plan.ts';
import { type Dims, type Grid, type Kernel, type Program, trace } from './program.ts';

/** A program at one size: what to write into the uniform buffer, and what to encode. */
export interface Table {
  program: Program;
  params: Uint8Array<ArrayBuffer>;
  /** Entries and pieces of entries in their order; grid null for a copy or clear. offset: of the record in `params`; ms: estimated. */
  steps: { entry: number; grid: Grid | null; offset: number; ms: number }[];
  /** What it was cut for. */
  pace: Pace;
}

/**
 * The table of a planned program, cut for a device of this pace; `have`: the same for another.
 * Cuts that WebGPU asks for always have their records; cuts for time use only what those leave.
 */
export function makeTable(part: Part, dims: Dims, accumulate: 0 | 1, pace: Pace, have?: Table): Table {
  const { largest, records } = part;
  const same = !accumulate && JSON.stringify(dims) === JSON.stringify(largest.dims);
  const program =
    have?.program ?? (same ? largest : trace(largest.name, part.build, dims, largest.planning, { accumulate, largest }));
  const params = new Uint8Array(records * RECORD);
  const view = new DataView(params.buffer);
  const steps: Table['steps'] = [];
  let used = 0;
  let spare = records - recordsOf(program);
  if (spare < 0)
    throw new Error(
      `program ${program.name}: ${JSON.stringify(dims)} takes ${-spare} records more than ${records}, the largest's`,
    );
  program.entries.forEach((e, entry) => {
    const ms = entryMs(e, pace);
    if (e.op !== 'run') {
      steps.push({ entry, grid: null, offset: 0, ms });
      return;
    }
    const forced = forcedPieces(e.grid);
    const cut = pieces(e.grid, Math.min(forced + spare, Math.ceil(ms / SUBMIT_MS)));
    spare -= Math.max(0, cut.length - forced);
    for (const piece of cut) {
      const offset = used++ * RECORD;
      writeParams(view, offset, e.kernel, piece.origin, e.params);
      steps.push({ entry, grid: piece.grid, offset, ms: (ms * volume(piece.grid)) / volume(e.grid) });
    }
  });
  return { program, params, steps, pace };
}

/** The submits of a table on a device of this pace: steps from <= i < to, as many as fit the time of one, at least one. */
export function submitsOf(table: Pick<Table, 'steps' | 'pace'>, pace: Pace): { from: number; to: number; ms: number }[] {
  const { steps } = table;
  const slower = table.pace.tflops / pace.tflops;
  const submits = [];
  for (let from = 0, to = 0; from < steps.length; from = to) {
    let ms = 0;
    while (to < steps.length && (to === from || ms + slower * steps[to].ms <= SUBMIT_MS)) ms += slower * steps[to++].ms;
    submits.push({ from, to, ms });
  }
  return submits;
}

const volume = (g: Grid) => g[0] * g[1] * g[2];

/** Cuts a grid into as many pieces as it must be, and along its longest axis into more while they stay within `most`. */
function pieces(grid: Grid, most: number): { origin: Grid; grid: Grid }[] {
  if (volume(grid) === 0) return [];
  const cuts = grid.map((size) => Math.ceil(size / MOST_GROUPS));
  const axis = grid.indexOf(Math.max(...grid));
  const others = forcedPieces(grid) / cuts[axis];
  cuts[axis] = Math.min(grid[axis], Math.max(cuts[axis], Math.floor(most / others)));
  const [xs, ys, zs] = grid.map((size, i) => ranges(size, cuts[i]));
  return zs.flatMap((z) =>
    ys.flatMap((y) => xs.map((x) => ({ origin: [x.at, y.at, z.at] as const, grid: [x.size, y.size, z.size] as const }))),
  );
}

/** 0 <= i < size in at most `n` ranges of one size, the last one shorter. */
function ranges(size: number, n: number): { at: number; size: number }[] {
  const each = Math.ceil(size / n);
  return Array.from({ length: Math.ceil(size / each) }, (_, i) => ({ at: i * each, size: Math.min(each, size - i * each) }));
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
