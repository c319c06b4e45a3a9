// The self-tests of `doctor`: for each kernel small inputs and what f64 makes of them.

import { random } from '../../data/random.ts';
import type { Planning } from '../../gpu/limits.ts';
import type { Program } from '../../gpu/program.ts';
import { backward, giveGrad, gradOf, temp } from '../../gpu/program.ts';
import { resident, type Tensor } from '../../gpu/tensor.ts';
import { decode } from '../../io/dequant.ts';
import { moments } from '../../methods/full.ts';
import { attention } from '../../ops/attention/attention.ts';
import type { Form } from '../../ops/attention/forms.ts';
import { crossEntropy } from '../../ops/loss/crossentropy.ts';
import { multiply, whole } from '../../ops/matmul/gemm.ts';
import { eligible, type Shape, VARIANTS, type Variant } from '../../ops/matmul/gemm-variants.ts';
import { adamw } from '../../ops/optimizer/adamw.ts';
import { gradNorm, newOptimizerState, newResults } from '../../ops/optimizer/gradnorm.ts';
import { STORED, type StoredFormat, splitQuants } from '../../ops/stored/formats.ts';
import { unpack } from '../../ops/stored/unpack.ts';
import { newWeight } from '../../ops/stored/weight.ts';
import { newStream } from '../../ops/stream/stream.ts';
import { attentionF64 } from './attention.ts';

export interface Check {
  name: string;
  /** Why a device does not use this kernel, where it does not. */
  lacks?(planning: Planning): string | undefined;
  make(planning: Planning): {
    inputs: [Tensor, ArrayBufferView<ArrayBuffer>][];
    /** Appends the work; answers the tensors to look at. */
    build(p: Program): Tensor[];
    want: Wanted[];
  };
}

/** Values of an output, and how far element i may be off. */
interface Wanted {
  values: Float64Array;
  bound(i: number): number;
}

const ULP = 2 ** -24;
/** Two operands and their product are rounded to f16, each by half a unit. */
const HALF_ULPS = 3;

/** All within this share of the largest. */
function near(values: Float64Array, share: number): Wanted {
  const most = values.reduce((m, v) => Math.max(m, Math.abs(v)), 1e-30);
  return { values, bound: () => share * most };
}

function noise(n: number, seed: number): Float32Array<ArrayBuffer> {
  const next = random(seed);
  return Float32Array.from({ length: n }, () => next() / 2 ** 31 - 1);
}

/** Every variant of the product, every stored format, both forms of attention, the loss and the update. */
export function checks(): Check[] {
  return [
    ...VARIANTS.map(product),
    ...(Object.keys(STORED) as StoredFormat[]).map(unpacking),
    ...FORMS.map((form) => ({ name: `attention ${form}`, make: () => attending(form) })),
    { name: 'crossentropy', make: losing },
    { name: 'adamw', make: updating },
  ];
}

const FORMS: Form[] = ['registers', 'subgroup', 'tiles'];

// --- the product ------------------------------------------------------------------------------------------------------

/** Sizes that fill no tile. */
const [M, N, K] = [76, 68, 44];

/** The checks of half precision alone: what a run asks before it uses it. */
export const halfChecks = (): Check[] => VARIANTS.filter((v) => v.half).map(product);

function product(v: Variant): Check {
  const { layout } = v;
  const lda = layout === 'tn' ? M : K;
  const ldb = layout === 'nt' ? K : N;
  const shape: Shape = { m: M, n: N, k: K, a_at: 0, lda, b_at: 0, ldb, c_at: 0, ldc: N };
  return {
    name: v.name,
    lacks: (planning) =>
      eligible(v, shape, planning) ? undefined : v.half ? 'it wants shader-f16' : `it wants subgroups of ${v.lanes}`,
    make() {
      const [a, b] = [noise(M * K, 1), noise(N * K, 2)];
      const ta = resident('a', [M * K], 'other');
      const tb = resident('b', [N * K], 'other');
      const tc = resident('c', [M, N], 'other');
      const build = (p: Program) => {
        multiply(p, v, { t: ta, at: 0, ld: lda }, { t: tb, at: 0, ld: ldb }, whole(tc), M, N, K, 0);
        return [tc];
      };
      const values = new Float64Array(M * N);
      const sizes = new Float64Array(M * N);
      for (let i = 0; i < M; i++)
        for (let j = 0; j < N; j++)
          for (let k = 0; k < K; k++) {
            const term = a[layout === 'tn' ? k * M + i : i * K + k] * b[layout === 'nt' ? j * K + k : k * N + j];
            values[i * N + j] += term;
            sizes[i * N + j] += Math.abs(term);
          }
      const want = [{ values, bound: (i: number) => (v.half ? HALF_ULPS * 2 ** -11 : 2 * Math.sqrt(K) * ULP) * sizes[i] }];
      return {
        inputs: [
          [ta, a],
          [tb, b],
        ],
        build,
        want,
      };
    },
  };
}

// --- stored formats ---------------------------------------------------------------------------------------------------

function unpacking(format: StoredFormat): Check {
  const [rows, cols] = [6, 512];
  return {
    name: `unpack ${format}`,
    make({ maxBinding }) {
      const { block, bytes } = STORED[format];
      const next = random(3);
      // bit 6 of no byte is set, so that whatever is read as a float is finite and below 2
      const stored = Uint8Array.from({ length: (rows * cols * bytes) / block }, () => next() & 0xbf);
      const w = newWeight('w', rows, cols, format, maxBinding);
      const { q, s } = splitQuants(format, stored);
      const inputs: [Tensor, Uint8Array<ArrayBuffer>][] = [[w.windows[0].q, q]];
      if (s) inputs.push([w.windows[0].s!, s]);
      const build = (p: Program) => {
        const panel = temp(p, 'panel', [rows, cols]);
        unpack(p, w, w.windows[0], 0, rows, panel);
        return [panel];
      };
      return { inputs, build, want: [near(Float64Array.from(decode(format, stored, rows * cols)), 4 * ULP)] };
    },
  };
}

// --- attention --------------------------------------------------------------------------------------------------------

/** Two packed rows, grouped queries, forward and backward. */
function attending(form: Form) {
  const [T, H, G, D] = [37, 4, 2, 16];
  const lo = Uint32Array.from({ length: T }, (_, i) => (i < 14 ? 0 : 14));
  const hi = lo.map((first) => (first ? T - 1 : 13));
  const s = newStream(T, 1);
  const sizes = [H, G, G, H].map((heads) => heads * D);
  const data = sizes.map((width, i) => noise(T * width, 10 + i));
  const [q, k, v, dy] = sizes.map((width, i) => resident('qkvd'[i], [T, width], 'other'));
  const build = (p: Program) => {
    for (const t of [q, k, v]) p.needs.add(t);
    const scale = D ** -0.5;
    const o = attention(p, q, k, v, { lo: s.lo, last: s.last, hi: s.hi, n_heads: H, n_kv_heads: G, head_dim: D, scale, form });
    giveGrad(p, o, dy);
    backward(p);
    return [o, ...[q, k, v].map((t) => gradOf(p, t)!)];
  };
  const inputs: [Tensor, ArrayBufferView<ArrayBuffer>][] = [
    [q, data[0]],
    [k, data[1]],
    [v, data[2]],
    [dy, data[3]],
    [s.lo, lo],
    [s.hi, hi],
    [s.last, Uint32Array.from({ length: T }, (_, i) => i)],
  ];
  const { o, dq, dk, dv } = attentionF64(data, lo, T, H, G, D);
  return { inputs, build, want: [o, dq, dk, dv].map((x) => near(x, 1e-5)) };
}

// --- loss and update --------------------------------------------------------------------------------------------------

function losing() {
  const [rows, V] = [5, 1003];
  const logits = noise(rows * V, 20).map((x) => 8 * x);
  const ids = Uint32Array.from({ length: rows }, (_, r) => (r * 331) % V);
  const s = newStream(rows, rows);
  const t = resident('logits', [rows, V], 'other');
  const logprob = resident('logprob', [rows], 'other');
  const build = (p: Program) => {
    const { targetAt, targetId, scalars } = s;
    crossEntropy(p, t, { m: rows, at: 0, V, targetAt, targetId, scalars, logprob, train: true });
    return [logprob, t];
  };
  const gradients = new Float64Array(rows * V);
  const logprobs = Float64Array.from(ids, (id, r) => {
    const row = Float64Array.from(logits.subarray(r * V, (r + 1) * V), Math.exp);
    const sum = row.reduce((a, b) => a + b);
    row.forEach((e, c) => (gradients[r * V + c] = (e / sum - (c === id ? 1 : 0)) / rows));
    return logits[r * V + id] - Math.log(sum);
  });
  const scalars = new Float32Array(8);
  scalars[0] = Math.fround(1 / rows);
  const inputs: [Tensor, ArrayBufferView<ArrayBuffer>][] = [
    [t, logits],
    [s.targetAt, Uint32Array.from(ids.keys())],
    [s.targetId, ids],
    [s.scalars, scalars],
  ];
  return { inputs, build, want: [near(logprobs, 1e-5), near(gradients, 1e-5)] };
}

/** The first step of AdamW, clipped. */
function updating() {
  const n = 1001;
  const options = { betas: [0.9, 0.95] as const, eps: 1e-8, weightDecay: 0.1, clip: 1 };
  const lr = 1e-2;
  const [value, grad] = ['value', 'grad'].map((name) => resident(name, [n], 'other'));
  const [x, g] = [noise(n, 30), noise(n, 31)];
  const trained = { ...moments('x', [n]), value, grad, decay: true };
  const [state, results] = [newOptimizerState(), newResults()];
  const { scalars } = newStream(1, 1);
  const build = (p: Program) => {
    gradNorm(p, [grad], state, results, options);
    adamw(p, [trained], state, scalars, options);
    return [value];
  };
  const norm = Math.sqrt(g.reduce((sum, y) => sum + y * y, 0));
  const values = Float64Array.from(x, (w, i) => {
    const c = g[i] * Math.min(1, options.clip / (norm + 1e-6));
    return w - lr * (options.weightDecay * w + c / (Math.abs(c) + options.eps)); // at the first step m̂ = g and √v̂ = |g|
  });
  const inputs: [Tensor, ArrayBufferView<ArrayBuffer>][] = [
    [value, x],
    [grad, g],
    [scalars, Float32Array.of(1, lr, 0, 0, 0, 0, 0, 0)],
  ];
  return { inputs, build, want: [near(values, 1e-6)] };
}
