// The language-model head and its loss over the target tokens alone, a chunk of rows at a time: logits for all tokens never exist.
// The gradient of a chunk is made while its logits are there, so the head has its backward inside its forward. On GPUs logits have room for
// most micro-batches at once; where they do not, and the head itself does not train, it is read in panels (head-panels.ts) and not again a chunk.

import { decide, giveGrad, gradOf, onBackward, type Program, temp } from '../../gpu/program.ts';
import type { Tensor } from '../../gpu/tensor.ts';
import { product } from '../matmul/linear.ts';
import { rmsnorm } from '../norm/rmsnorm.ts';
import type { Vector, Weight } from '../stored/weight.ts';
import type { Stream } from '../stream/stream.ts';
import { crossEntropy, lossSum } from './crossentropy.ts';
import { gatherRows } from './gather.ts';
import { headPanels, panelsOf } from './head-panels.ts';

/** Logits of one chunk at most, in bytes; on GPUs an eighth of the model's weights where that is more. */
const LOGITS_BYTES = 24 << 20;
/** On GPUs chunks are multiples of so many rows: whole tiles. */
const TILE = 64;

export interface HeadOptions {
  eps: number;
  /** Bytes of all the model's weights, by which logits have more room on GPUs. */
  weights: number;
  /** Make gradients: of h, and of the head where it trains. */
  train: boolean;
  /** Where the sum of the targets' losses goes (its first element): written for the first micro-batch and added to for the others. */
  loss: Tensor;
  /** Log-probability of each target [M], where somebody wants them. */
  logprob?: Tensor;
}

/** Loss of predicting the targets from the hidden states h [N, D]: final norm, head, cross-entropy; sum in `loss`. */
export function headLoss(p: Program, h: Tensor, norm: Vector, head: Weight, stream: Stream, o: HeadOptions): void {
  const M = p.dims.M;
  const x = rmsnorm(p, gatherRows(p, h, stream.targetAt, M), norm, o.eps);
  const [D, V] = [head.cols, head.rows];
  const logprob = o.logprob ?? temp(p, 'logprob', [M]);
  const { rows, chunks, panels } = decide(p, () => chunksOf(p, x, head, M, o.weights));
  const backward = o.train && p.needs.has(x);
  const dx = backward ? temp(p, 'd_head_in', [M, D]) : null;
  if (panels) headPanels(p, x, head, panels, stream, logprob, dx);
  for (let c = 0; c < chunks; c++) {
    const at = c * rows;
    const m = Math.max(0, Math.min(rows, M - at));
    const logits = temp(p, 'logits', [rows, V], 'logits');
    const all = { t: logits, at: 0, ld: V };
    const xs = { t: x, at: at * D, ld: D };
    const back = product(p, head, xs, m, all, 0);
    crossEntropy(p, logits, {
      m,
      at,
      V,
      targetAt: stream.targetAt,
      targetId: stream.targetId,
      scalars: stream.scalars,
      logprob,
      train: o.train,
    });
    if (o.train) back(all, (use) => use(xs), dx && { into: { t: dx, at: at * D, ld: D }, accumulate: 0 });
  }
  lossSum(p, logprob, M, o.loss);
  if (dx)
    onBackward(p, () => {
      if (!gradOf(p, x)) giveGrad(p, x, dx);
    });
}

/** The targets in chunks of rows, or where those are many and a GPU reads the head without unpacking it the head in panels, and no chunks. */
function chunksOf(p: Program, x: Tensor, head: Weight, M: number, weights: number) {
  const { software, maxBinding } = p.planning;
  const most = Math.min(software ? LOGITS_BYTES : Math.max(LOGITS_BYTES, weights / 8), maxBinding);
  const fit = Math.max(1, Math.min(M, Math.floor(most / (4 * head.rows))));
  const panels = fit < M && !software ? panelsOf(p, x, head, M, most) : null;
  if (panels) return { rows: 0, chunks: 0, panels };
  const whole = software || fit < TILE || fit === M ? 1 : TILE;
  const chunks = Math.ceil(M / (fit - (fit % whole)));
  return { chunks, rows: whole * Math.ceil(M / chunks / whole), panels };
}
