// Scores of b x b blocks: figures of a weight's gradient, gathered in the backward of warm-up steps, or of its input's size.
// A map [rows / b, cols / b] is added to by every step; what is left to do at the end (a root, an absolute value) is `finished`.

import blocksCode from '../../../shaders/score_blocks.wgsl?raw' with { type: 'text' };
import wideCode from '../../../shaders/score_blocks_wide.wgsl?raw' with { type: 'text' };
import denseCode from '../../../shaders/score_dense.wgsl?raw' with { type: 'text' };
import inputsCode from '../../../shaders/score_inputs.wgsl?raw' with { type: 'text' };
import sumsCode from '../../../shaders/score_sums.wgsl?raw' with { type: 'text' };
import { kernel, type Program, run, temp } from '../../gpu/program.ts';
import { elementsOf, resident, type Tensor } from '../../gpu/tensor.ts';
import { reducing } from '../elementwise/reduce.ts';
import { gemm, productSums, whole } from '../matmul/gemm.ts';
import { beside } from '../matmul/linear.ts';
import { rowWindows, type Trains, type Weight } from '../stored/weight.ts';
import { SCALARS } from '../stream/stream.ts';

/**
 * absmean: per step mean |dW| in the block, summed over steps. absofmean: |block mean of the signed sum of dW|.
 * absmean-of-sum: mean of |signed sum of dW|. l2: root of the summed squares.
 */
export const SCORES = ['absmean', 'absofmean', 'absmean-of-sum', 'l2'] as const;
export type Score = (typeof SCORES)[number];

/** What score_dense gathers for a score. */
const KIND: Record<Score, 0 | 1 | 2> = { absmean: 0, absofmean: 1, 'absmean-of-sum': 0, l2: 2 };

/** What gathers the score of one weight. */
export interface Scorer {
  weight: Weight;
  b: number;
  score: Score;
  map: Tensor;
  /** The signed sum of dW, where the score needs it, in the windows that an f32 weight has. */
  sums: { r0: number; t: Tensor }[];
}

/** The windows of a gradient: those of the weight itself where that is f32. */
const gradientWindows = (w: Weight, maxBinding: number) => rowWindows(`${w.name}'s gradient`, w.rows, 4 * w.cols, maxBinding);

export function newScorer(weight: Weight, b: number, score: Score, maxBinding: number): Scorer {
  const windows = score === 'absmean-of-sum' ? gradientWindows(weight, maxBinding) : [];
  const sums = windows.map(({ r0, r1 }) => ({ r0, t: resident(`${weight.name}.sum`, [r1 - r0, weight.cols], 'gradients') }));
  return { weight, b, score, sums, map: resident(`${weight.name}.score`, [weight.rows / b, weight.cols / b], 'other') };
}

/** What to attach to a frozen weight so that every backward scores it. */
export const scoresGradient = (s: Scorer): Trains => beside((p) => ({ gradients: (dy, x) => scoreGradient(p, s, dy, x) }));

/** map += the score's figures of dW = dY^T X, which is never stored but where its sum is the score. */
export function scoreGradient(p: Program, s: Scorer, dy: Tensor, x: Tensor): void {
  const { weight: w, b, map } = s;
  if (s.score === 'absofmean') blockMeans(p, dy, x, w, b, map);
  else if (s.score === 'absmean-of-sum') for (const { r0, t } of s.sums) product(p, dy, x, r0, t, 1);
  else if (!productScores(p, s, dy, x))
    for (const { r0, r1 } of gradientWindows(w, p.planning.maxBinding)) {
      const g = temp(p, 'dW', [r1 - r0, w.cols]);
      product(p, dy, x, r0, g, 0);
      scoreDense(p, s, r0, g);
    }
}

/** Partials of a block from which on a workgroup sums them on a GPU. */
const MANY = 64;

/** map += the score's figure of each block of dW = dY^T X, summed within the product; false where its sizes do not allow that. */
function productScores(p: Program, s: Scorer, dy: Tensor, x: Tensor): boolean {
  const { weight: w, b, map } = s;
  const square = s.score === 'l2';
  const sums = productSums(p, { a: whole(dy), b: whole(x), m: w.rows, n: w.cols, k: x.shape[0] }, { edge: b, square });
  if (!sums) return false;
  const across = w.cols / b;
  const blocks = (w.rows / b) * across;
  const [params, bind] = [
    { across, height: b / sums.cell, width: b / 4, factor: square ? 1 : 1 / (b * b) },
    { partials: sums.partials, map },
  ];
  const each = params.height * params.width;
  if (p.planning.software || each < MANY)
    run(p, kernel('score_blocks', [blocksCode]), bind, { blocks, ...params }, [Math.ceil(blocks / 64)]);
  else run(p, reducing(p, 'score_blocks_wide', [wideCode], each), bind, params, [blocks]);
  return true;
}

/** map += the score's figure of the rows of each block that lie in g, rows row0.. of the gradient [rows, cols]. */
export function scoreDense(p: Program, s: Scorer, row0: number, g: Tensor): void {
  const { b, weight } = s;
  const { cols } = weight;
  const rows = elementsOf(g.shape) / cols;
  const [first, end] = [Math.floor(row0 / b), Math.ceil((row0 + rows) / b)];
  const k = reducing(p, 'score_dense', [denseCode], b * b, { KIND: KIND[s.score] });
  run(p, k, { g, map: s.map }, { rows, cols, b, row0 }, [cols / b, end - first], { flops: rows * cols });
}

/** The map of a score from what was gathered. */
export function finished(score: Score, map: Float32Array): Float32Array {
  if (score === 'absofmean') return map.map(Math.abs);
  return score === 'l2' ? map.map(Math.sqrt) : map;
}

/** inputs[c] += |x[t, c]| over the tokens of a batch, padding left out: what to attach to gather the size of a weight's input. */
export function sumsInput(inputs: Tensor, scalars: Tensor): Trains {
  return beside((p, x) => {
    const cols = x.shape[1];
    run(p, kernel('score_inputs', [inputsCode]), { x, scalars, inputs }, { cols, tokens: SCALARS.tokens }, [
      Math.ceil(cols / 64),
    ]);
    return {};
  });
}

/** The mean of a block of dW = dY^T X is (block-summed dY)^T (block-summed X) / b^2: no dW, two sums and a tiny product. */
function blockMeans(p: Program, dy: Tensor, x: Tensor, w: Weight, b: number, map: Tensor): void {
  const ys = blockSums(p, dy, b, 1 / (b * b));
  const xs = blockSums(p, x, b, 1);
  gemm(p, 'tn', { a: whole(ys), b: whole(xs), c: whole(map), m: w.rows / b, n: w.cols / b, k: x.shape[0] }, 1);
}

function blockSums(p: Program, x: Tensor, b: number, factor: number): Tensor {
  const [n, cols] = x.shape;
  const sums = temp(p, 'block_sums', [n, cols / b]);
  const count = (n * cols) / b;
  run(p, kernel('score_sums', [sumsCode]), { x, sums }, { count, b, factor }, [Math.ceil(count / 64)], { flops: n * cols });
  return sums;
}

function product(p: Program, dy: Tensor, x: Tensor, r0: number, g: Tensor, accumulate: 0 | 1): void {
  const [m, n] = g.shape;
  gemm(p, 'tn', { a: { ...whole(dy), at: r0 }, b: whole(x), c: whole(g), m, n, k: x.shape[0] }, accumulate);
}
