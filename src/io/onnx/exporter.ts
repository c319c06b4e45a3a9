// ONNX as a format of exports: laid out by folder.ts, and opened again by onnxruntime-web, which says what the file says. Where that is
// not installed, or the model larger than wasm can hold, its weights are read back, and our own engine says what they say.
import type { OnnxDtype } from '../../formats.ts';
import { mergedTensors } from '../adapter-merge.ts';
import { cardFile } from '../card.ts';
import type { Exporter } from '../export.ts';
import { tokenizerFiles } from '../export-hf.ts';
import { type ModelFiles, readTokenizer } from '../model.ts';
import { onnxFolder, onnxName } from './folder.ts';
import { readOnnxWeights } from './read.ts';
import { onnxRuntime, openOnnx } from './session.ts';

export const onnxExporter: Exporter = {
  place: 'folder',
  async lay({ files, adapter, dtype, seen, card }) {
    const { config, generation, tokenizer } = files;
    const tensors = (type: 'f32' | 'f16') => mergedTensors(files.tensors, adapter, type, seen);
    const kept = await tokenizerFiles(files);
    const written = onnxFolder({ config, generation, tokenizer, kept, dtype: dtype as OnnxDtype, tensors });
    const laid = card ? [...written, cardFile({ ...card, library: 'transformers.js', tags: ['onnx'] })] : written;
    const unopened = await whyUnopened(files.tensors, dtype as OnnxDtype);
    return { files: laid, notes: unopened ? [`${unopened}: ${READ_BACK}`] : [] };
  },
  async open(folder, { files, dtype: asked }) {
    const dtype = asked as OnnxDtype;
    const tokenizer = await readTokenizer(folder);
    if (await whyUnopened(files.tensors, dtype)) {
      const { tensors, close } = await readOnnxWeights(folder, `${onnxName(dtype)}.onnx`, [...files.tensors.values()]);
      return { files: { ...files, tokenizer, tensors, close } };
    }
    const session = await openOnnx((await onnxRuntime())!, folder, dtype, files.config);
    return { files: { ...files, tokenizer, close: session.close }, logits: (ids) => session.logits(Array.from(ids)) };
  },
};

/** Bytes of weights that onnxruntime-web opens: it holds them some three times over, within the 4 GB of wasm. */
const MOST_OPENED = 1e9;
const READ_BACK = 'the weights are read back and compared by our own engine, the graph is not run';

async function whyUnopened(tensors: ModelFiles['tensors'], dtype: OnnxDtype): Promise<string | undefined> {
  if (!(await onnxRuntime()))
    return 'onnxruntime-web, which would run what is written, is not installed (npm install onnxruntime-web)';
  const values = [...tensors.values()].reduce((sum, { shape }) => sum + shape.reduce((n, size) => n * size, 1), 0);
  const large = values * { f32: 4, f16: 2, q4: 0.625 }[dtype] > MOST_OPENED;
  return large ? 'there are more than 1 GB of weights, which onnxruntime-web cannot open' : undefined;
}
