// A decoder with random weights, made in memory: what speed and memory are measured on where no model file is wanted.

import { allocate, type Scope } from '../../gpu/scope.ts';
import { write } from '../../gpu/tensor.ts';
import type { DecoderConfig } from '../../models/config.ts';
import { type Decoder, parametersOf } from '../../models/decoder.ts';
import type { PackedRows } from '../../models/inputs.ts';
import { ropeTable } from '../../ops/attention/rope.ts';
import { tensorsOf, type Vector, type Weight } from '../../ops/stored/weight.ts';

/** The measured model: a Llama of 3.3 million parameters. */
export const LLAMA_3M: DecoderConfig = llama({
  hidden_size: 256,
  intermediate_size: 768,
  n_layers: 4,
  n_heads: 8,
  n_kv_heads: 4,
  head_dim: 32,
  vocab_size: 512,
});

/** SmolLM2-135M's layers, four of them: wide enough that a share of its blocks is a share of its work. */
export const LLAMA_16M: DecoderConfig = llama({
  hidden_size: 576,
  intermediate_size: 1536,
  n_layers: 4,
  n_heads: 9,
  n_kv_heads: 3,
  head_dim: 64,
  vocab_size: 4096,
});

/** Llama-3.2-1B's shapes, from its public config: for memory plans, which need no weights. */
export const LLAMA_1B: DecoderConfig = llama({
  hidden_size: 2048,
  intermediate_size: 8192,
  n_layers: 16,
  n_heads: 32,
  n_kv_heads: 8,
  head_dim: 64,
  vocab_size: 128256,
});

type Shape = Pick<
  DecoderConfig,
  'hidden_size' | 'intermediate_size' | 'n_layers' | 'n_heads' | 'n_kv_heads' | 'head_dim' | 'vocab_size'
>;

function llama(shape: Shape): DecoderConfig {
  return {
    ...shape,
    rms_norm_eps: 1e-5,
    rope: { theta: 10000, scaling: null },
    attention_bias: false,
    o_bias: false,
    mlp_bias: false,
    qk_norm: false,
    nope_layers: [],
    tie_word_embeddings: true,
    pad_token_id: null,
  };
}

/** Allocates a decoder stored as f32 and writes what `values` gives for each parameter, and the RoPE table. */
export function fillDecoder(scope: Scope, d: Decoder, values: (w: Weight | Vector) => Float32Array<ArrayBuffer>): void {
  const { memory } = scope;
  for (const w of parametersOf(d)) {
    const all = values(w);
    for (const t of tensorsOf(w)) allocate(scope, t.home!);
    if (!('windows' in w)) {
      write(memory, w.value, all);
      continue;
    }
    if (w.format !== 'f32') throw new Error(`expected ${w.name} as f32, got ${w.format}: values are written as f32`);
    for (const { q, r0, r1 } of w.windows) write(memory, q, all.subarray(r0 * w.cols, r1 * w.cols));
  }
  allocate(scope, d.rope.home!);
  write(memory, d.rope, ropeTable(d.config.rope, d.config.head_dim, d.rope.shape[0]));
}

/** Matrices normal with this deviation, vectors 1. */
export function randomValues(seed: number, deviation = 0.02): (w: Weight | Vector) => Float32Array<ArrayBuffer> {
  const next = normal(seed);
  return (w) =>
    'windows' in w
      ? Float32Array.from({ length: w.rows * w.cols }, () => deviation * next())
      : new Float32Array(w.value.shape[0]).fill(1);
}

/** `rows` rows of T tokens, every token but the first of a row a target. */
export function someRows(rows: number, T: number, vocabulary: number): PackedRows {
  const n = rows * T;
  const m = rows * (T - 1);
  const rowStart = (i: number) => i - (i % T);
  const ids = Uint32Array.from({ length: n }, (_, i) => (i * 7 + ((i * i) % 13)) % vocabulary);
  const targetIndex = Uint32Array.from({ length: m }, (_, t) => Math.floor(t / (T - 1)) * T + (t % (T - 1)));
  return {
    n,
    m,
    ids,
    positions: Uint32Array.from({ length: n }, (_, i) => i % T),
    lo: Uint32Array.from({ length: n }, (_, i) => rowStart(i)),
    hi: Uint32Array.from({ length: n }, (_, i) => rowStart(i) + T - 1),
    targetIndex,
    targetId: targetIndex.map((i) => ids[i + 1]),
  };
}

/** Normal numbers from a seed (xorshift and Box-Muller). */
export function normal(seed: number): () => number {
  let x = seed >>> 0 || 1;
  const uniform = () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return ((x >>> 0) + 0.5) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
