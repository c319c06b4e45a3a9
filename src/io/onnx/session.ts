// An exported ONNX model, opened by onnxruntime-web: the reader that nobody here wrote. It is
// loaded only when a model is exported, and need not be there: exporter.ts says what is done without it.
// A model is run row by row over its cache; nothing here knows what the logits should be.
import type * as Ort from 'onnxruntime-web';
import type { OnnxDtype } from '../../formats.ts';
import type { Folder } from '../bytes.ts';
import { onnxName } from './folder.ts';

export interface OnnxSession {
  /** Logits [T, V] of a row's tokens: the first half read at once, the second over the cache that the first left. */
  logits(ids: number[]): Promise<Float32Array>;
  /** One piece of a row, over the cache of what came before; T tokens. */
  forward(ids: number[], cache?: OnnxCache): Promise<{ logits: Float32Array; cache: OnnxCache }>;
  close(): Promise<void>;
}

/** Keys and values by the names under which they go in, and how many tokens they are of. */
export interface OnnxCache {
  tokens: number;
  values: Record<string, Ort.Tensor>;
}

/** Opens the model of an exported folder. Throws where onnxruntime-web refuses it. */
export async function openOnnx(ort: Runtime, folder: Folder, dtype: OnnxDtype, config: Heads): Promise<OnnxSession> {
  const name = `${onnxName(dtype)}.onnx`;
  const model = await contents(folder, `onnx/${name}`);
  if (!model) throw new Error(`expected onnx/${name} in ${folder.name}, got no such file; export it again`);
  const externalData = [];
  for (let path = `${name}_data`, i = 1; ; path = `${name}_data_${i++}`) {
    const data = await contents(folder, `onnx/${path}`);
    if (!data) break;
    externalData.push({ path, data });
  }
  const session = await ort.InferenceSession.create(model, { executionProviders: ['wasm'], externalData });
  const forward = (ids: number[], cache = emptyCache(ort, dtype, config)) => run(ort, session, ids, cache);
  return {
    forward,
    async logits(ids) {
      const half = Math.ceil(ids.length / 2);
      const first = await forward(ids.slice(0, half));
      if (half === ids.length) return first.logits;
      const second = await forward(ids.slice(half), first.cache);
      const all = new Float32Array(first.logits.length + second.logits.length);
      all.set(first.logits);
      all.set(second.logits, first.logits.length);
      return all;
    },
    close: () => session.release(),
  };
}

/** What of a config says how large a cache is. */
export interface Heads {
  n_layers: number;
  n_kv_heads: number;
  head_dim: number;
}

type Runtime = typeof Ort;

/** onnxruntime-web, where it is installed. */
export async function onnxRuntime(): Promise<Runtime | undefined> {
  return import('onnxruntime-web').catch(() => undefined);
}

async function run(ort: Runtime, session: Ort.InferenceSession, ids: number[], cache: OnnxCache) {
  const tokens = cache.tokens + ids.length;
  const integers = (values: number[]) => new ort.Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length]);
  const outputs = await session.run({
    input_ids: integers(ids),
    attention_mask: integers(Array(tokens).fill(1)),
    position_ids: integers(ids.map((_, i) => cache.tokens + i)),
    ...cache.values,
  });
  const present = Object.keys(outputs).filter((name) => name.startsWith('present.'));
  const values = Object.fromEntries(present.map((name) => [name.replace('present', 'past_key_values'), outputs[name]]));
  return { logits: outputs.logits.data as Float32Array, cache: { tokens, values } };
}

function emptyCache(ort: Runtime, dtype: OnnxDtype, { n_layers, n_kv_heads, head_dim }: Heads): OnnxCache {
  const dims = [1, n_kv_heads, 0, head_dim];
  const nothing = () =>
    dtype === 'f16' ? new ort.Tensor('float16', new Uint16Array(0), dims) : new ort.Tensor('float32', new Float32Array(0), dims);
  const names = Array.from({ length: n_layers }, (_, i) => ['key', 'value'].map((part) => `past_key_values.${i}.${part}`)).flat();
  return { tokens: 0, values: Object.fromEntries(names.map((name) => [name, nothing()])) };
}

async function contents(folder: Folder, name: string): Promise<Uint8Array | undefined> {
  const file = await folder.file(name);
  if (!file) return undefined;
  try {
    return await file.read(0, file.size);
  } finally {
    await file.close();
  }
}
