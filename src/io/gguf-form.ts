// How a GGUF says a decoder: ggml's names of tensors, rows of q and k in another order. For reading (gguf-model.ts) and for writing
// (export-gguf.ts).

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
export function hfName(name: string): string {
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
export function fileRow(r: number, head_dim: number): number {
  const half = head_dim / 2;
  return r - (r % head_dim) + 2 * (r % half) + (Math.floor(r / half) % 2);
}
