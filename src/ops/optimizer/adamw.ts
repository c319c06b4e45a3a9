// AdamW as PyTorch defines it, over everything that trains. Clip factor, skipping and bias corrections come from the GPU's own
// state (gradnorm.ts), the learning rate from the step's scalars, so a step needs nothing from the host.

import adamwCode from '../../../shaders/adamw.wgsl?raw' with { type: 'text' };
import onBase from '../../../shaders/adamw_base.wgsl?raw' with { type: 'text' };
import plain from '../../../shaders/adamw_plain.wgsl?raw' with { type: 'text' };
import { kernel, type Program, run } from '../../gpu/program.ts';
import type { Tensor } from '../../gpu/tensor.ts';
import { vec4sOf, workgroups } from '../elementwise/lanes.ts';
import { rateOf, type Trained } from './trained.ts';

export interface AdamWOptions {
  betas: readonly [number, number];
  eps: number;
  weightDecay: number;
}

/** value -= lr (weightDecay (base + value) + m̂ / (√v̂ + eps)) for each tensor but Muon's; `gradNorm` must have run on it. */
export function adamw(p: Program, trained: readonly Trained[], state: Tensor, scalars: Tensor, options: AdamWOptions): void {
  const [beta1, beta2] = options.betas;
  const rates = { beta1, rest1: 1 - beta1, beta2, rest2: 1 - beta2, eps: options.eps };
  for (const t of trained) {
    if (!t.v) continue; // Muon moves it
    const decay = t.decay ? options.weightDecay : 0;
    const base = decay !== 0 ? t.base : undefined;
    const k = kernel('adamw', [adamwCode, base ? onBase : plain]);
    const bind = { state, scalars, grad: t.grad, value: t.value, m: t.m, v: t.v, ...(base && { base }) };
    const count = vec4sOf(t.value);
    run(p, k, bind, { count, ...rates, decay, lr_at: rateOf(t) }, [workgroups(count)], { flops: 60 * count });
  }
}
