// A model as the folder that transformers.js loads: config and tokenizer as in a Hugging Face folder, the graph with its weights in
// onnx/, named by what its products are stored in. Opening it again is in session.ts.
import type { OnnxDtype } from '../../formats.ts';
import { checkTensors, configFiles, type HfExport } from '../export-hf.ts';
import type { FileToWrite } from '../write.ts';
import { decoderGraph } from './decoder.ts';
import { onnxWeights } from './weights.ts';
import { MOST_BYTES, onnxFiles } from './write.ts';

export interface OnnxExport extends Pick<HfExport, 'config' | 'generation' | 'tokenizer' | 'kept'> {
  dtype: OnnxDtype;
  /** Every weight by its Hugging Face name, as values of the type asked for; `bytes` answers whole rows when its turn comes. */
  tensors: (type: 'f32' | 'f16') => HfExport['tensors'];
  /** Bytes of weights that one file holds; 2e9 where absent. */
  most?: number;
}

/** The name of the graph's file without its ending, as transformers.js looks for it. */
export const onnxName = (dtype: OnnxDtype) => ({ f32: 'model', f16: 'model_fp16', q4: 'model_q4' })[dtype];

/** The files of the folder, for `writeFolder`. Tensors that are not the config's are an error. */
export function onnxFolder(model: OnnxExport): FileToWrite[] {
  const { config, dtype, tensors, most = MOST_BYTES } = model;
  const name = onnxName(dtype);
  checkTensors({ config, tensors: tensors('f32') });
  const files = onnxFiles(decoderGraph(config, onnxWeights(dtype, tensors)), name, most);
  const described = configFiles({
    ...model,
    // what turns queries and keys is in the graph: a config that cannot say it need not
    config: config.rope.scaling?.type === 'factors' ? { ...config, rope: { ...config.rope, scaling: null } } : config,
    dtype: dtype === 'f16' ? 'f16' : 'f32',
    more: { 'transformers.js_config': loading(name, files.length - 1) },
  });
  return [...files.map((file) => ({ ...file, name: `onnx/${file.name}` })), ...described];
}

// What transformers.js must know: that caches are halves where products are, and how many files of external data there are.
function loading(name: string, files: number): Record<string, unknown> {
  return {
    kv_cache_dtype: { fp16: 'float16' },
    ...(files > 0 ? { use_external_data_format: { [`${name}.onnx`]: files } } : {}),
  };
}
