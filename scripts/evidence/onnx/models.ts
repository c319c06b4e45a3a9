// Writes models with tokenizers as ONNX in every dtype below a folder, and says for each what blocktune itself generates from a prompt.
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { ONNX } from '../../../src/formats.ts';
import { closeGpu, generate, loadModel, openGpu, openModel } from '../../../src/index.ts';
import { EXPORTERS } from '../../../src/io/exports.ts';
import { writeFolder } from '../../../src/io/write.ts';

const [folder, model] = process.argv.slice(2);
const fixture = (name: string) => fileURLToPath(new URL(`../../../test/fixtures/io/${name}.gguf`, import.meta.url));
const tiny = ['tiny-llama-q8_0', 'tiny-qwen2-f16', 'tiny-qwen3-bf16', 'tiny-smollm3-f16'];
const models = [...tiny.map((name) => ({ name, place: fixture(name), count: 16 }))];
if (model) models.push({ name: model.replace(/^.*[\\/]/, ''), place: model, count: 64 });
const PROMPT = 'Once upon a time';

const gpu = await openGpu();
for (const { name, place, count } of models) {
  const opened = await openModel(place);
  const loaded = await loadModel(gpu, opened, { longest: 32 + count });
  const { prompt_ids: prompt, ids } = await generate(loaded, PROMPT, { maxNewTokens: count, temperature: 0, template: 'none' });
  for (const dtype of ONNX) {
    const out = `${folder}/models/${name}-${dtype}`;
    const { files } = await EXPORTERS.onnx.lay({ files: opened.files, dtype });
    await writeFolder(out, files);
    console.log(JSON.stringify({ name, dtype, place: out, text: PROMPT, prompt, ids, count }));
  }
  await opened.files.close();
}
closeGpu(gpu);
