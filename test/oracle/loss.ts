// f64 reference of the cross-entropy over a list of targets: row i of the logits predicts labels[i]; every row counts.
import type { Numbers } from '../compare.ts';

/** lse[n] and logprob[n] of logits[n,V], and loss = -Σ logprob, the sum and not the mean, in nats. */
export function crossEntropy(logits: Numbers, labels: Numbers, V: number) {
  const n = labels.length;
  const lse = new Float64Array(n);
  const logprob = new Float64Array(n);
  let loss = 0;
  for (let i = 0; i < n; i++) {
    let top = -Infinity;
    for (let j = 0; j < V; j++) top = Math.max(top, logits[i * V + j]);
    let sum = 0;
    for (let j = 0; j < V; j++) sum += Math.exp(logits[i * V + j] - top);
    lse[i] = top + Math.log(sum);
    logprob[i] = logits[i * V + labels[i]] - lse[i];
    loss -= logprob[i];
  }
  return { loss, lse, logprob };
}

/** dlogits[n,V] = (softmax - one-hot) scale; scale 1/n gives the gradient of the mean. */
export function crossEntropyBackward(logits: Numbers, labels: Numbers, V: number, scale = 1): Float64Array {
  const { lse } = crossEntropy(logits, labels, V);
  return Float64Array.from({ length: labels.length * V }, (_, at) => {
    const i = Math.floor(at / V);
    return scale * (Math.exp(logits[at] - lse[i]) - (at % V === labels[i] ? 1 : 0));
  });
}
