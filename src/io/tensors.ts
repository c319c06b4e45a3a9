// Which tensors a decoder has by their Hugging Face names and shapes, and a tensor of any file as rows of stored bytes.

import { FORMATS, type Format, formatBytes, isFormat } from '../formats.ts';
import { hasBias, MODULES, type ModelConfig, matrixShape, parentOf, weightName } from '../models/config.ts';
import type { Source } from './bytes.ts';

/** A weight of a model. `rows` answers the stored bytes of rows r0 to r1 (not included); a vector is one row. */
export interface TensorInfo {
  name: string;
  /** [out, in], or [n] for norms and biases. */
  shape: number[];
  format: Format;
  rows(r0: number, r1: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** Name to shape of every weight of the model: [out, in] for matrices, [n] for norms and biases; lm_head only where untied. */
export function tensorShapes(config: ModelConfig): Map<string, number[]> {
  const { hidden_size: D, vocab_size: V, head_dim } = config;
  const shapes = new Map<string, number[]>([['model.embed_tokens.weight', [V, D]]]);
  for (let layer = 0; layer < config.n_layers; layer++) {
    const name = (part: string) => `model.layers.${layer}.${part}`;
    shapes.set(name('input_layernorm.weight'), [D]);
    for (const m of MODULES) {
      shapes.set(weightName(layer, m), matrixShape(config, m));
      if (hasBias(config, m)) shapes.set(name(`${parentOf(m)}.${m}.bias`), [matrixShape(config, m)[0]]);
    }
    if (config.qk_norm) for (const head of ['q_norm', 'k_norm']) shapes.set(name(`self_attn.${head}.weight`), [head_dim]);
    shapes.set(name('post_attention_layernorm.weight'), [D]);
  }
  shapes.set('model.norm.weight', [D]);
  if (!config.tie_word_embeddings) shapes.set('lm_head.weight', [V, D]);
  return shapes;
}

/** Throws unless `shapes` are exactly the config's, by name and by shape. `file` is named in the error. */
export function checkTensorShapes(shapes: Map<string, number[]>, config: ModelConfig, file: string): void {
  const known = tensorShapes(config);
  for (const [name, shape] of known) {
    const got = shapes.get(name);
    if (!got)
      throw new Error(
        `expected the tensor ${name} in ${file}, got none; the file is incomplete or its config is another model's`,
      );
    if (got.join() !== shape.join())
      throw new Error(
        `expected ${name} of shape ${shape.join(' x ')} by its config, got ${got.join(' x ')} in ${file}; one of them is wrong`,
      );
  }
  for (const name of shapes.keys())
    if (!known.has(name)) throw new Error(`expected only the tensors that its config describes in ${file}, got ${name} too`);
}

/** Rows of `shape` stored one after the other at `offset` of `source`. */
export function storedTensor(name: string, format: string, shape: number[], source: Source, offset: number): TensorInfo {
  if (!isFormat(format))
    throw new Error(
      `expected ${name} stored as one of ${Object.keys(FORMATS).join(' ')}, got ${format} in ${source.name}; convert the model`,
    );
  const row = formatBytes(format, shape.at(-1) ?? 1);
  return {
    name,
    shape,
    format,
    async rows(r0, r1) {
      checkRows(name, shape, r0, r1);
      return source.read(offset + r0 * row, (r1 - r0) * row);
    },
  };
}

/** Throws unless r0 to r1 are rows of the weight. */
export function checkRows(name: string, shape: number[], r0: number, r1: number): void {
  const n_rows = rowCount(shape);
  if (!(r0 >= 0 && r0 <= r1 && r1 <= n_rows))
    throw new Error(`expected rows within 0 to ${n_rows} of ${name}, got ${r0} to ${r1}`);
}

/** Bytes of a tensor as it is stored. */
export const storedBytes = ({ shape, format }: Pick<TensorInfo, 'shape' | 'format'>): number =>
  rowCount(shape) * formatBytes(format, shape.at(-1)!);

/** Rows of a weight: its first dimension, or 1 for a vector. */
export function rowCount(shape: number[]): number {
  return shape.length > 1 ? shape[0] : 1;
}

/** Whether two tensors hold the same bytes; read in pieces. */
export async function sameBytes(a: TensorInfo, b: TensorInfo): Promise<boolean> {
  if (a.format !== b.format || a.shape.join() !== b.shape.join()) return false;
  const n_rows = rowCount(a.shape);
  const step = Math.max(1, Math.floor(PIECE / formatBytes(a.format, a.shape.at(-1) ?? 1)));
  for (let r = 0; r < n_rows; r += step) {
    const end = Math.min(n_rows, r + step);
    const [x, y] = await Promise.all([a.rows(r, end), b.rows(r, end)]);
    if (x.some((byte, i) => byte !== y[i])) return false;
  }
  return true;
}

const PIECE = 1 << 22;
