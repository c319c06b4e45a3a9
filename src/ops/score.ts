// Scores of b x b blocks of a weight's gradient, gathered in the backward of a warm-up step.

import reduce from '../../shaders/reduce.wgsl?raw' with { type: 'text' };
import code from '../../shaders/score_dense.wgsl?raw' with { type: 'text' };
import { kernel, type Program, run, temp } from '../gpu/program.ts';
import { resident, type Tensor } from '../gpu/tensor.ts';
import { gemm, whole } from './gemm.ts';
import type { Hooked, Weight } from './weight.ts';

/** A score map of a matrix [rows / b, cols / b], summed over steps. */
export function newScoreMap(w: Weight, b: number): Tensor {
  return resident(`${w.name}.score`, [w.rows / b, w.cols / b], 'other');
}

/** What to attach to a frozen weight so that every backward adds mean |dW| of each block to `map`. */
export function absmeanHook(w: Weight, b: number, map: Tensor): Hooked {
  return {
    kind: 'hook',
    backwardWeight(p, dy, x) {
      const most = Math.max(b, Math.floor(p.limits.maxBinding / (4 * w.cols * b)) * b);
      for (let r0 = 0; r0 < w.rows; r0 += most) {
        const rows = Math.min(most, w.rows - r0);
        const g = temp(p, 'dW', [rows, w.cols]);
        gemm(p, 'tn', { ...whole(dy), at: r0 }, whole(x), whole(g), rows, w.cols, x.shape[0], 0);
        scoreDense(p, g, rows, w.cols, b, r0, map);
      }
    },
  };
}

/** map += mean |g| of each block, for rows r0.. of a matrix held in g [rows, cols]. */
export function scoreDense(p: Program, g: Tensor, rows: number, cols: number, b: number, row0: number, map: Tensor): void {
  run(p, kernel('score_dense', [reduce, code]), { g, map }, { cols, b, row0 }, [cols / b, rows / b], { flops: rows * cols });
}
