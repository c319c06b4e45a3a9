// f64 reference of the optimizer: PyTorch's AdamW, clipping by the global norm, the schedules.
import type { Numbers } from '../compare.ts';

export type AdamW = { lr: number; betas: [number, number]; eps: number; weight_decay: number };

/** One update in place of param, m and v. t counts from 1; grad is multiplied by scale first (what clipping asks for).
 *  Decay acts on `decayed`, the effective weight: param itself, or base + param where param is a difference. */
export function adamw(
  param: Float64Array,
  grad: Numbers,
  m: Float64Array,
  v: Float64Array,
  t: number,
  o: AdamW,
  scale = 1,
  decayed: Numbers = param,
) {
  const [beta1, beta2] = o.betas;
  for (let i = 0; i < param.length; i++) {
    const g = grad[i] * scale;
    m[i] = beta1 * m[i] + (1 - beta1) * g;
    v[i] = beta2 * v[i] + (1 - beta2) * g * g;
    const step = m[i] / (1 - beta1 ** t) / (Math.sqrt(v[i] / (1 - beta2 ** t)) + o.eps);
    param[i] -= o.lr * (o.weight_decay * decayed[i] + step);
  }
}

/** The square root of the sum of all squares in all arrays. */
export function globalNorm(grads: Iterable<Numbers>): number {
  let sum = 0;
  for (const g of grads) for (let i = 0; i < g.length; i++) sum += g[i] * g[i];
  return Math.sqrt(sum);
}

/** What gradients are multiplied with: min(1, clip / (norm + 1e-6)); a clip of 0 is off. */
export function clipScale(norm: number, clip: number): number {
  return clip === 0 ? 1 : Math.min(1, clip / (norm + 1e-6));
}

/** The learning rate of step t (from 0) of `steps`, with `warmup` steps of linear rise first. */
export function learningRate(
  t: number,
  steps: number,
  peak: number,
  schedule: 'constant' | 'linear' | 'cosine',
  warmup: number,
): number {
  if (t < warmup) return (peak * (t + 1)) / warmup;
  if (schedule === 'linear') return (peak * (steps - t)) / (steps - warmup);
  if (schedule === 'cosine') return (peak * (1 + Math.cos((Math.PI * (t - warmup)) / (steps - warmup)))) / 2;
  return peak;
}
