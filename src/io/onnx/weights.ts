// A model's weights as an ONNX file keeps them: f32 or f16 as rows come, or 4 bits in blocks of 32 along a row (MatMulNBits), each with
// one f32 scale, rounded as onnxruntime's own symmetric quantizer rounds. Only products are in 4 bits; embedding and vectors are f32.
import type { OnnxDtype } from '../../formats.ts';
import type { HfExport } from '../export-hf.ts';
import { inverseOf, peakOf } from '../quant.ts';
import type { Weights } from './decoder.ts';
import { type Graph, type Initializer, initializer, op, type Value } from './graph.ts';

type Tensors = HfExport['tensors'];

/** The weights for a graph. `tensors` answers every weight by its Hugging Face name, as values of the type asked for, in whole rows. */
export function onnxWeights(dtype: OnnxDtype, tensors: (type: 'f32' | 'f16') => Tensors): Weights {
  const type = dtype === 'f16' ? 'f16' : 'f32';
  const all = { f32: byName(tensors('f32')), f16: byName(tensors('f16')) };
  const plain = (g: Graph, name: string, stored: 'f32' | 'f16'): Value => {
    const { shape, bytes } = all[stored].get(name)!;
    return initializer(g, { name, type: stored, dims: shape, bytes: () => chunks(bytes()) });
  };
  return {
    type,
    vector: plain,
    embedding: (g) => plain(g, 'model.embed_tokens.weight', type),
    product(g, x, name, bias) {
      if (dtype !== 'q4') return op(g, 'Gemm', [x, plain(g, name, type), ...(bias ? [bias] : [])], { transB: 1 });
      const { shape, bytes } = all.f32.get(name)!;
      const [N, K] = shape;
      const stored = fourBits(name, N, K, () => chunks(bytes())).map((made) => initializer(g, made));
      const y = op(g, 'MatMulNBits', [x, ...stored], { K, N, bits: 4, block_size: BLOCK }, { domain: 'com.microsoft' });
      return bias ? op(g, 'Add', [y, bias]) : y;
    },
  };
}

/** Values that share a scale. */
export const BLOCK = 32;

/** What a weight in four bits is called in the file: its levels and its scales. */
export const storedNames = (name: string) => [`${name}_q4`, `${name}_scales`] as const;

// [N, K] as nibbles [N, ceil(K / 32), 16], the even values low, and scales [N * ceil(K / 32)]. Weights are read once: the scales that
// come up on the way wait for their turn, which is right behind.
function fourBits(name: string, N: number, K: number, rows: () => AsyncIterable<Uint8Array>): [Initializer, Initializer] {
  const blocks = Math.ceil(K / BLOCK);
  let scales = new Float32Array(0);
  async function* nibbles() {
    scales = new Float32Array(N * blocks);
    let done = 0;
    for await (const chunk of rows()) {
      const values = new Float32Array(chunk.buffer, chunk.byteOffset, chunk.length / 4);
      const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
      const out = new Uint8Array((values.length / K) * blocks * (BLOCK / 2));
      for (let at = 0, to = 0; at < values.length; at += K)
        for (let k = 0; k < K; k += BLOCK, to += BLOCK / 2)
          scales[done++] = quantize(values, bits, at + k, at + Math.min(K, k + BLOCK), out, to);
      yield out;
    }
  }
  function* scaleBytes() {
    yield new Uint8Array(scales.buffer);
    scales = new Float32Array(0);
  }
  const [levels, steps] = storedNames(name);
  return [
    { name: levels, type: 'u8', dims: [N, blocks, BLOCK / 2], bytes: nibbles },
    { name: steps, type: 'f32', dims: [N * blocks], bytes: scaleBytes },
  ];
}

// The value furthest from 0 is -8 steps. Answers the step.
function quantize(x: Float32Array, bits: Int32Array, from: number, end: number, out: Uint8Array, to: number): number {
  const scale = Math.fround(peakOf(x, bits, from, end) / -8);
  const inverse = inverseOf(scale);
  // 16, where as much lies on the other side, is 15
  const level = (v: number) => {
    const found = (Math.fround(v * inverse) + 8.5) | 0;
    return found - (found >> 4);
  };
  let [i, at] = [from, to];
  for (; i < end - 1; i += 2) out[at++] = level(x[i]) | (level(x[i + 1]) << 4);
  if (i < end) out[at] = level(x[i]);
  return scale;
}

async function* chunks(made: ReturnType<Tensors[number]['bytes']>): AsyncGenerator<Uint8Array> {
  const data = await made;
  if (data instanceof Uint8Array) yield data;
  else yield* data;
}

const byName = (tensors: Tensors) => new Map(tensors.map((tensor) => [tensor.name, tensor]));
