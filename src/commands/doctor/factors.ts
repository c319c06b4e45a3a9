// Self-tests of what LoRA and DoRA put beside a weight: products with the factors, dropout, and the scaling of rows.

import { planningOf } from '../../gpu/limits.ts';
import { type Program, temp } from '../../gpu/program.ts';
import { resident, type Tensor } from '../../gpu/tensor.ts';
import { type Dora, doraScale, doraSquares, newDora, trainsDora } from '../../ops/lowrank/dora.ts';
import { dropout } from '../../ops/lowrank/dropout.ts';
import { newLowRank, trainsFactors } from '../../ops/lowrank/lowrank.ts';
import { whole } from '../../ops/matmul/gemm.ts';
import { STORED, type StoredFormat } from '../../ops/stored/formats.ts';
import { newWeight } from '../../ops/stored/weight.ts';
import { newStream, SCALARS } from '../../ops/stream/stream.ts';
import { type Check, type Input, near, noise, noisy } from './check.ts';
import { columnsF64, each, type Numbers, timesF64 } from './f64.ts';
import { weightOf } from './stored.ts';

const [N, inner, rank, scale] = [19, 70, 5, 0.75];
const CLOSE = 1e-5;
const DROPOUT = { share: 0.3, key: 77 };
const PASS = 4;

export function factorChecks(): Check[] {
  return [
    { name: 'dropout', make: dropping },
    ...[null, DROPOUT].map((dropout) => lora(dropout)),
    ...[44, 43].flatMap((out) => [null, DROPOUT].flatMap((dropout) => [dora(out, dropout), onGpu(dora(out, dropout))])),
    ...(Object.keys(STORED) as StoredFormat[]).map((format) => onGpu(norms(format))),
  ];
}

/** The same by the kernels of a GPU. */
const onGpu = (check: Check): Check => ({
  ...check,
  name: `${check.name}, as on a GPU`,
  planning: (of) => planningOf({ ...of, software: false, half: false }),
});

type Drops = typeof DROPOUT | null;

/** What an element is multiplied by in the pass of these tests: 0, or what makes up for those left out. */
function maskF64(count: number, drops: Drops): Float64Array {
  const mix = (bits: number) => {
    let h = bits >>> 0;
    h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
    h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
    return (h ^ (h >>> 16)) >>> 0;
  };
  const least = drops ? Math.round(drops.share * 2 ** 32) : 0;
  const drawn = (i: number) => mix(mix(mix(i) + PASS) ^ (drops?.key ?? 0));
  return Float64Array.from({ length: count }, (_, i) => (!drops ? 1 : drawn(i) >= least ? 1 / (1 - drops.share) : 0));
}

/** The step's scalars, which number the pass. */
function passing(): Input & readonly [Tensor, Float32Array<ArrayBuffer>] {
  const numbers = new Float32Array(SCALARS.count);
  numbers[SCALARS.pass] = PASS;
  return [newStream(1, 1).scalars, numbers];
}

function dropping() {
  const [x, y, scalars] = [noisy('x', [6, 43], 80), noisy('y', [6, 43], 81), passing()];
  const build = (p: Program) => {
    p.random = scalars[0];
    const out = temp(p, 'out', [6, 43]);
    dropout(p, DROPOUT, x[0], out, 0);
    dropout(p, DROPOUT, x[0], y[0], 1);
    return [out, y[0]];
  };
  const mask = maskF64(6 * 43, DROPOUT);
  const out = each(x[1], (v, i) => v * mask[i]);
  return {
    inputs: [x, y, scalars],
    build,
    want: [
      near(out, CLOSE),
      near(
        each(y[1], (v, i) => v + out[i]),
        CLOSE,
      ),
    ],
  };
}

const named = (name: string, drops: Drops) => (drops ? `${name} with dropout` : name);

/** Factors of a weight [out, inner] and the numbers of a step through it. */
function setup(out: number, drops: Drops) {
  const factors = newLowRank('w', out, inner, rank, scale, { dropout: drops });
  const [A, B] = [noise(rank * inner, 82), noise(out * rank, 83)];
  const [x, dy] = [noisy('x', [N, inner], 84), noisy('dy', [N, out], 85)];
  const scalars = passing();
  const inputs: Input[] = [[factors.A, A], [factors.B, B], x, dy, ...(drops ? [scalars] : [])];
  const mask = maskF64(N * inner, drops);
  const seen = each(x[1], (v, i) => v * mask[i]);
  const begin = (p: Program) => {
    if (drops) p.random = scalars[0];
  };
  return { factors, A, B, x, dy, inputs, mask, seen, begin };
}

/** What a gradient dlow [N, out] of s B A x' means for A, B and x'; later: x' as the backward is given it. */
function factorsBack(dlow: Numbers, A: Numbers, B: Numbers, seen: Numbers, out: number, later = seen) {
  const g = timesF64('nn', dlow, B, N, rank, out).map((v) => scale * v);
  const u = timesF64('nt', seen, A, N, rank, inner).map((v) => scale * v);
  return {
    dA: timesF64('tn', g, later, rank, inner, N),
    dB: timesF64('tn', dlow, u, out, rank, N),
    through: timesF64('nn', g, A, N, inner, rank),
  };
}

const lowF64 = (seen: Numbers, A: Numbers, B: Numbers, out: number) =>
  timesF64('nt', timesF64('nt', seen, A, N, rank, inner), B, N, out, rank).map((v) => scale * v);

function lora(drops: Drops): Check {
  const out = 43;
  return {
    name: named('low rank', drops),
    make({ maxBinding }) {
      const weight = newWeight('w', out, inner, 'f32', maxBinding);
      const W = noise(out * inner, 91);
      const { factors, A, B, x, dy, inputs, mask, seen, begin } = setup(out, drops);
      const [y, dx] = [noisy('y', [N, out], 86), noisy('dx', [N, inner], 87)];
      const later = noisy('later', [N, inner], 90); // another input than the forward's, so that a mask not made again shows
      const build = (p: Program) => {
        begin(p);
        const back = trainsFactors(factors).forward(p, weight, whole(x[0]), N, whole(y[0]), 1);
        back(whole(dy[0]), (use) => use(whole(later[0])), { into: whole(dx[0]), accumulate: 1 });
        return [y[0], factors.grads!.A, factors.grads!.B, dx[0]];
      };
      const { dA, dB, through } = factorsBack(
        dy[1],
        A,
        B,
        seen,
        out,
        each(later[1], (v, i) => v * mask[i]),
      );
      const plain = timesF64('nt', x[1], W, N, out, inner);
      const behind = timesF64('nn', dy[1], W, N, inner, out);
      const forward = lowF64(seen, A, B, out).map((v, i) => v + y[1][i] + plain[i]);
      const back = through.map((v, i) => dx[1][i] + mask[i] * v + behind[i]);
      return {
        inputs: [...inputs, [weight.windows[0].q, W], later, y, dx],
        build,
        want: [forward, dA, dB, back].map((v) => near(v, CLOSE)),
      };
    },
  };
}

function dora(out: number, drops: Drops): Check {
  return {
    name: named(`dora ${out % 4 ? 'by 1' : 'by 4'}`, drops),
    make({ maxBinding }) {
      const { factors, A, B, x, dy, inputs, mask, seen, begin } = setup(out, drops);
      const weight = newWeight('w', out, inner, 'f32', maxBinding);
      const d = newDora(weight, factors);
      const [W, m] = [noise(out * inner, 88), noise(out, 89)];
      const dx = resident('dx', [N, inner], 'other');
      const build = (p: Program) => {
        begin(p);
        return doraStep(p, d, x[0], dy[0], dx);
      };
      const norms = rowNorms(W, A, B, out);
      const gain = each(m, (v, o) => v / norms[o]);
      const low = lowF64(seen, A, B, out);
      const [plain, dropped] = [x[1], seen].map((rows) => timesF64('nt', rows, W, N, out, inner));
      const forward = plain.map((v, i) => v + (gain[i % out] - 1) * dropped[i] + gain[i % out] * low[i]);
      const dz = each(dy[1], (v, i) => v * gain[i % out]);
      const { dA, dB, through } = factorsBack(dz, A, B, seen, out);
      const dm = columnsF64(
        each(dy[1], (v, i) => (v * (dropped[i] + low[i])) / norms[i % out]),
        out,
      );
      const rest = timesF64(
        'nn',
        each(dy[1], (v, i) => v * (gain[i % out] - 1)),
        W,
        N,
        inner,
        out,
      );
      const back = timesF64('nn', dy[1], W, N, inner, out).map((v, i) => v + mask[i] * (rest[i] + through[i]));
      const stored: Input[] = [
        [weight.windows[0].q, W],
        [d.magnitude, m],
      ];
      return { inputs: [...inputs, ...stored], build, want: [forward, dm, dA, dB, back].map((v) => near(v, CLOSE)) };
    },
  };
}

/** Row norms of two matrices, one behind the other, from rows as they are stored. */
function norms(format: StoredFormat): Check {
  const [rows, second, cols, r] = [21, 16, 512, 3];
  return {
    name: `dora row norms of ${format}`,
    make({ maxBinding }) {
      const { w, inputs, values } = weightOf(format, rows, cols, maxBinding);
      const one = newLowRank('w', rows, cols, r, scale, null);
      const factors = { ...one, bands: [0, second], A: resident('A', [2 * r, cols], 'trained') };
      const d = newDora(w, factors);
      const [A, B, m] = [noise(2 * r * cols, 92), noise(rows * r, 93), noise(rows, 94)];
      const build = (p: Program) => {
        doraScale(p, d);
        return [d.scale, d.invNorm];
      };
      const squares = new Float64Array(rows);
      for (const [first, end, at] of [
        [0, second, 0],
        [second, rows, r * cols],
      ])
        timesF64('nn', B.subarray(first * r, end * r), A.subarray(at, at + r * cols), end - first, cols, r).forEach((ba, i) => {
          squares[first + Math.floor(i / cols)] += (values[first * cols + i] + scale * ba) ** 2;
        });
      const long = squares.map(Math.sqrt);
      return {
        inputs: [...inputs, [factors.A, A], [factors.B, B], [d.magnitude, m]],
        build,
        want: [
          near(
            each(m, (v, o) => v / long[o]),
            CLOSE,
          ),
          near(
            long.map((n) => 1 / n),
            CLOSE,
          ),
        ],
      };
    },
  };
}

/** Row norms, then a forward and a backward; answers y and the gradients of the magnitudes, A, B and x. */
function doraStep(p: Program, d: Dora, x: Tensor, dy: Tensor, dx: Tensor): Tensor[] {
  doraSquares(p, d);
  doraScale(p, d);
  const y = temp(p, 'y', dy.shape);
  const back = trainsDora(d).forward(p, d.weight, whole(x), N, whole(y), 0);
  back(whole(dy), (use) => use(whole(x)), { into: whole(dx), accumulate: 0 });
  return [y, d.grad!, d.factors.grads!.A, d.factors.grads!.B, dx];
}

/** |W + s B A| row by row, formed in full. */
function rowNorms(W: Numbers, A: Numbers, B: Numbers, out: number): Float64Array {
  const squares = new Float64Array(out);
  timesF64('nn', B, A, out, inner, rank).forEach((ba, i) => (squares[Math.floor(i / inner)] += (W[i] + scale * ba) ** 2));
  return squares.map(Math.sqrt);
}
