// Writes models with tokenizers as ONNX in every dtype below a folder, and says for each what blocktune itself generates from a prompt.
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { ONNX, type OnnxDtype } from '../../../src/formats.ts';
import { closeGpu, generate, loadModel, openGpu, openModel } from '../../../src/index.ts';
import { mergedTensors } from '../../../src/io/adapter-merge.ts';
import { EXPORTERS } from '../../../src/io/exports.ts';
import { onnxFolder } from '../../../src/io/onnx/folder.ts';
import { type FileToWrite, writeFolder } from '../../../src/io/write.ts';

const [folder, model] = process.argv.slice(2);
const fixture = (name: string) => fileURLToPath(new URL(`../../../test/fixtures/io/${name}.gguf`, import.meta.url));
const tiny = ['tiny-qwen2-f16', 'tiny-llama-q8_0', 'tiny-qwen3-bf16', 'tiny-smollm3-f16'].map((name) => {
  return { name, place: fixture(name), count: 16 };
});
const models = [...tiny];
if (model) models.push({ name: model.replace(/^.*[\\/]/, ''), place: model, count: 64 });
const PROMPT = 'Once upon a time';

const gpu = await openGpu();
for (const { name, place, count } of models) {
  const opened = await openModel(place);
  const loaded = await loadModel(gpu, opened, { longest: 32 + count });
  const { prompt_ids: prompt, ids } = await generate(loaded, PROMPT, { maxNewTokens: count, temperature: 0 });
  const put = async (name: string, dtype: OnnxDtype, files: FileToWrite[]) => {
    const out = `${folder}/models/${name}-${dtype}`;
    await writeFolder(out, files);
    console.log(JSON.stringify({ name, dtype, place: out, text: PROMPT, prompt, ids, count }));
  };
  for (const dtype of ONNX) await put(name, dtype, (await EXPORTERS.onnx.lay({ files: opened.files, dtype })).files);
  if (place === tiny[0].place) {
    const tensors = (type: 'f32' | 'f16') => mergedTensors(opened.files.tensors, undefined, type);
    await put(`${name}-external`, 'f32', onnxFolder({ ...opened.files, dtype: 'f32', tensors, most: 10_000 }));
  }
  await opened.files.close();
}
closeGpu(gpu);
