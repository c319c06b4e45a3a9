// The decoder of the Llama family, forward as the papers read; what differs between families is data in its config.
// Not here: how weights are stored (ops/weight), what of them trains (methods), where they come from (io).

import type { Program } from '../gpu/program.ts';
import { segment } from '../gpu/recompute.ts';
import { resident, type Tensor } from '../gpu/tensor.ts';
import { attention } from '../ops/attention/attention.ts';
import { qkNorm, rope } from '../ops/attention/rope.ts';
import { swiglu } from '../ops/elementwise/swiglu.ts';
import { linear } from '../ops/matmul/linear.ts';
import { rmsnorm } from '../ops/norm/rmsnorm.ts';
import type { StoredFormat } from '../ops/stored/formats.ts';
import { newStack, newVector, newVectors, newWeight, tensorsOf, type Vector, type Weight } from '../ops/stored/weight.ts';
import { embed } from '../ops/stream/embed.ts';
import type { Stream } from '../ops/stream/stream.ts';
import { type DecoderConfig, hasBias, MODULES, type Module, matrixShape, parentOf, weightName } from './config.ts';

export interface Layer {
  input_norm: Vector;
  post_norm: Vector;
  q_norm: Vector | null;
  k_norm: Vector | null;
  matrices: Record<Module, Weight>;
  biases: Record<Module, Vector | null>;
}

export interface Decoder {
  config: DecoderConfig;
  embed: Weight;
  layers: Layer[];
  norm: Vector;
  /** The embedding itself where they are tied. */
  head: Weight;
  /** cos and sin of every position and frequency [positions, head_dim / 2, 2]. */
  rope: Tensor;
}

/** Matrices of a layer by their input: those that share one are multiplied together. */
const TOGETHER: Module[][] = [['q_proj', 'k_proj', 'v_proj'], ['o_proj'], ['gate_proj', 'up_proj'], ['down_proj']];

/** A decoder's tensors, described and not yet allocated. format: how a matrix is stored on the device, by its name. */
export function newDecoder(
  c: DecoderConfig,
  positions: number,
  format: (name: string) => StoredFormat,
  maxBinding: number,
): Decoder {
  const matrix = (name: string, rows: number, cols: number) => newWeight(name, rows, cols, format(name), maxBinding);
  const embed = matrix('model.embed_tokens.weight', c.vocab_size, c.hidden_size);
  const layers = Array.from({ length: c.n_layers }, (_, l): Layer => {
    const at = `model.layers.${l}`;
    const made = TOGETHER.flatMap((modules) => {
      const named = modules.map((m) => ({ name: weightName(l, m), rows: matrixShape(c, m)[0] }));
      const [first, ...others] = named.map(({ name }) => format(name));
      const weights = others.every((f) => f === first)
        ? newStack(named, matrixShape(c, modules[0])[1], first, maxBinding)
        : named.map(({ name, rows }) => matrix(name, rows, matrixShape(c, modules[0])[1]));
      return modules.map((m, i) => [m, weights[i]] as const);
    });
    const biases = TOGETHER.flatMap((modules) => {
      const have = modules.filter((m) => hasBias(c, m));
      const named = have.map((m) => ({ name: `${at}.${parentOf(m)}.${m}.bias`, n: matrixShape(c, m)[0] }));
      const vectors = newVectors(named, maxBinding);
      return modules.map((m) => [m, vectors[have.indexOf(m)] ?? null] as const);
    });
    return {
      input_norm: newVector(`${at}.input_layernorm.weight`, c.hidden_size),
      post_norm: newVector(`${at}.post_attention_layernorm.weight`, c.hidden_size),
      q_norm: c.qk_norm ? newVector(`${at}.self_attn.q_norm.weight`, c.head_dim) : null,
      k_norm: c.qk_norm ? newVector(`${at}.self_attn.k_norm.weight`, c.head_dim) : null,
      matrices: Object.fromEntries(made) as Record<Module, Weight>,
      biases: Object.fromEntries(biases) as Record<Module, Vector | null>,
    };
  });
  const norm = newVector('model.norm.weight', c.hidden_size);
  const head = c.tie_word_embeddings ? embed : matrix('lm_head.weight', c.vocab_size, c.hidden_size);
  return { config: c, embed, layers, norm, head, rope: resident('rope', [positions, c.head_dim / 2, 2], 'other') };
}

/** The matrix of a layer that has this name in the checkpoint. */
export function matrixNamed(d: Decoder, name: string): Weight {
  const [, layer, module] = name.match(/^model\.layers\.(\d+)\.(?:self_attn|mlp)\.(\w+)\.weight$/) ?? [];
  const weight = d.layers[Number(layer)]?.matrices[module as Module];
  if (weight?.name !== name)
    throw new Error(
      `expected a matrix (${MODULES.join(', ')}) of one of this model's ${d.layers.length} layers, got ${name}: nothing else has adapters here.`,
    );
  return weight;
}

/** Every parameter once, in the order of the checkpoint. */
export function parametersOf(d: Decoder): (Weight | Vector)[] {
  const layers = d.layers.flatMap((l) => [
    ...MODULES.flatMap((m) => (l.biases[m] ? [l.matrices[m], l.biases[m]!] : [l.matrices[m]])),
    ...[l.q_norm, l.k_norm, l.input_norm, l.post_norm].filter((v) => v !== null),
  ]);
  return [d.embed, ...layers, d.norm, ...(d.head === d.embed ? [] : [d.head])];
}

/** Bytes of every parameter as it is stored. */
export const weightBytes = (d: Decoder): number =>
  parametersOf(d).reduce((sum, w) => sum + tensorsOf(w).reduce((n, t) => n + t.bytes, 0), 0);

/** What attention makes of a layer's queries, keys and values, not yet turned by position: within rows in training, over caches in decoding. */
export type Attend = (p: Program, layer: number, qkv: { q: Tensor; k: Tensor; v: Tensor }) => Tensor;

/** Hidden states [N, D] before the final norm, of the N packed tokens of the stream. */
export function hiddenStates(p: Program, d: Decoder, s: Stream, recompute = false, attend: Attend = withinRows(d, s)): Tensor {
  let h = embed(p, s, d.embed);
  d.layers.forEach((l, i) => {
    const again = recompute && i < d.layers.length - 1; // the last one's backward follows at once: nothing would be gained
    h = segment(p, `layer ${i}`, h, (x) => decoderLayer(p, d, l, i, x, attend), again);
  });
  return h;
}

function decoderLayer(p: Program, d: Decoder, l: Layer, index: number, h: Tensor, attend: Attend): Tensor {
  const { head_dim, rms_norm_eps: eps } = d.config;
  const { matrices: w, biases: b } = l;

  const x = rmsnorm(p, h, l.input_norm, eps);
  let [q, k, v] = linear(p, x, [w.q_proj, w.k_proj, w.v_proj], { bias: [b.q_proj, b.k_proj, b.v_proj] });
  if (l.q_norm && l.k_norm) [q, k] = qkNorm(p, [q, k], [l.q_norm, l.k_norm], { head_dim, eps });
  const o = attend(p, index, { q, k, v });
  const [mid] = linear(p, o, [w.o_proj], { add: h, bias: [b.o_proj] });

  const y = rmsnorm(p, mid, l.post_norm, eps);
  const [gate, up] = linear(p, y, [w.gate_proj, w.up_proj], { bias: [b.gate_proj, b.up_proj] });
  const [out] = linear(p, swiglu(p, gate, up), [w.down_proj], { add: mid, bias: [b.down_proj] });
  return out;
}

/** Whether a layer turns q and k by position. */
export const turns = (c: DecoderConfig, layer: number) => !c.nope_layers.includes(layer);

/** Heads as attention wants them. */
export function headsOf({ n_heads, n_kv_heads, head_dim }: DecoderConfig) {
  return { n_heads, n_kv_heads, head_dim, scale: 1 / Math.sqrt(head_dim) };
}

/** Attention among the tokens of each row of the stream. */
function withinRows(d: Decoder, s: Stream): Attend {
  const heads = headsOf(d.config);
  const turn = { positions: s.positions, table: d.rope, head_dim: heads.head_dim };
  return (p, layer, { q, k, v }) => {
    if (turns(d.config, layer)) rope(p, [q, k], turn);
    return attention(p, q, k, v, { ...heads, lo: s.lo, last: s.last, hi: s.hi, longest: d.rope.shape[0] });
  };
}
