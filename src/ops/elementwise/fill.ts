// What a product is added to: the bias, the residual, both or nothing; and where their gradients go.

import addCode from '../../../shaders/add.wgsl?raw' with { type: 'text' };
import fillCode from '../../../shaders/fill.wgsl?raw' with { type: 'text' };
import fromBias from '../../../shaders/fill_bias.wgsl?raw' with { type: 'text' };
import fromBoth from '../../../shaders/fill_both.wgsl?raw' with { type: 'text' };
import fromResidual from '../../../shaders/fill_residual.wgsl?raw' with { type: 'text' };
import fromZero from '../../../shaders/fill_zero.wgsl?raw' with { type: 'text' };
import { adds, giveGrad, gradOf, kernel, type Program, run } from '../../gpu/program.ts';
import { elementsOf, rowsOf, type Tensor } from '../../gpu/tensor.ts';
import { columnSum, columnsIn, valuesOf } from '../norm/columnsum.ts';
import type { Vector } from '../stored/weight.ts';
import { lanesOf, vec4sOf, workgroups } from './lanes.ts';

/** y[n, o] = bias[o] + residual[n, o]; zero where neither is given. y may be columns of wider rows. States no backward: see fillBackward. */
export function fill(p: Program, y: Tensor, bias: Vector | null, residual?: Tensor): void {
  const O = y.shape[y.shape.length - 1];
  const { part, per } = lanesOf(O);
  const count = elementsOf(y.shape) / per;
  const from = bias ? (residual ? fromBoth : fromBias) : residual ? fromResidual : fromZero;
  const k = kernel('fill', [part, fillCode, from], columnsIn(y));
  const bind = { y: rowsOf(y).t, ...(bias && { bias: bias.value }), ...(residual && { residual }) };
  run(p, k, bind, { cols: O / per, count }, [workgroups(count)]);
}

/** The gradient dy[N, O] of what `fill` began: into the bias's where that trains, and on to the residual's where one is given. */
export function fillBackward(p: Program, dy: Tensor, bias: Vector | null, residual?: Tensor): void {
  if (bias?.grad) columnSum(p, valuesOf(dy), dy.shape[0], dy.shape[1], bias.grad);
  if (!residual) return;
  const have = gradOf(p, residual);
  if (have) addInto(p, dy, have);
  else giveGrad(p, residual, dy);
}

/** A gradient y = 0 in the step's first micro-batch. In the others a dispatch of no workgroups, so that both stay one program. */
export function zeroAtFirst(p: Program, y: Tensor): void {
  const { part, per } = lanesOf(elementsOf(y.shape));
  const count = elementsOf(y.shape) / per;
  run(p, kernel('fill', [part, fillCode, fromZero]), { y }, { cols: 1, count }, [adds(p, y) ? 0 : workgroups(count)]);
}

/** y += x, of the same shape. */
export function addInto(p: Program, x: Tensor, y: Tensor): void {
  const count = vec4sOf(y);
  run(p, kernel('add', [addCode]), { x, y }, { count }, [workgroups(count)], { flops: 4 * count });
}
