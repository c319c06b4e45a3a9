// An adapter added into its base on the CPU: every weight as a stream of rows, decoded, changed where the adapter says so, and
// rounded once to the new dtype. What trains on a device is not known here; the result goes to export-hf.ts.

import type { EncodableFormat } from '../formats.ts';
import { type Adapter, checkAdapter, partsOf, type SmtAdapter, type SmtMatrix } from './adapter.ts';
import { type PeftAdapter, type PeftMatrix, rankOf, scaleOf } from './adapter-peft.ts';
import { decode } from './dequant.ts';
import { encode } from './quant.ts';
import { recode } from './recode.ts';
import { rowCount, type TensorInfo } from './tensors.ts';

/** The model's weights as `dtype`, the adapter's added. Throws where the adapter is another model's. */
export function mergedTensors(
  tensors: Map<string, TensorInfo>,
  adapter: Adapter | undefined,
  dtype: EncodableFormat,
  seen?: Seen,
): { name: string; shape: number[]; bytes: () => AsyncIterable<Uint8Array> }[] {
  const changes = changesOf(tensors, adapter);
  return [...tensors.values()].map((tensor) => ({
    name: tensor.name,
    shape: tensor.shape,
    bytes: () => mergedRows(tensor, changes.get(tensor.name), dtype, { seen }),
  }));
}

/** What an adapter, where there is one, does to these weights. Throws where it is another model's. */
export function changesOf(tensors: Map<string, TensorInfo>, adapter: Adapter | undefined): Map<string, RowChange> {
  if (adapter) checkAdapter(adapter, new Map([...tensors].map(([name, { shape }]) => [name, shape])));
  return adapter ? rowChanges(adapter) : new Map();
}

// Changes row r of a weight in place: values [in], f32.
export type RowChange = (values: Float32Array, r: number) => void;

const PIECE = 1 << 20;

/** Whether any stored byte became another than without the adapter; undefined where no change was seen. */
export interface Seen {
  differs?: boolean;
}

/**
 * A weight as `format`, the change made: whole rows, in pieces of a multiple of `unit` of them. What does not change and keeps its
 * format moves as bytes. `seen` is told whether the change outlives the rounding.
 */
export async function* mergedRows(
  tensor: TensorInfo,
  change: RowChange | undefined,
  format: EncodableFormat,
  { unit = 1, seen = {} }: { unit?: number; seen?: Seen } = {},
): AsyncGenerator<Uint8Array> {
  const n_rows = rowCount(tensor.shape);
  const width = tensor.shape.at(-1) ?? 1;
  const step = unit * Math.max(1, Math.floor(PIECE / width / unit));
  for (let r0 = 0; r0 < n_rows; r0 += step) {
    const r1 = Math.min(n_rows, r0 + step);
    const stored = await tensor.rows(r0, r1);
    const count = (r1 - r0) * width;
    if (!change) {
      yield recode(tensor.format, stored, format, count);
      continue;
    }
    const values = decode(tensor.format, stored, count);
    const untrained = seen.differs ? undefined : encode(format, values);
    for (let r = r0; r < r1; r++) change(values.subarray((r - r0) * width, (r - r0 + 1) * width), r);
    const bytes = encode(format, values);
    if (untrained) seen.differs = bytes.some((byte, i) => byte !== untrained[i]);
    yield bytes;
  }
}

/** What an adapter does to the rows of each weight that it changes, by the weight's name. */
export function rowChanges(adapter: Adapter): Map<string, RowChange> {
  const changes = new Map<string, RowChange>();
  for (const part of partsOf(adapter))
    for (const [name, change] of changesBy(part)) {
      const before = changes.get(name);
      changes.set(name, before ? (values, r) => [before, change].forEach((each) => each(values, r)) : change);
    }
  return changes;
}

function changesBy(part: SmtAdapter | PeftAdapter): [string, RowChange][] {
  if ('block' in part) return part.matrices.map((matrix) => [matrix.name, addBlocks(matrix, part.block)]);
  return part.matrices.map((matrix) => [matrix.name, addLowRank(matrix, part)]);
}

function addBlocks({ index, blocks }: SmtMatrix, b: number): RowChange {
  const inRow = new Map<number, number[]>();
  for (let k = 0; k < index.length / 2; k++) {
    const there = inRow.get(index[2 * k]);
    if (there) there.push(k);
    else inRow.set(index[2 * k], [k]);
  }
  return (values, r) => {
    for (const k of inRow.get(Math.floor(r / b)) ?? []) {
      const [from, to] = [k * b * b + (r % b) * b, index[2 * k + 1] * b];
      for (let j = 0; j < b; j++) values[to + j] += blocks[from + j];
    }
  };
}

// W + scale B A, summed in f64; DoRA gives each row the length that it learned.
function addLowRank(matrix: PeftMatrix, adapter: PeftAdapter): RowChange {
  const { A, B, magnitude } = matrix;
  const [rank, scale] = [rankOf(adapter, matrix), scaleOf(adapter, matrix)];
  return (values, r) => {
    const row = Float64Array.from(values);
    for (let k = 0; k < rank; k++) {
      const factor = scale * B[r * rank + k];
      for (let i = 0; i < row.length; i++) row[i] += factor * A[k * row.length + i];
    }
    const length = magnitude ? magnitude[r] / Math.sqrt(row.reduce((sum, x) => sum + x * x, 0)) : 1;
    for (let i = 0; i < row.length; i++) values[i] = length * row[i];
  };
}
