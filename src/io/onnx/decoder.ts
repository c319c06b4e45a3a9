// The decoder as a graph of plain ONNX operators, with a key/value cache that goes in and comes out, named as transformers.js asks for
// it. The stream stays [B T, D] f32 so that a weight is read as checkpoints store it, [out, in] (Gemm with transB), and a tied head is
// the embedding itself. In f16 products and cache are halves; norms, their sums and the stream are not, for there f16 overflows.
import {
  type DecoderConfig,
  hasBias,
  type Module,
  parentOf,
  ropeFrequencies,
  ropeLength,
  weightName,
} from '../../models/config.ts';
import { encode } from '../quant.ts';
import {
  type ElementType,
  type Graph,
  initializer,
  integers,
  newGraph,
  number,
  op,
  split,
  TYPES,
  type Value,
  valueInfo,
} from './graph.ts';

/** How the graph finds the model's weights: vectors in f32 or the products' type, and products with its matrices. */
export interface Weights {
  /** The type of products and of the cache. */
  type: 'f32' | 'f16';
  embedding(g: Graph): Value;
  vector(g: Graph, name: string, type: 'f32' | 'f16'): Value;
  /** x W^T + bias: x [n, in] to [n, out]. */
  product(g: Graph, x: Value, name: string, bias: Value | undefined): Value;
}

/** What a graph needs of a config beside the decoder's arithmetic. */
export type GraphConfig = DecoderConfig & { max_position_embeddings: number };

/** The graph: input_ids, attention_mask, position_ids and the cache to logits [B, T, V] in f32 and the cache with the new tokens. */
export function decoderGraph(c: GraphConfig, weights: Weights): Graph {
  const g = newGraph();
  describe(g, c, weights.type);
  const call = callOf(g, c, weights.type);
  g.scope = 'model';
  const ids = op(g, 'Reshape', ['input_ids', integers(g, [-1])]);
  let h = cast(g, op(g, 'Gather', [weights.embedding(g), ids]), weights.type, 'f32');
  for (let layer = 0; layer < c.n_layers; layer++) h = decoderLayer(g, c, weights, call, layer, h);
  g.scope = 'head';
  const x = norm(g, c, h, weights.vector(g, 'model.norm.weight', 'f32'), weights.type);
  const head = c.tie_word_embeddings ? 'model.embed_tokens.weight' : 'lm_head.weight';
  const logits = cast(g, weights.product(g, x, head, undefined), weights.type, 'f32');
  op(g, 'Reshape', [logits, call.shapes.logits], {}, { output: 'logits' });
  return g;
}

/** What all layers share of a call: its sizes, which keys a query sees, and how far each position turns. */
interface Call {
  /** [B, T, ...]: heads of queries beside their key head, heads of keys, the vocabulary. */
  shapes: Record<'queries' | 'keys' | 'logits', Value>;
  /** [B, 1, 1, T, past + T] */
  seen: Value;
  /** cos and sin of each position, as halves of a head twice: [B, T, head_dim] with axes inserted for keys and for queries. */
  turn: Record<'keys' | 'queries', [cos: Value, sin: Value]>;
}

function describe(g: Graph, c: GraphConfig, type: 'f32' | 'f16'): void {
  const cache = (name: string, past: string) => valueInfo(name, type, ['batch_size', c.n_kv_heads, past, c.head_dim]);
  g.inputs.push(
    valueInfo('input_ids', 'i64', ['batch_size', 'sequence_length']),
    valueInfo('attention_mask', 'i64', ['batch_size', 'total_sequence_length']),
    valueInfo('position_ids', 'i64', ['batch_size', 'sequence_length']),
  );
  g.outputs.push(valueInfo('logits', 'f32', ['batch_size', 'sequence_length', c.vocab_size]));
  for (let layer = 0; layer < c.n_layers; layer++)
    for (const part of ['key', 'value']) {
      g.inputs.push(cache(`past_key_values.${layer}.${part}`, 'past_sequence_length'));
      g.outputs.push(cache(`present.${layer}.${part}`, 'total_sequence_length'));
    }
}

function callOf(g: Graph, c: GraphConfig, type: 'f32' | 'f16'): Call {
  g.scope = 'call';
  const sizes = op(g, 'Shape', ['input_ids']);
  const tokens = op(g, 'Gather', [sizes, integers(g, [1])]);
  const shape = (...last: number[]) => op(g, 'Concat', [sizes, integers(g, last)], { axis: 0 });
  const shapes = {
    queries: shape(c.n_kv_heads, c.n_heads / c.n_kv_heads, c.head_dim),
    keys: shape(c.n_kv_heads, c.head_dim),
    logits: shape(c.vocab_size),
  };
  return { shapes, seen: seenKeys(g, tokens), turn: turns(g, c, type) };
}

// A query at place past + i sees keys up to that place, and none that the caller masks: padding.
function seenKeys(g: Graph, tokens: Value): Value {
  const scalar = (x: Value) => op(g, 'Squeeze', [x]);
  const all = scalar(op(g, 'Gather', [op(g, 'Shape', ['attention_mask']), integers(g, [1])]));
  const places = (from: Value) => op(g, 'Range', [from, all, integers(g, 1)]);
  const queries = op(g, 'Unsqueeze', [places(op(g, 'Sub', [all, scalar(tokens)])), integers(g, [1])]);
  const before = op(g, 'LessOrEqual', [places(integers(g, 0)), queries]);
  const kept = op(g, 'Cast', ['attention_mask'], { to: TYPES.bool.id });
  return op(g, 'And', [before, op(g, 'Unsqueeze', [kept, integers(g, [1, 2, 3])])]);
}

/** Positions to a row of the fine table. */
const STEP = 256;

// cos and sin of a position from those of its multiple of 256 and of the rest, both made in f64: right to f32 at every position, where
// a product of position and frequency in f32 is not, nor a GPU's cosine of a large angle.
function turns(g: Graph, c: GraphConfig, type: 'f32' | 'f16'): Call['turn'] {
  const fine = turnTable(g, c, 'fine', STEP, 1, ropeLength(c.rope));
  const coarse = turnTable(g, c, 'coarse', Math.ceil(c.max_position_embeddings / STEP), STEP, 1);
  const step = integers(g, STEP);
  const [cos0, sin0] = split(g, op(g, 'Gather', [fine, op(g, 'Mod', ['position_ids', step])]), 2);
  const [cos1, sin1] = split(g, op(g, 'Gather', [coarse, op(g, 'Div', ['position_ids', step])]), 2);
  const mul = (a: Value, b: Value) => op(g, 'Mul', [a, b]);
  const half = [op(g, 'Sub', [mul(cos0, cos1), mul(sin0, sin1)]), op(g, 'Add', [mul(sin0, cos1), mul(cos0, sin1)])];
  const whole = half.map((x) => cast(g, op(g, 'Concat', [x, x], { axis: -1 }), 'f32', type));
  const at = (axes: number[]) => whole.map((x) => op(g, 'Unsqueeze', [x, integers(g, axes)])) as [Value, Value];
  return { keys: at([1]), queries: at([1, 2]) };
}

// [rows, head_dim]: cosines of each pair of dimensions, then sines, of this length; row i is position i * step.
function turnTable(g: Graph, c: GraphConfig, name: string, rows: number, step: number, length: number): Value {
  const frequencies = ropeFrequencies(c.rope, c.head_dim);
  const table = Array.from({ length: rows }, (_, i) =>
    [Math.cos, Math.sin].flatMap((f) => frequencies.map((frequency) => length * f(i * step * frequency))),
  );
  const bytes = () => [encode('f32', Float32Array.from(table.flat()))];
  return initializer(g, { name: `rope.${name}`, type: 'f32', dims: [rows, c.head_dim], bytes });
}

function decoderLayer(g: Graph, c: GraphConfig, w: Weights, call: Call, layer: number, h: Value): Value {
  const at = `model.layers.${layer}`;
  const linear = (x: Value, m: Module) => {
    const bias = hasBias(c, m) ? w.vector(g, `${at}.${parentOf(m)}.${m}.bias`, w.type) : undefined;
    return w.product(g, x, weightName(layer, m), bias);
  };
  const add = (y: Value) => op(g, 'Add', [h, cast(g, y, w.type, 'f32')]);

  g.scope = `${at}.self_attn`;
  const x = norm(g, c, h, w.vector(g, `${at}.input_layernorm.weight`, 'f32'), w.type);
  const [q, k, v] = (['q_proj', 'k_proj', 'v_proj'] as const).map((m) => linear(x, m));
  h = add(linear(attention(g, c, w, call, layer, { q, k, v }), 'o_proj'));

  g.scope = `${at}.mlp`;
  const y = norm(g, c, h, w.vector(g, `${at}.post_attention_layernorm.weight`, 'f32'), w.type);
  const [gate, up] = (['gate_proj', 'up_proj'] as const).map((m) => linear(y, m));
  const silu = op(g, 'Mul', [gate, op(g, 'Sigmoid', [gate])]);
  return add(linear(op(g, 'Mul', [silu, up]), 'down_proj'));
}

/** What a score becomes that does not count: finite, so that a row of padding alone has no NaN. */
const LOWEST = { f32: -3.4e38, f16: -65504 };

// Queries are laid beside the key head that they share, [B, K, H / K, T, head_dim], so that the cache is never repeated.
function attention(g: Graph, c: GraphConfig, w: Weights, call: Call, layer: number, x: Record<'q' | 'k' | 'v', Value>): Value {
  const { n_heads, head_dim } = c;
  const heads = (value: Value, of: 'keys' | 'queries', head?: 'q_norm' | 'k_norm') => {
    const apart = op(g, 'Reshape', [value, call.shapes[of]]);
    if (!head || !c.qk_norm) return apart;
    const weight = w.vector(g, `model.layers.${layer}.self_attn.${head}.weight`, 'f32');
    return norm(g, c, cast(g, apart, w.type, 'f32'), weight, w.type);
  };
  const transpose = (value: Value, perm: number[]) => op(g, 'Transpose', [value], { perm });
  const turned = (value: Value, of: 'keys' | 'queries') =>
    c.nope_layers.includes(layer) ? value : rope(g, value, call.turn[of]);
  const cached = (value: Value, part: 'key' | 'value') =>
    op(g, 'Concat', [`past_key_values.${layer}.${part}`, value], { axis: 2 }, { output: `present.${layer}.${part}` });
  const shared = (value: Value) => op(g, 'Unsqueeze', [value, integers(g, [2])]);

  const q = turned(transpose(heads(x.q, 'queries', 'q_norm'), [0, 2, 3, 1, 4]), 'queries');
  const k = cached(turned(transpose(heads(x.k, 'keys', 'k_norm'), [0, 2, 1, 3]), 'keys'), 'key');
  const v = cached(transpose(heads(x.v, 'keys'), [0, 2, 1, 3]), 'value');

  const scaled = op(g, 'Mul', [q, number(g, w.type, 1 / Math.sqrt(head_dim))]);
  const scores = op(g, 'MatMul', [scaled, shared(transpose(k, [0, 1, 3, 2]))]);
  const masked = op(g, 'Where', [call.seen, scores, number(g, w.type, LOWEST[w.type])]);
  const mixed = op(g, 'MatMul', [op(g, 'Softmax', [masked], { axis: -1 }), shared(v)]);
  return op(g, 'Reshape', [transpose(mixed, [0, 3, 1, 2, 4]), integers(g, [-1, n_heads * head_dim])]);
}

// x cos + (-x2, x1) sin, x1 and x2 the halves of a head.
function rope(g: Graph, x: Value, [cos, sin]: [Value, Value]): Value {
  const [x1, x2] = split(g, x, 2);
  const across = op(g, 'Concat', [op(g, 'Neg', [x2]), x1], { axis: -1 });
  return op(g, 'Add', [op(g, 'Mul', [x, cos]), op(g, 'Mul', [across, sin])]);
}

// x / rms(x) w of f32, then as `type`; in the operators that onnxruntime fuses into one.
function norm(g: Graph, c: GraphConfig, x: Value, weight: Value, type: 'f32' | 'f16'): Value {
  const squares = op(g, 'ReduceMean', [op(g, 'Pow', [x, number(g, 'f32', 2)]), integers(g, [-1])], { keepdims: 1 });
  const length = op(g, 'Sqrt', [op(g, 'Add', [squares, number(g, 'f32', c.rms_norm_eps)])]);
  return cast(g, op(g, 'Mul', [op(g, 'Div', [x, length]), weight]), 'f32', type);
}

const cast = (g: Graph, x: Value, from: ElementType, to: ElementType) =>
  from === to ? x : op(g, 'Cast', [x], { to: TYPES[to].id });
