// Self-tests of the two ends of a step: the loss with its gradient, and the optimizer with its norm.

import { type Planning, planningOf } from '../../gpu/limits.ts';
import { type Program, temp } from '../../gpu/program.ts';
import { resident, type Tensor } from '../../gpu/tensor.ts';
import { crossEntropy, lossSum } from '../../ops/loss/crossentropy.ts';
import { headPanels, panelsOf } from '../../ops/loss/head-panels.ts';
import { adamw } from '../../ops/optimizer/adamw.ts';
import { gradNorm, newOptimizerState, newResults } from '../../ops/optimizer/gradnorm.ts';
import { momentsOf, newTrained } from '../../ops/optimizer/trained.ts';
import { newWeight } from '../../ops/stored/weight.ts';
import { newStream, SCALARS } from '../../ops/stream/stream.ts';
import { type Check, given, type Input, near, noise, noisy, zeros } from './check.ts';
import { timesF64 } from './f64.ts';

export function learningChecks(): Check[] {
  const losses = Object.entries({ 'by 4': 1004, 'by 1': 1003 }).flatMap(([by, V]) =>
    [true, false].map((train) => ({
      name: `crossentropy ${by}${train ? ' with gradients' : ''}`,
      make: () => losing(V, train),
    })),
  );
  const panels = [true, false].map((train) => ({
    name: `head in panels${train ? ' with gradients' : ''}`,
    planning: (of: Planning) => ({ ...planningOf(of, { half: false, choices: {} }), software: false }),
    make: ({ maxBinding }: Planning) => paneled(train, maxBinding),
  }));
  return [
    ...losses,
    ...panels,
    { name: 'adamw', make: () => updating(false) },
    { name: 'adamw on a base', make: () => updating(true) },
    { name: 'adamw of a step to skip', make: skipping },
  ];
}

function losing(V: number, train: boolean) {
  const rows = 5;
  const logits = given(
    'logits',
    [rows, V],
    noise(rows * V, 20).map((x) => 8 * x),
  );
  const ids = Uint32Array.from({ length: rows }, (_, r) => (r * 331) % V);
  const { stream: s, inputs } = targetsOf(ids);
  const logprob = resident('logprob', [rows], 'other');
  const build = (p: Program) => {
    const { targetAt, targetId, scalars } = s;
    crossEntropy(p, logits[0], { m: rows, at: 0, V, targetAt, targetId, scalars, logprob, train });
    const summed = temp(p, 'loss', [1]);
    lossSum(p, logprob, rows, summed);
    return [logprob, logits[0], summed];
  };
  const { logprobs, gradients } = lossF64(logits[1], ids, V);
  const total = Float64Array.of(-logprobs.reduce((a, b) => a + b));
  const after = train ? gradients : Float64Array.from(logits[1]);
  return { inputs: [...inputs, logits], build, want: [near(logprobs, 1e-5), near(after, 1e-5), near(total, 1e-5)] };
}

/** Three panels of the vocabulary, by the kernels of GPUs. */
function paneled(train: boolean, maxBinding: number) {
  const [M, V, D] = [5, 192, 16];
  const [x, w] = [noisy('x', [M, D], 21), newWeight('w', V, D, 'f32', maxBinding)];
  const W = noise(V * D, 22);
  const ids = Uint32Array.from({ length: M }, (_, r) => (r * 331) % V);
  const { stream: s, inputs } = targetsOf(ids);
  const build = (p: Program) => {
    const [logprob, dx] = [temp(p, 'logprob', [M]), temp(p, 'dx', [M, D])];
    headPanels(p, x[0], w, panelsOf(p, x[0], w, M, 4 * M * 64)!, s, logprob, train ? dx : null);
    return train ? [logprob, dx] : [logprob];
  };
  const { logprobs, gradients } = lossF64(timesF64('nt', x[1], W, M, V, D), ids, V);
  const want = [logprobs, ...(train ? [timesF64('nn', gradients, W, M, D, V)] : [])];
  return { inputs: [...inputs, x, [w.windows[0].q, W] as const], build, want: want.map((v) => near(v, 1e-5)) };
}

/** Targets predicted by the rows in order. */
function targetsOf(ids: Uint32Array<ArrayBuffer>) {
  const stream = newStream(ids.length, ids.length);
  const scalars = new Float32Array(SCALARS.count);
  scalars[SCALARS.invTargets] = 1 / ids.length;
  const inputs: Input[] = [
    [stream.targetAt, Uint32Array.from(ids.keys())],
    [stream.targetId, ids],
    [stream.scalars, scalars],
  ];
  return { stream, inputs };
}

/** Log-probability of each target, and the mean loss's gradient by the logits. */
function lossF64(logits: ArrayLike<number>, ids: Uint32Array, V: number) {
  const gradients = new Float64Array(logits.length);
  const logprobs = Float64Array.from(ids, (id, r) => {
    const row = Float64Array.from({ length: V }, (_, c) => Math.exp(logits[r * V + c]));
    const sum = row.reduce((a, b) => a + b);
    row.forEach((e, c) => (gradients[r * V + c] = (e / sum - (c === id ? 1 : 0)) / ids.length));
    return logits[r * V + id] - Math.log(sum);
  });
  return { logprobs, gradients };
}

const OPTIONS = { betas: [0.9, 0.95] as const, eps: 1e-8, weightDecay: 0.1, clip: 1 };
const LR = 1e-2;
const n = 1001;

/** Two steps, the first clipped. */
function updating(onBase: boolean) {
  const base = onBase ? noisy('base', [n], 32) : undefined;
  const grads = [
    noisy('grad', [n], 31),
    given(
      'small',
      [n],
      noise(n, 33).map((g) => g / 100),
    ),
  ];
  const { inputs, build, values, norms } = optimizer(grads, base);
  return { inputs, build, want: [near(values, 1e-6), near(Float64Array.of(0, norms[1], 0, 0), 1e-6)] };
}

/** A step, and one whose gradient is not finite, which moves nothing. */
function skipping() {
  const grads = [noisy('grad', [n], 34), noisy('infinite', [n], 35)];
  grads[1][1][n - 1] = Number.POSITIVE_INFINITY;
  const { inputs, build, values } = optimizer(grads);
  return { inputs, build: (p: Program) => build(p).slice(0, 1), want: [near(values, 1e-6)] };
}

type Held = readonly [Tensor, Float32Array<ArrayBuffer>];

/** A step of the optimizer by each gradient from its beginning; the build answers the value and what the last step reports. */
function optimizer(grads: Held[], base?: Held) {
  const value = noisy('value', [n], 30);
  const [state, results] = [newOptimizerState(), newResults()];
  const { scalars } = newStream(1, 1);
  const kept = newTrained(value[0], grads[0][0], { decay: true, base: base?.[0] });
  const build = (p: Program) => {
    for (const [grad] of grads) {
      gradNorm(p, [grad], state, results, OPTIONS);
      adamw(p, [{ ...kept, grad }], state, scalars, OPTIONS);
    }
    return [value[0], results];
  };
  const numbers = new Float32Array(SCALARS.count);
  numbers[SCALARS.lr] = LR;
  const first = [...momentsOf(kept), state, results].map(zeros);
  const inputs: Input[] = [value, ...grads, ...(base ? [base] : []), [scalars, numbers], ...first];
  return { inputs, build, ...adamwF64(value[1], grads, base?.[1]) };
}

/** AdamW as PyTorch defines it; a gradient that is not finite is no step. */
function adamwF64(value: Float32Array, grads: Held[], base?: Float32Array) {
  const { betas, eps, weightDecay, clip } = OPTIONS;
  const [values, m, v] = [Float64Array.from(value), new Float64Array(n), new Float64Array(n)];
  const norms = grads.map(([, g]) => Math.sqrt(g.reduce((sum, y) => sum + y * y, 0)));
  let step = 0;
  grads.forEach(([, g], k) => {
    if (!Number.isFinite(norms[k])) return;
    step++;
    const [rest1, rest2] = betas.map((beta) => 1 - beta ** step);
    for (let i = 0; i < n; i++) {
      const c = g[i] * Math.min(1, clip / (norms[k] + 1e-6));
      m[i] = betas[0] * m[i] + (1 - betas[0]) * c;
      v[i] = betas[1] * v[i] + (1 - betas[1]) * c * c;
      const towards = m[i] / rest1 / (Math.sqrt(v[i] / rest2) + eps);
      values[i] -= LR * (weightDecay * (values[i] + (base?.[i] ?? 0)) + towards);
    }
  });
  return { values, norms };
}
