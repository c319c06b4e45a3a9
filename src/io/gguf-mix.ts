// Which format each tensor of a GGUF gets by the dtype asked for, as llama.cpp's own quantizer mixes them: the head and, in q4_k_m, half
// of the values and of the down projections finer than the rest; what is no whole blocks in the next format that fits.
import { type EncodableFormat, FORMATS } from '../formats.ts';
import type { ModelConfig } from '../models/config.ts';
import type { TensorInfo } from './tensors.ts';

/** ggml's file types by dtype. */
export const FILE_TYPES: Record<string, number> = { f32: 0, f16: 1, q4_0: 2, q4_1: 3, q8_0: 7, q4_k_m: 15, bf16: 32 };

/** The format of a tensor in a file of this dtype. Vectors are f32. */
export function formatIn(
  dtype: string,
  { name, shape }: Pick<TensorInfo, 'name' | 'shape'>,
  config: ModelConfig,
): EncodableFormat {
  if (shape.length === 1) return 'f32';
  return fitting(wanted(dtype, name, config), shape[1]);
}

function wanted(dtype: string, name: string, { tie_word_embeddings, n_layers }: ModelConfig): EncodableFormat {
  if (!dtype.startsWith('q4_')) return dtype as EncodableFormat;
  const head = tie_word_embeddings ? 'model.embed_tokens.weight' : 'lm_head.weight';
  if (name === head) return 'q6_k';
  if (dtype !== 'q4_k_m') return dtype as EncodableFormat;
  const [, layer] = /^model\.layers\.(\d+)\..*(?:v_proj|down_proj)\.weight$/.exec(name) ?? [];
  return layer !== undefined && isFiner(Number(layer), n_layers) ? 'q6_k' : 'q4_k';
}

// The first and the last eighth of the layers, and every third between.
function isFiner(layer: number, n_layers: number): boolean {
  const eighth = Math.floor(n_layers / 8);
  return layer < eighth || layer >= Math.floor((7 * n_layers) / 8) || (layer - eighth) % 3 === 2;
}

const NEXT: Partial<Record<EncodableFormat, EncodableFormat>> = { q4_k: 'q5_0', q6_k: 'q8_0' };

function fitting(format: EncodableFormat, width: number): EncodableFormat {
  if (width % FORMATS[format].block === 0) return format;
  return fitting(NEXT[format] ?? 'f16', width);
}
