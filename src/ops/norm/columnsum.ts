// Sums over the rows of a matrix, into the gradient of a vector: biases and norm weights. In a fixed order, so that the bits do not
// depend on how the work was spread: on GPUs in one dispatch, on software adapters in two stages that wait for nobody.

import columnsum from '../../../shaders/columnsum.wgsl?raw' with { type: 'text' };
import plain from '../../../shaders/columnsum_plain.wgsl?raw' with { type: 'text' };
import wide from '../../../shaders/columnsum_wide.wgsl?raw' with { type: 'text' };
import { adds, kernel, type Program, run, temp } from '../../gpu/program.ts';
import { rowsOf, type Tensor } from '../../gpu/tensor.ts';
import { lanesOf, workgroups } from '../elementwise/lanes.ts';

/** Rows that one invocation adds up one after the other. */
const CHUNK = 32;

/** What is summed: a WGSL part declaring `fn term(r: u32, c: u32) -> E`, and its bindings. */
export interface Term {
  part: string;
  bind: Record<string, Tensor>;
  consts?: Record<string, number>;
}

export const valuesOf = (values: Tensor): Term => ({
  part: plain,
  bind: { values: rowsOf(values).t },
  consts: columnsIn(values),
});

/** Constants of a term that reads columns of wider rows; none where they are all of the rows. */
export function columnsIn(t: Tensor): Record<string, number> {
  const { at, ld } = rowsOf(t);
  const { per } = lanesOf(t.shape[1]);
  return t.of ? { AT: at / per, LD: ld / per } : {};
}

/** grad[c] = sum over the rows of term(r, c); added to what is there where this is not the step's first micro-batch. */
export function columnSum(p: Program, term: Term, rows: number, cols: number, grad: Tensor): void {
  if (!p.planning.software) {
    atOnce(p, term, rows, cols, grad);
    return;
  }
  const chunks = Math.ceil(rows / CHUNK);
  const sums = temp(p, 'column_sums', [chunks, cols]);
  stage(p, term, rows, cols, CHUNK, sums, 0);
  stage(p, valuesOf(sums), chunks, cols, chunks, grad, adds(p, grad));
}

/** Columns of a workgroup: columnsum_wide.wgsl. */
const COLUMNS = 16;

function atOnce(p: Program, term: Term, rows: number, cols: number, out: Tensor): void {
  const { part, per } = lanesOf(cols);
  const params = { rows, cols: cols / per, accumulate: adds(p, out) };
  const grid = [Math.ceil(cols / per / COLUMNS)];
  run(p, kernel('columnsum_wide', [part, wide, term.part], term.consts), { ...term.bind, out }, params, grid, {
    flops: rows * cols,
  });
}

function stage(p: Program, term: Term, rows: number, cols: number, chunk: number, out: Tensor, accumulate: 0 | 1): void {
  const { part, per } = lanesOf(cols);
  const params = { rows, cols: cols / per, chunk, accumulate };
  const grid = [workgroups(cols / per), Math.ceil(rows / chunk)];
  run(p, kernel('columnsum', [part, columnsum, term.part], term.consts), { ...term.bind, out }, params, grid, {
    flops: rows * cols,
  });
}
