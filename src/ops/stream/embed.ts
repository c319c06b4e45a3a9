// The embedding: rows of a stored matrix by token id, and where it trains the sum of their gradients by id.

import embedCode from '../../../shaders/embed.wgsl?raw' with { type: 'text' };
import backward from '../../../shaders/embed_backward.wgsl?raw' with { type: 'text' };
import one from '../../../shaders/embed_lanes1.wgsl?raw' with { type: 'text' };
import four from '../../../shaders/embed_lanes4.wgsl?raw' with { type: 'text' };
import { flows, gradOf, kernel, onBackward, type Program, run, temp } from '../../gpu/program.ts';
import type { Tensor } from '../../gpu/tensor.ts';
import { zeroAtFirst } from '../elementwise/fill.ts';
import { lanesOf } from '../elementwise/lanes.ts';
import { STORED } from '../stored/formats.ts';
import type { Weight } from '../stored/weight.ts';
import type { Stream } from './stream.ts';

/** h[N, D] = W[ids[n]] for the N tokens of the step. The host answers for ids below W's rows. */
export function embed(p: Program, s: Pick<Stream, 'ids' | 'order' | 'groups'>, w: Weight): Tensor {
  const { N } = p.dims;
  const D = w.cols;
  const { part, per } = lanesOf(D);
  const h = lookup(p, w, s.ids, N, temp(p, 'embedded', [N, D], 'activations'));
  const grads = w.trains?.grads;
  if (!grads) return h;

  flows(p, h, [], true);
  onBackward(p, () => {
    const dh = gradOf(p, h);
    if (!dh) return;
    w.windows.forEach(({ r0, r1 }, i) => {
      const grad = grads[i];
      if (!p.written.has(grad)) zeroAtFirst(p, grad); // a head that is tied to it has put its own gradient there
      const k = kernel('embed_backward', [part, backward]);
      run(p, k, { groups: s.groups, order: s.order, dh, grad }, { cols: D / per, r0, r1 }, [N], {
        flops: N * D,
        bytes: 12 * N * D,
      });
    });
  });
  return h;
}

/** h[n] = W[ids[n]] for N ids; returns h [N, cols]. */
export function lookup(p: Program, w: Weight, ids: Tensor, N: number, h: Tensor): Tensor {
  const { part, per } = lanesOf(w.cols);
  const k = kernel('embed', [part, embedCode, STORED[w.format].part, per === 4 ? four : one]);
  for (const { r0, r1, q, s } of w.windows)
    run(p, k, { ids, h, wq: q, ...(s && { ws: s }) }, { cols: w.cols / per, r0, r1 }, [N], {
      bytes: 8 * N * w.cols,
      reads: 0, // a lookup of some rows is no visit
    });
  return h;
}
