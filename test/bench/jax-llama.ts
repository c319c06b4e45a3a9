// The peer: one training step (loss, gradients, Adam) of the same Llama in jax-js, jitted, on the same adapter.
// A plain port of the model as its own examples write one; nothing is left out that ours does, and nothing added.
import { defaultDevice, init, jit, nn, numpy as np, random, tree, valueAndGrad } from '@jax-js/jax';
import type { DecoderConfig } from '../../src/models/config.ts';

type Value = any; // jax-js arrays are consumed by use (`ref` keeps one alive), which no type says

export interface JaxStep {
  /** Runs one step, waits for it, and gives its loss. */
  step(): Promise<number>;
  parameters: number;
}

/** A step over one row of T tokens, everything trained; the first call compiles. */
export async function jaxStep(c: DecoderConfig, T: number): Promise<JaxStep> {
  await init('webgpu');
  defaultDevice('webgpu');
  const { hidden_size: D, intermediate_size: F, n_heads: H, n_kv_heads: K, head_dim: hd, vocab_size: V } = c;
  let seed = 0;
  const matrix = (...shape: number[]): Value => random.normal(random.key(seed++), shape).mul(0.02);
  const layer = () => ({
    n1: np.ones([D]),
    n2: np.ones([D]),
    q: matrix(D, H * hd),
    k: matrix(D, K * hd),
    v: matrix(D, K * hd),
    o: matrix(H * hd, D),
    g: matrix(D, F),
    u: matrix(D, F),
    d: matrix(F, D),
  });
  const model: Value = { emb: matrix(V, D), norm: np.ones([D]), layers: Array.from({ length: c.n_layers }, layer) };

  const rms = (x: Value, w: Value) => {
    const mean = np.mean(np.square(x.ref), -1, { keepdims: true }).add(c.rms_norm_eps);
    return x.div(np.sqrt(mean)).mul(w);
  };
  const rope = (x: Value, cos: Value, sin: Value) => {
    const [a, b] = np.split(x.ref, 2, -1) as Value[];
    return x.mul(cos).add((np.concatenate([b.neg(), a], -1) as Value).mul(sin));
  };
  const loss = (P: Value, X: Value, Y: Value, cos: Value, sin: Value) => {
    let h: Value = np.matmul(X, P.emb.ref);
    for (const l of P.layers) {
      const x = rms(h.ref, l.n1);
      const q = rope(np.matmul(x.ref, l.q).reshape([T, H, hd]), cos.ref, sin.ref);
      const k = rope(np.matmul(x.ref, l.k).reshape([T, K, hd]), cos.ref, sin.ref);
      const v = np.matmul(x, l.v).reshape([T, K, hd]);
      h = h.add(np.matmul(nn.dotProductAttention(q, k, v, { isCausal: true }).reshape([T, H * hd]), l.o));
      const y = rms(h.ref, l.n2);
      h = h.add(np.matmul((nn.silu(np.matmul(y.ref, l.g)) as Value).mul(np.matmul(y, l.u)), l.d));
    }
    cos.dispose();
    sin.dispose();
    const logits = np.matmul(rms(h, P.norm), np.transpose(P.emb));
    return (nn.logSoftmax(logits, -1) as Value).mul(Y).sum().neg().div(T);
  };
  const update: Value = jit((P: Value, M: Value, S: Value, X: Value, Y: Value, cos: Value, sin: Value): Value => {
    const [l, g] = (valueAndGrad as Value)(loss)(tree.ref(P), X, Y, cos, sin);
    const M2 = tree.map((m: Value, d: Value) => m.mul(0.9).add(d.mul(0.1)), M, tree.ref(g));
    const S2 = tree.map((s: Value, d: Value) => s.mul(0.999).add((np.square(d) as Value).mul(0.001)), S, g);
    const move = (w: Value, m: Value, s: Value) => w.sub(m.div((np.sqrt(s) as Value).add(1e-8)).mul(1e-3));
    return [l, tree.map(move, P, tree.ref(M2), tree.ref(S2)), M2, S2];
  });

  const ids = Array.from({ length: T + 1 }, (_, i) => (i * 7 + ((i * i) % 13)) % V);
  const hot = (of: number[]): Value => nn.oneHot(np.array(of, { dtype: np.int32 }), V);
  const [X, Y] = [hot(ids.slice(0, T)), hot(ids.slice(1))];
  const angles = Array.from({ length: T * hd }, (_, i) => Math.floor(i / hd) / 10000 ** ((2 * (i % (hd / 2))) / hd));
  const [cos, sin] = [Math.cos, Math.sin].map((f): Value => np.array(angles.map(f)).reshape([T, 1, hd]));
  const zeros = () => tree.map((x: Value) => np.zerosLike(x), tree.ref(model));
  let state: Value[] = [model, zeros(), zeros()];
  return {
    parameters: (tree.leaves(model) as Value[]).reduce((n, x) => n + x.size, 0),
    async step() {
      const [l, ...next] = update(...state, X.ref, Y.ref, cos.ref, sin.ref);
      state = next;
      return (await l.data())[0];
    },
  };
}
