// What a GGUF's keys and tensors mean as a decoder: config, Hugging Face names, and q and k rows back in their order.
// The header itself is read in gguf.ts, its tokenizer in gguf-tokenizer.ts; names and the order of rows are gguf-form.ts.
import { elementsOf } from '../gpu/tensor.ts';
import type { ModelConfig } from '../models/config.ts';
import { configFromGguf } from './config-gguf.ts';
import { decode } from './dequant.ts';
import type { Gguf, GgufTensor } from './gguf.ts';
import { fileRow, hfName, isPermuted } from './gguf-form.ts';
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
