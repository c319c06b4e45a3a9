// An adapter in PEFT's form. LoRA and DoRA are that already. Blocks are a sum of outer products: one factor picks the rows or columns
// that they lie in, whichever are fewer, the other holds their values, so nothing is lost; or, truncated to a rank, as little as can be.
// Blocks and factors are the factors of both, one behind the other.
// All matrices get one rank, and alpha is that rank, so that programs that know neither rank_pattern nor alpha_pattern scale by 1.

import { setting } from '../setting.ts';
import { type Adapter, type MixedAdapter, matricesOf, type SmtAdapter, type SmtMatrix } from './adapter.ts';
import { type PeftAdapter, type PeftMatrix, rankOf, scaleOf } from './adapter-peft.ts';
import { lowRank } from './svd.ts';

export interface AsLora {
  adapter: PeftAdapter;
  notes: string[];
}

/** The adapter as PEFT knows it; svd: the rank that blocks are truncated to. */
export function asLora(adapter: Adapter, svd?: number): AsLora {
  if ('rank' in adapter) {
    if (svd === undefined) return { adapter, notes: unlike(adapter) };
    throw new Error(
      `expected an adapter of blocks with ${setting('svd')}, got one of ${adapter.method}, whose rank is ${adapter.rank}; leave ${setting('svd')} out`,
    );
  }
  const blocks = 'blocks' in adapter ? adapter.blocks : adapter;
  const { rank, matrices } = 'blocks' in adapter ? sum(adapter) : exact(adapter);
  if (svd !== undefined && svd > rank)
    throw new Error(
      `expected ${setting('svd')} to be at most ${rank}, the rank that loses nothing, got ${svd}; give less, or leave it out`,
    );
  if (svd !== undefined) return truncated(blocks, differencesOf(adapter), svd);
  const what = 'blocks' in adapter ? 'the blocks and factors are' : 'the blocks are';
  const text = `${what} a LoRA of rank ${rank} without any error; ${setting('svd')} R makes a smaller one, and says what it loses`;
  return { adapter: peft(blocks, rank, matrices), notes: [text] };
}

/** What programs must know that load an adapter whose matrices have ranks or alphas of their own. */
function unlike({ matrices }: PeftAdapter): string[] {
  if (matrices.every((m) => m.rank === undefined && m.alpha === undefined)) return [];
  return [
    'matrices have ranks or alphas of their own: programs that know no rank_pattern and alpha_pattern load it wrongly or not at all',
  ];
}

interface Factors {
  rank: number;
  matrices: PeftMatrix[];
}

function exact(adapter: SmtAdapter): Factors {
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
  return { rank, matrices };
}

/** The factors of the blocks with the factors behind them, their scale within B; what a matrix has not of both is zero. */
function sum(adapter: MixedAdapter): Factors {
  const { blocks, factors } = adapter;
  const own = exact(blocks);
  const rank = own.rank + Math.max(...factors.matrices.map((m) => rankOf(factors, m)));
  const matrices = matricesOf(adapter).map((name): PeftMatrix => {
    const [of, beside] = [own, factors].map(({ matrices }) => matrices.find((matrix) => matrix.name === name));
    const { shape } = (of ?? beside)!;
    const [low, scale] = beside ? [rankOf(factors, beside), scaleOf(factors, beside)] : [0, 0];
    return {
      name,
      shape,
      get A() {
        const A = new Float32Array(rank * shape[1]);
        if (of) A.set(of.A);
        if (beside) A.set(beside.A, own.rank * shape[1]);
        return A;
      },
      get B() {
        const B = new Float32Array(shape[0] * rank);
        const [first, second] = [of?.B, beside?.B];
        for (let r = 0; r < shape[0]; r++) {
          if (first) B.set(first.subarray(r * own.rank, (r + 1) * own.rank), r * rank);
          for (let k = 0; second && k < low; k++) B[r * rank + own.rank + k] = scale * second[r * low + k];
        }
        return B;
      },
    };
  });
  return { rank, matrices };
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

/** What an adapter adds to a matrix: something in these rows and columns alone, which have places in `dense`. */
interface Difference {
  name: string;
  shape: [number, number];
  rows: Map<number, number>;
  cols: Map<number, number>;
  dense(): Float32Array;
}

function differencesOf(adapter: SmtAdapter | MixedAdapter): Difference[] {
  if (!('factors' in adapter)) return adapter.matrices.map((matrix) => ofBlocks(adapter, matrix));
  const { blocks, factors } = adapter;
  return matricesOf(adapter).map((name) => {
    const matrix = blocks.matrices.find((own) => own.name === name);
    const beside = factors.matrices.find((own) => own.name === name);
    if (matrix && !beside) return ofBlocks(blocks, matrix);
    const { shape } = beside!;
    const dense = () => {
      const all = product(beside!, rankOf(factors, beside!), scaleOf(factors, beside!));
      if (matrix) each(matrix, blocks.block, (value, r, c) => (all[r * shape[1] + c] += value));
      return all;
    };
    return { name, shape, rows: every(shape[0]), cols: every(shape[1]), dense };
  });
}

function ofBlocks({ block: b, base }: SmtAdapter, matrix: SmtMatrix): Difference {
  const [rows, cols] = [places(rowsOf(matrix), b), places(colsOf(matrix), b)];
  const dense = () => {
    const all = new Float32Array(rows.size * cols.size);
    each(matrix, b, (value, r, c) => (all[rows.get(r)! * cols.size + cols.get(c)!] = value));
    return all;
  };
  return { name: matrix.name, shape: base.shapes[matrix.name], rows, cols, dense };
}

/** scale B A [out, in]. */
function product({ A, B, shape: [out, inner] }: PeftMatrix, rank: number, scale: number): Float32Array {
  const all = new Float32Array(out * inner);
  for (let r = 0; r < out; r++)
    for (let k = 0; k < rank; k++) {
      const b = scale * B[r * rank + k];
      for (let c = 0; c < inner; c++) all[r * inner + c] += b * A[k * inner + c];
    }
  return all;
}

function truncated(base: SmtAdapter, differences: Difference[], rank: number): AsLora {
  const made = differences.map(({ name, shape, rows, cols, dense }) => {
    const [m, n] = [rows.size, cols.size];
    const { A: thinA, B: thinB, lost, norm } = lowRank(dense(), m, n, rank);
    const [A, B] = [new Float32Array(rank * shape[1]), new Float32Array(shape[0] * rank)];
    for (const [c, j] of cols) for (let k = 0; k < rank; k++) A[k * shape[1] + c] = thinA[k * n + j];
    for (const [r, i] of rows) B.set(thinB.subarray(i * rank, (i + 1) * rank), r * rank);
    return { matrix: { name, shape, A, B }, lost, norm };
  });
  const share = (of: { lost: number; norm: number }[]) =>
    Math.sqrt(total(of, (o) => o.lost ** 2) / (total(of, (o) => o.norm ** 2) || 1));
  const worst = made.reduce((a, b) => (share([b]) > share([a]) ? b : a));
  const text = `rank ${rank} loses ${percent(share(made))} of what was trained (root of the squares), at most ${percent(share([worst]))}, in ${worst.matrix.name}`;
  const matrices = made.map(({ matrix }) => matrix);
  return { adapter: peft(base, rank, matrices), notes: [text] };
}

const percent = (share: number) => `${Number((100 * share).toPrecision(3))} %`;
const total = <T>(of: T[], value: (one: T) => number) => of.reduce((sum, one) => sum + value(one), 0);

function peft({ base }: SmtAdapter, rank: number, matrices: PeftMatrix[]): PeftAdapter {
  const names = matrices.map(({ name }) => name.replace(/\.weight$/, ''));
  const kinds = [...new Set(names.map((name) => name.split('.').at(-1)!))];
  // a module without blocks has no factors in the file: then every module is named
  const alike = Object.keys(base.shapes).filter((name) => kinds.some((kind) => name.endsWith(`.${kind}.weight`)));
  const sha256 = Object.fromEntries(matrices.map(({ name }) => [name, base.sha256[name]]));
  const targets = alike.length === matrices.length ? kinds : names;
  return { method: 'lora', rank, alpha: rank, use_rslora: false, dropout: 0, targets, base: '', sha256, matrices };
}

const rowsOf = ({ index }: SmtMatrix) => sorted(index.filter((_, i) => i % 2 === 0));
const colsOf = ({ index }: SmtMatrix) => sorted(index.filter((_, i) => i % 2 === 1));
const sorted = (places: Int32Array) => [...new Set(places)].sort((a, b) => a - b);

/** Rows or columns of the matrix to places one after the other, of all blocks in order. */
const places = (blocks: number[], b: number) =>
  new Map(blocks.flatMap((at, i) => Array.from({ length: b }, (_, j) => [at * b + j, i * b + j] as const)));

const every = (n: number) => new Map(Array.from({ length: n }, (_, i) => [i, i] as const));

/** Every value of the blocks with its row and column in the matrix. */
function each({ index, blocks }: SmtMatrix, b: number, take: (value: number, r: number, c: number) => void): void {
  for (let k = 0; k < index.length / 2; k++)
    for (let i = 0; i < b; i++)
      for (let j = 0; j < b; j++) take(blocks[(k * b + i) * b + j], index[2 * k] * b + i, index[2 * k + 1] * b + j);
}
