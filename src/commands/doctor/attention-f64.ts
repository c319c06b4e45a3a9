// Attention and its gradients in f64, by their definitions: what `doctor` holds the flash kernels against.

/** data: q, k, v and the gradient of the output, each [T, heads D]; lo: the first key that each query sees; the last is itself. */
export function attentionF64(data: Float32Array[], lo: Uint32Array, T: number, H: number, G: number, D: number) {
  const [q, k, v, dy] = data;
  const [o, dq] = [new Float64Array(T * H * D), new Float64Array(T * H * D)];
  const [dk, dv] = [new Float64Array(T * G * D), new Float64Array(T * G * D)];
  const scale = D ** -0.5;
  for (let h = 0; h < H; h++) {
    const g = Math.floor((h * G) / H);
    const at = (t: number) => (t * H + h) * D;
    const kv = (t: number) => (t * G + g) * D;
    const dot = (a: Float32Array, i: number, b: Float32Array, j: number) => {
      let sum = 0;
      for (let d = 0; d < D; d++) sum += a[i + d] * b[j + d];
      return sum;
    };
    for (let t = 0; t < T; t++) {
      const keys = Array.from({ length: t - lo[t] + 1 }, (_, i) => lo[t] + i);
      const e = keys.map((j) => Math.exp(scale * dot(q, at(t), k, kv(j))));
      const sum = e.reduce((a, b) => a + b);
      const dp = keys.map((j) => dot(dy, at(t), v, kv(j)));
      const mean = dp.reduce((a, x, i) => a + (x * e[i]) / sum, 0);
      keys.forEach((j, i) => {
        const p = e[i] / sum;
        const ds = scale * p * (dp[i] - mean);
        for (let d = 0; d < D; d++) {
          o[at(t) + d] += p * v[kv(j) + d];
          dv[kv(j) + d] += p * dy[at(t) + d];
          dq[at(t) + d] += ds * k[kv(j) + d];
          dk[kv(j) + d] += ds * q[at(t) + d];
        }
      });
    }
  }
  return { o, dq, dk, dv };
}
