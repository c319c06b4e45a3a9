// An adapter in PEFT's form. LoRA and DoRA are that already. Blocks are a sum of outer products: one factor picks the rows or columns
// that they lie in, whichever are fewer, the other holds their values, so nothing is lost; or, truncated to a rank, as little as can be.
// All matrices get one rank, and alpha is that rank, so that programs that know neither rank_pattern nor alpha_pattern scale by 1.

import { setting } from '../setting.ts';
import type { Adapter, SmtAdapter, SmtMatrix } from './adapter.ts';
import type { PeftAdapter, PeftMatrix } from './adapter-peft.ts';
import { lowRank } from './svd.ts';

export interface AsLora {
  adapter: PeftAdapter;
  notes: string[];
}

/** The adapter as PEFT knows it; svd: the rank that blocks are truncated to. */
export function asLora(adapter: Adapter, svd?: number): AsLora {
  if (adapter.method !== 'smt') {
    if (svd === undefined) return { adapter, notes: [] };
    throw new Error(
      `expected an adapter of blocks with ${setting('svd')}, got one of ${adapter.method}, whose rank is ${adapter.rank}; leave ${setting('svd')} out`,
    );
  }
  return svd === undefined ? exact(adapter) : truncated(adapter, svd);
}

function exact(adapter: SmtAdapter): AsLora {
  const { block } = adapter;
  const rank = block * Math.max(1, ...adapter.matrices.map((matrix) => Math.min(rowsOf(matrix).length, colsOf(matrix).length)));
  const matrices = adapter.matrices.map((matrix): PeftMatrix => {
    const shape = adapter.base.shapes[matrix.name];
    // made when they are asked for: at a high rank all of them together are larger than the model
    return {
      name: matrix.name,
      shape,
      get A() {
        return factors(matrix, shape, block, rank).A;
      },
      get B() {
        return factors(matrix, shape, block, rank).B;
      },
    };
  });
  const text = `the blocks are a LoRA of rank ${rank} without any error; ${setting('svd')} R makes a smaller one, and says what it loses`;
  return { adapter: peft(adapter, rank, matrices), notes: [text] };
}

/** A picks columns and B holds the blocks, or B picks rows and A holds them. */
function factors(matrix: SmtMatrix, [out, inner]: [number, number], b: number, rank: number) {
  const [rows, cols] = [rowsOf(matrix), colsOf(matrix)];
  const A = new Float32Array(rank * inner);
  const B = new Float32Array(out * rank);
  const byRows = rows.length < cols.length;
  const [picked, places] = [byRows ? rows : cols, new Map((byRows ? rows : cols).map((at, i) => [at, i * b]))];
  for (const [i, at] of picked.entries())
    for (let j = 0; j < b; j++) {
      if (byRows) B[(at * b + j) * rank + i * b + j] = 1;
      else A[(i * b + j) * inner + at * b + j] = 1;
    }
  each(matrix, b, (value, r, c) => {
    if (byRows) A[(places.get(Math.floor(r / b))! + (r % b)) * inner + c] = value;
    else B[r * rank + places.get(Math.floor(c / b))! + (c % b)] = value;
  });
  return { A, B };
}

function truncated(adapter: SmtAdapter, rank: number): AsLora {
  const { block: b } = adapter;
  const made = adapter.matrices.map((matrix) => {
    const shape = adapter.base.shapes[matrix.name];
    const [rows, cols] = [places(rowsOf(matrix), b), places(colsOf(matrix), b)];
    const [m, n] = [rows.size, cols.size];
    const dense = new Float32Array(m * n);
    each(matrix, b, (value, r, c) => (dense[rows.get(r)! * n + cols.get(c)!] = value));
    const { A: thinA, B: thinB, lost, norm } = lowRank(dense, m, n, rank);
    const [A, B] = [new Float32Array(rank * shape[1]), new Float32Array(shape[0] * rank)];
    for (const [c, j] of cols) for (let k = 0; k < rank; k++) A[k * shape[1] + c] = thinA[k * n + j];
    for (const [r, i] of rows) B.set(thinB.subarray(i * rank, (i + 1) * rank), r * rank);
    return { matrix: { name: matrix.name, shape, A, B }, lost, norm };
  });
  const share = (of: { lost: number; norm: number }[]) =>
    Math.sqrt(sum(of, (o) => o.lost ** 2) / (sum(of, (o) => o.norm ** 2) || 1));
  const worst = made.reduce((a, b) => (share([b]) > share([a]) ? b : a));
  const text = `rank ${rank} loses ${percent(share(made))} of what was trained (root of the squares), at most ${percent(share([worst]))}, in ${worst.matrix.name}`;
  const matrices = made.map(({ matrix }) => matrix);
  return { adapter: peft(adapter, rank, matrices), notes: [text] };
}

const percent = (share: number) => `${Number((100 * share).toPrecision(3))} %`;
const sum = <T>(of: T[], value: (one: T) => number) => of.reduce((total, one) => total + value(one), 0);

function peft({ base, matrices: all }: SmtAdapter, rank: number, matrices: PeftMatrix[]): PeftAdapter {
  const names = all.map(({ name }) => name.replace(/\.weight$/, ''));
  const kinds = [...new Set(names.map((name) => name.split('.').at(-1)!))];
  // a module without blocks has no factors in the file: then every module is named
  const every = Object.keys(base.shapes).filter((name) => kinds.some((kind) => name.endsWith(`.${kind}.weight`)));
  const sha256 = Object.fromEntries(all.map(({ name }) => [name, base.sha256[name]]));
  const targets = every.length === all.length ? kinds : names;
  return { method: 'lora', rank, alpha: rank, use_rslora: false, dropout: 0, targets, base: '', sha256, matrices };
}

const rowsOf = ({ index }: SmtMatrix) => sorted(index.filter((_, i) => i % 2 === 0));
const colsOf = ({ index }: SmtMatrix) => sorted(index.filter((_, i) => i % 2 === 1));
const sorted = (places: Int32Array) => [...new Set(places)].sort((a, b) => a - b);

/** Rows or columns of the matrix to places one after the other, of all blocks in order. */
const places = (blocks: number[], b: number) =>
  new Map(blocks.flatMap((at, i) => Array.from({ length: b }, (_, j) => [at * b + j, i * b + j] as const)));

/** Every value of the blocks with its row and column in the matrix. */
function each({ index, blocks }: SmtMatrix, b: number, take: (value: number, r: number, c: number) => void): void {
  for (let k = 0; k < index.length / 2; k++)
    for (let i = 0; i < b; i++)
      for (let j = 0; j < b; j++) take(blocks[(k * b + i) * b + j], index[2 * k] * b + i, index[2 * k + 1] * b + j);
}
