// What a GGUF's keys and tensors mean as a decoder: config, Hugging Face names, and q and k rows back in their order.
// The header itself is read in gguf.ts, its tokenizer in gguf-tokenizer.ts.
import { elementsOf } from '../gpu/tensor.ts';
import type { ModelConfig } from '../models/config.ts';
import { configFromGguf } from './config-gguf.ts';
import { decode } from './dequant.ts';
import type { Gguf, GgufTensor } from './gguf.ts';
import { checkRows, checkTensorShapes, rowCount, sameBytes, storedTensor, type TensorInfo } from './tensors.ts';

/** The config and tensors of a GGUF as a Hugging Face folder would hold them. */
export async function ggufModel(gguf: Gguf): Promise<{ config: ModelConfig; tensors: Map<string, TensorInfo> }> {
  const config = await ggufConfig(gguf);
  const tensors = new Map<string, TensorInfo>();
  for (const stored of gguf.tensors.values()) {
    if (IGNORED.test(stored.name) || (stored.name === 'output.weight' && config.tie_word_embeddings)) continue;
    const tensor = tensorOf(gguf, stored, hfName(stored.name));
    const arch = gguf.metadata.get('general.architecture');
    tensors.set(tensor.name, isPermuted(arch, tensor.name) ? unpermuted(tensor, config) : tensor);
  }
  checkTensorShapes(new Map([...tensors].map(([name, { shape }]) => [name, shape])), config, gguf.source.name);
  return { config, tensors };
}

/** The config alone; reads the head's bytes where they may equal the embedding's. */
export async function ggufConfig(gguf: Gguf): Promise<ModelConfig> {
  return configFromGguf(gguf, await ropeFactors(gguf), await isTied(gguf));
}

// Left by converters and recomputed here; rope_freqs.weight is read on its own.
const IGNORED = /^rope_freqs\.weight$|\.attn_rot_embd$/;

const TOP: Record<string, string> = { token_embd: 'model.embed_tokens', output_norm: 'model.norm', output: 'lm_head' };
const PARTS: Record<string, string> = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  attn_q_norm: 'self_attn.q_norm',
  attn_k_norm: 'self_attn.k_norm',
  ffn_norm: 'post_attention_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};

// A name that is not in the tables stays itself and is refused with the tensors that do not belong.
function hfName(name: string): string {
  const [, layer, part, kind] = /^(?:blk\.(\d+)\.)?(\w+)\.(weight|bias)$/.exec(name) ?? [];
  const known = layer === undefined ? TOP[part] : PARTS[part];
  if (!known) return name;
  return layer === undefined ? `${known}.${kind}` : `model.layers.${Number(layer)}.${known}.${kind}`;
}

/** ggml's name of a weight of a decoder. */
export function ggufName(name: string): string {
  const [, layer, part, kind] = /^model\.layers\.(\d+)\.(.+)\.(weight|bias)$/.exec(name) ?? [];
  if (layer === undefined) return `${keyOf(TOP, name.replace(/\.weight$/, ''))}.weight`;
  return `blk.${layer}.${keyOf(PARTS, part)}.${kind}`;
}

const keyOf = (table: Record<string, string>, value: string) => Object.keys(table).find((key) => table[key] === value);

function tensorOf(gguf: Gguf, stored: GgufTensor, name: string): TensorInfo {
  return storedTensor(name, stored.type, [...stored.dims].reverse(), gguf.source, stored.offset);
}

async function ropeFactors(gguf: Gguf): Promise<number[] | undefined> {
  const stored = gguf.tensors.get('rope_freqs.weight');
  if (!stored) return undefined;
  const tensor = tensorOf(gguf, stored, stored.name);
  const factors = [...decode(tensor.format, await tensor.rows(0, rowCount(tensor.shape)), elementsOf(stored.dims))];
  if (!factors.every((f) => f > 0 && Number.isFinite(f)))
    throw new Error(
      `expected positive factors in rope_freqs.weight of ${gguf.source.name}, got ${factors.find((f) => !(f > 0))}`,
    );
  return factors;
}

async function isTied(gguf: Gguf): Promise<boolean> {
  const [embedding, head] = ['token_embd.weight', 'output.weight'].map((name) => gguf.tensors.get(name));
  if (!embedding || !head) return true;
  if (embedding.type !== head.type || embedding.dims.join() !== head.dims.join()) return false;
  return sameBytes(tensorOf(gguf, embedding, embedding.name), tensorOf(gguf, head, head.name));
}

// These architectures turn neighbouring values, Hugging Face the two halves of a head: converters interleave the halves of every
// layer, of SmolLM3's layers without RoPE too.
const PERMUTED: unknown[] = ['llama', 'smollm3'];

/** Whether a GGUF of this architecture holds the rows of a weight interleaved. */
export function isPermuted(architecture: unknown, name: string): boolean {
  return PERMUTED.includes(architecture) && /\.self_attn\.[qk]_proj\.(weight|bias)$/.test(name);
}

/** Rows of q or k, or the values of a bias, each `row` bytes, as a GGUF has them. Every chunk holds whole heads. */
export async function* permuted(chunks: AsyncIterable<Uint8Array>, head_dim: number, row: number): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    const out = new Uint8Array(chunk.length);
    for (let r = 0; r * row < chunk.length; r++) out.set(chunk.subarray(r * row, (r + 1) * row), fileRow(r, head_dim) * row);
    yield out;
  }
}

/** Row h + p * half + j of the head that begins at h lies in the file at h + 2 * j + p. */
function fileRow(r: number, head_dim: number): number {
  const half = head_dim / 2;
  return r - (r % head_dim) + 2 * (r % half) + (Math.floor(r / half) % 2);
}

// Rows move whole, whatever their format; a bias is a column of one-value rows.
function unpermuted(tensor: TensorInfo, config: ModelConfig): TensorInfo {
  const { head_dim } = config;
  const reorder = (bytes: Uint8Array, first: number, r0: number, r1: number, row: number) => {
    const out = new Uint8Array((r1 - r0) * row);
    for (let r = r0; r < r1; r++) {
      const from = (fileRow(r, head_dim) - first) * row;
      out.set(bytes.subarray(from, from + row), (r - r0) * row);
    }
    return out;
  };
  return {
    ...tensor,
    async rows(r0, r1) {
      checkRows(tensor.name, tensor.shape, r0, r1);
      if (tensor.shape.length === 1) {
        const bytes = await tensor.rows(r0, r1);
        const n = r1 > r0 ? tensor.shape[0] : 0;
        return reorder(bytes, 0, 0, n, n && bytes.length / n);
      }
      if (r0 >= r1) return tensor.rows(r0, r1);
      // Whole heads, cut to the rows asked for. A tensor of the wrong shape is refused before it is read.
      const first = r0 - (r0 % head_dim);
      const last = Math.min(Math.ceil(r1 / head_dim) * head_dim, tensor.shape[0]);
      const bytes = await tensor.rows(first, last);
      return reorder(bytes, first, r0, r1, bytes.length / (last - first));
    },
  };
}
