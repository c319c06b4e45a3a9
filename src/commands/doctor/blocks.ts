// Self-tests of chosen blocks: their products and gradients, and every way in which all blocks of a matrix are scored.

import { type Planning, planningOf } from '../../gpu/limits.ts';
import { type Program, temp } from '../../gpu/program.ts';
import { blocksForward, blocksInput, blocksWeight, eachBlockLine, newBlockSet } from '../../ops/blocks/blocks.ts';
import { newScorer, type Score, scoreDense, scoreGradient, sumsInput } from '../../ops/blocks/score.ts';
import { whole } from '../../ops/matmul/gemm.ts';
import { classOf, plainName, VARIANTS, type Variant } from '../../ops/matmul/gemm-variants.ts';
import { newWeight } from '../../ops/stored/weight.ts';
import { newStream, SCALARS } from '../../ops/stream/stream.ts';
import { type Check, near, noise, noisy, zeros } from './check.ts';
import { productF64, timesF64 } from './f64.ts';
import { errorOf, lackOf } from './products.ts';

/** Edges that the kernels of whole eights take, and one for the others. */
const EDGES = [16, 5];
const CLOSE = 1e-5;

export function blockChecks(): Check[] {
  const reducing = VARIANTS.filter((v) => v.layout === 'tn' && v.vec4 !== 'none');
  return [
    ...EDGES.map(multiplying),
    ...PLACED.map(gathering),
    ...reducing.flatMap((v) =>
      CELLS.filter((edge) => (v.consts.ROWS as number) % edge === 0).flatMap((edge) =>
        (['absmean', 'l2'] as const).map((score) => reduced(v, edge, score)),
      ),
    ),
    ...(['absmean', 'l2'] as const).map(dense),
    { name: 'score absofmean', make: ({ maxBinding }) => scoring('absofmean', 8, [24, 16], 7, maxBinding, CLOSE) },
    { name: 'score of large blocks', make: ({ maxBinding }) => scoring('l2', 128, [128, 256], 5, maxBinding, CLOSE) },
    { name: 'score absmean-of-sum', make: ({ maxBinding }) => summed(maxBinding) },
    { name: 'score of inputs', make: ({ maxBinding }) => sizing(maxBinding) },
  ];
}

/** Blocks that share rows and columns, with a column of blocks and a row of blocks left out. */
const INDEX = [
  [0, 1],
  [0, 3],
  [2, 1],
  [2, 0],
] as const;

function multiplying(b: number): Check {
  const [rows, cols, N] = [3 * b, 4 * b, 37];
  return {
    name: `blocks ${b % 8 ? 'of any edge' : 'of whole eights'}`,
    make() {
      const set = newBlockSet('w', rows, cols, b, INDEX, true);
      const n = INDEX.length;
      const [x, dy] = [noisy('x', [N, cols], 60), noisy('dy', [N, rows], 61)];
      const [y, dx] = [noisy('y', [N, rows], 62), noisy('dx', [N, cols], 63)];
      const delta = noise(n * b * b, 64);
      const build = (p: Program) => {
        blocksForward(p, set, x[0], y[0]);
        blocksInput(p, set, dy[0], dx[0]);
        for (const accumulate of [0, 1] as const) blocksWeight(p, set, whole(dy[0]), whole(x[0]), N, accumulate);
        return [y[0], dx[0], set.grad!];
      };
      const full = new Float64Array(rows * cols);
      const place = (i: number) => {
        const [block, r, c] = [Math.floor(i / (b * b)), Math.floor(i / b) % b, i % b];
        return (set.index[2 * block] * b + r) * cols + set.index[2 * block + 1] * b + c;
      };
      delta.forEach((d, i) => (full[place(i)] = d));
      const dW = timesF64('tn', dy[1], x[1], rows, cols, N);
      const added = timesF64('nt', x[1], full, N, rows, cols).map((v, i) => v + y[1][i]);
      const back = timesF64('nn', dy[1], full, N, cols, rows).map((v, i) => v + dx[1][i]);
      const gradient = Float64Array.from(delta, (_, i) => 2 * dW[place(i)]);
      const inputs = [x, dy, y, dx, [set.delta, delta] as const, [set.lists, set.places.words] as const];
      return { inputs, build, want: [added, back, gradient].map((v) => near(v, CLOSE)) };
    },
  };
}

/** dD as GPUs make it: in tiles, and in slices of the tokens. */
function gathering([b, count]: (typeof PLACED)[number]): Check {
  const [rows, cols, N] = [3 * b, 4 * b, 133];
  const index = count === INDEX.length ? INDEX : Array.from({ length: count }, (_, i) => [Math.floor(i / 4), i % 4] as const);
  return {
    name: `blocks' gradients, ${count} of ${b}`,
    planning: (of) => ({ ...planningOf(of, { half: false, choices: {} }), software: false }),
    make() {
      const set = newBlockSet('w', rows, cols, b, index, true);
      const [x, more, dy] = [noisy('x', [N, cols], 60), noisy('more', [N, cols], 62), noisy('dy', [N, rows], 61)];
      const build = (p: Program) => {
        [x, more].forEach(([t], i) => blocksWeight(p, set, whole(dy[0]), whole(t), N, i ? 1 : 0));
        return [set.grad!];
      };
      const sum = Float64Array.from(x[1], (v, i) => v + more[1][i]);
      const dW = timesF64('tn', dy[1], sum, rows, cols, N);
      const gradient = new Float64Array(count * b * b);
      eachBlockLine(set, 0, rows, (at, first) => {
        for (let j = 0; j < b; j++) gradient[first + j] = dW[at + j];
      });
      return { inputs: [x, more, dy, [set.lists, set.places.words]], build, want: [near(gradient, CLOSE)] };
    },
  };
}

/** Edges and numbers of blocks: in tiles; in slices of a part of a block, of a whole one, with invocations left over. */
const PLACED = [
  [96, 12],
  [32, INDEX.length],
  [8, INDEX.length],
  [12, INDEX.length],
] as const;

// --- scores ---------------------------------------------------------------------------------------------------------------

/** Rows that a product's workgroups sum without storing it (gemm.ts); each is the edge of a block here. */
const CELLS = [64, 32, 16, 8, 4];
const TOKENS = 44;

/** Scored within the product, by a variant of it. */
function reduced(v: Variant, edge: number, score: 'absmean' | 'l2'): Check {
  const [rows, cols] = [2 * edge, 2 * edge];
  const shape = { m: rows, n: cols, k: TOKENS, a_at: 0, lda: rows, b_at: 0, ldb: cols, c_at: 0, ldc: cols };
  const planning = (of: Planning) =>
    planningOf(of, { half: Boolean(v.half && of.half), choices: { [classOf('tn', shape, of)]: v.name } });
  return {
    name: `score ${score} by cells of ${edge} in ${plainName(v)}`,
    planning,
    lacks: (limits) => lackOf(v, limits),
    make: ({ maxBinding }) => scoring(score, edge, [rows, cols], TOKENS, maxBinding, 4 * errorOf(v, TOKENS)),
  };
}

/** An edge that no cell divides: the gradient is made, and then scored. */
function dense(score: 'absmean' | 'l2'): Check {
  return {
    name: `score ${score} of a whole gradient`,
    make: ({ maxBinding }) => scoring(score, 6, [12, 18], 20, maxBinding, CLOSE),
  };
}

/** A backward's score of dW = dy^T x, added to what the map held; error: that of the product, relative to its terms. */
function scoring(score: Score, b: number, [rows, cols]: readonly [number, number], N: number, maxBinding: number, error: number) {
  const s = newScorer(newWeight('w', rows, cols, 'f32', maxBinding), b, score, maxBinding);
  const [dy, x] = [noisy('dy', [N, rows], 65), noisy('x', [N, cols], 66)];
  const before = noise((rows / b) * (cols / b), 67);
  const build = (p: Program) => {
    scoreGradient(p, s, dy[0], x[0]);
    return [s.map];
  };
  const { values: dW, sizes } = productF64('tn', dy[1], x[1], rows, cols, N);
  const figure = { absmean: Math.abs, absofmean: (g: number) => g, 'absmean-of-sum': Math.abs, l2: (g: number) => g * g }[score];
  const map = Float64Array.from(before);
  const off = new Float64Array(map.length).fill(1e-6);
  dW.forEach((g, i) => {
    const at = Math.floor(i / cols / b) * (cols / b) + Math.floor((i % cols) / b);
    map[at] += figure(g) / (score === 'l2' ? 1 : b * b);
    off[at] += score === 'l2' ? 2 * error * sizes[i] * sizes[i] : (error * sizes[i]) / (b * b);
  });
  return { inputs: [dy, x, [s.map, before] as const], build, want: [{ values: map, bound: (i: number) => off[i] }] };
}

/** The signed sum of two steps' gradients, scored at the end. */
function summed(maxBinding: number) {
  const [b, rows, cols, N] = [8, 24, 16, 7];
  const s = newScorer(newWeight('w', rows, cols, 'f32', maxBinding), b, 'absmean-of-sum', maxBinding);
  const [dy, x] = [noisy('dy', [N, rows], 68), noisy('x', [N, cols], 69)];
  const build = (p: Program) => {
    for (let step = 0; step < 2; step++) scoreGradient(p, s, dy[0], x[0]);
    for (const { r0, t } of s.sums) scoreDense(p, s, r0, t);
    return [s.map];
  };
  const map = new Float64Array((rows / b) * (cols / b));
  timesF64('tn', dy[1], x[1], rows, cols, N).forEach((g, i) => {
    map[Math.floor(i / cols / b) * (cols / b) + Math.floor((i % cols) / b)] += (2 * Math.abs(g)) / (b * b);
  });
  return { inputs: [dy, x, zeros(s.map), ...s.sums.map(({ t }) => zeros(t))], build, want: [near(map, CLOSE)] };
}

/** Sizes of a weight's input, padding left out. */
function sizing(maxBinding: number) {
  const [N, cols, rows, real] = [9, 70, 3, 6];
  const w = newWeight('w', rows, cols, 'f32', maxBinding);
  const W = noise(rows * cols, 72);
  const [x, before] = [noisy('x', [N, cols], 70), noisy('inputs', [cols], 71)];
  const { scalars } = newStream(1, 1);
  const numbers = new Float32Array(SCALARS.count);
  numbers[SCALARS.tokens] = real;
  const build = (p: Program) => {
    const y = temp(p, 'y', [N, rows]);
    sumsInput(before[0], scalars).forward(p, w, whole(x[0]), N, whole(y), 0);
    return [before[0], y];
  };
  const sizes = Float64Array.from(before[1]);
  for (let i = 0; i < real * cols; i++) sizes[i % cols] += Math.abs(x[1][i]);
  const inputs = [x, before, [scalars, numbers] as const, [w.windows[0].q, W] as const];
  return { inputs, build, want: [sizes, timesF64('nt', x[1], W, N, rows, cols)].map((v) => near(v, CLOSE)) };
}
