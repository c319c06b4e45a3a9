// The head over more targets than logits have room for, where it does not train itself: panels of the vocabulary are the outer loop, so
// that its weight is read twice in all. As attention with keys and values the head's rows: log-sum-exp and the sum of exp(l) W online.

import backwardPart from '../../../shaders/head_backward.wgsl?raw' with { type: 'text' };
import finishCode from '../../../shaders/head_finish.wgsl?raw' with { type: 'text' };
import forwardPart from '../../../shaders/head_forward.wgsl?raw' with { type: 'text' };
import panelCode from '../../../shaders/head_panel.wgsl?raw' with { type: 'text' };
import lanes4 from '../../../shaders/lanes4.wgsl?raw' with { type: 'text' };
import { decide, kernel, type Program, run, temp } from '../../gpu/program.ts';
import type { Tensor } from '../../gpu/tensor.ts';
import { workgroups } from '../elementwise/lanes.ts';
import { reducing } from '../elementwise/reduce.ts';
import { gemm, type Mat, whole, wouldTile } from '../matmul/gemm.ts';
import type { Weight, Window } from '../stored/weight.ts';
import { lookup } from '../stream/embed.ts';
import type { Stream } from '../stream/stream.ts';

/** Rows of a window of the head as an operand. */
interface Panel {
  r0: number;
  r1: number;
  b: Mat;
}

/** Panels of the head for M targets and so many bytes of logits; null where the products cannot read it as it is stored. To be decided once. */
export function panelsOf(p: Program, x: Tensor, head: Weight, M: number, bytes: number): Panel[] | null {
  const fit = Math.floor(bytes / (4 * M));
  const most = fit - (fit % 64);
  if (head.trains || most < 64) return null;
  const panels = head.windows.flatMap((v) => cut(head, v, most));
  const logits: Mat = { t: x, at: 0, ld: most };
  const reads = ({ r0, r1, b }: Panel) => {
    const [n, k] = [r1 - r0, head.cols];
    return (
      b.at % 4 === 0 &&
      wouldTile(p, 'nt', { a: whole(x), b, c: logits, m: M, n, k }) &&
      wouldTile(p, 'nn', { a: logits, b, c: whole(x), m: M, n: k, k: n })
    );
  };
  return panels.every(reads) ? panels : null;
}

/** A window in even panels of at most so many rows, multiples of 64 but for the last. */
function cut(head: Weight, { r0, r1, q, s }: Window, most: number): Panel[] {
  const count = Math.ceil((r1 - r0) / most);
  const rows = 64 * Math.ceil((r1 - r0) / count / 64);
  const stored = head.format === 'f32' ? {} : { stored: { format: head.format, s } };
  return Array.from({ length: Math.ceil((r1 - r0) / rows) }, (_, i) => {
    const from = r0 + i * rows;
    return { r0: from, r1: Math.min(r1, from + rows), b: { t: q, at: (from - r0) * head.cols, ld: head.cols, ...stored } };
  });
}

/** logprob of every target, and the gradient of x [M, D] in dx where one is wanted. */
export function headPanels(
  p: Program,
  x: Tensor,
  head: Weight,
  panels: Panel[],
  { targetAt, targetId, scalars }: Pick<Stream, 'targetAt' | 'targetId' | 'scalars'>,
  logprob: Tensor,
  dx: Tensor | null,
): void {
  const [M, D] = x.shape;
  const ld = decide(p, () => Math.max(...panels.map(({ r0, r1 }) => r1 - r0)));
  const state = temp(p, 'head_state', [M, 4]);
  panels.forEach(({ r0, r1, b }, i) => {
    const logits = temp(p, 'logits', [M, ld], 'logits');
    const [first, last, n] = [i === 0, i === panels.length - 1, r1 - r0];
    gemm(p, 'nt', { a: whole(x), b, c: whole(logits), m: M, n, k: D }, 0);
    const k = reducing(p, 'head_panel', [lanes4, panelCode, dx ? backwardPart : forwardPart], n / 4);
    const params = { cols: n / 4, ld: ld / 4, id0: r0, first: first ? 1 : 0, last: last ? 1 : 0, wide: D / 4 };
    run(p, k, { targetAt, targetId, logits, state, logprob, ...(dx && { dx }) }, params, [M], {
      flops: M * n * 12,
      bytes: 4 * M * ((dx ? 2 : 1) * n + 2 * (dx && !first ? D : 0)),
    });
    if (dx) gemm(p, 'nn', { a: whole(logits), b, c: whole(dx), m: M, n: D, k: n }, first ? 0 : 1);
  });
  if (!dx) return;
  const rows = lookup(p, head, targetId, M, temp(p, 'target_rows', [M, D]));
  const count = (M * D) / 4;
  run(
    p,
    kernel('head_finish', [finishCode]),
    { targetAt, scalars, state, rows, dx },
    { wide: D / 4, count },
    [workgroups(count)],
    {
      flops: 3 * M * D,
    },
  );
}
