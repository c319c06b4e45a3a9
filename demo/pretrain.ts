// npm run pretrain: makes the built-in model's weights, from random ones, by blocktune's own full fine-tuning on the generated corpus.
// Settings are demo/recipe.json's. Writes demo/built-in/model/model.safetensors (f16); takes under half an hour on 2 cores.
// Arguments: steps, for a shorter run; output file.

import process from 'node:process';
import { detect } from '../src/data/columns.ts';
import { toRow } from '../src/data/rows.ts';
import { loadTokenizer } from '../src/data/tokenizer.ts';
import { elementsOf } from '../src/gpu/tensor.ts';
import { openPlace, readJson } from '../src/io/bytes.ts';
import { configFromHf } from '../src/io/config.ts';
import type { ModelFiles } from '../src/io/model.ts';
import { type TensorInfo, tensorShapes } from '../src/io/tensors.ts';
import { writeFile } from '../src/io/write.ts';
import { closeGpu, full, loadModel, openGpu, resultFiles, tune } from '../src/parts.ts';
import { pretrainRows } from './corpus.ts';
import { random } from './random.ts';
import recipe from './recipe.json' with { type: 'json' };

const { pretrain } = recipe;
const built = new URL('./built-in/model/', import.meta.url);
const steps = Number(process.argv[2] ?? pretrain.steps);
const out = process.argv[3] ?? new URL('model.safetensors', built).pathname;

const files = await randomModel();
const tokenizer = loadTokenizer({ ...files.tokenizer, eos: files.config.eos_token_ids[0] });
const options = { tokenizer, vocab_size: files.config.vocab_size, learn: 'response', template: 'auto' } as const;
const rows = pretrainRows(pretrain.data.seed, pretrain.data.rows).map((row) => toRow(detect(row).fields, row, options));
const gpu = await openGpu();
const model = await loadModel(gpu, { files, tokenizer }, { longest: files.config.max_position_embeddings, base: 'f32' });
const start = performance.now();
const { made } = await tune(
  model,
  { rows },
  {
    method: full(),
    steps,
    batch: pretrain.batch,
    shuffle: false, // the corpus is drawn at random
    lr: pretrain.lr,
    schedule: 'cosine',
    lrWarmup: pretrain.lr_warmup,
    betas: [pretrain.betas[0], pretrain.betas[1]],
    clip: pretrain.clip,
    autotune: false,
  },
  (line) => {
    if (line.kind === 'step' && (line.step % 20 === 0 || line.step <= 3)) {
      const rate = (line.step * pretrain.batch) / ((performance.now() - start) / 1000);
      console.error(
        `step ${line.step}/${steps}  loss ${line.loss.toFixed(4)}  norm ${line.grad_norm.toFixed(2)}  ${rate.toFixed(0)} rows/s`,
      );
    }
  },
);
const [weights] = (await resultFiles(model, made!, 'f16')).filter((f) => f.name === 'model.safetensors');
await writeFile(out, weights.chunks, { force: true });
console.error(`${out}: ${((performance.now() - start) / 60000).toFixed(1)} minutes on ${gpu.name}`);
closeGpu(gpu);
process.exit(0);

/** The built-in config and tokenizer with weights drawn as the recipe says, as if they had come from files. */
async function randomModel(): Promise<ModelFiles> {
  const json = async (name: string) => {
    const place = await openPlace(new URL(name, built).pathname);
    if (!('source' in place)) throw new Error(`expected a file ${name}`);
    return readJson(place.source);
  };
  const config = configFromHf(await json('config.json'));
  const tensors = new Map<string, TensorInfo>();
  let stream = 0;
  for (const [name, shape] of tensorShapes(config)) {
    const values = initial(name, shape, stream++);
    const cols = shape.at(-1)!;
    const bytes = new Uint8Array(values.buffer);
    tensors.set(name, { name, shape, format: 'f32', rows: async (r0, r1) => bytes.slice(r0 * cols * 4, r1 * cols * 4) });
  }
  const tokenizer = { json: await json('tokenizer.json'), config: await json('tokenizer_config.json') };
  return { form: 'hf', name: 'random weights', config, generation: {}, tensors, tokenizer, close: async () => {} };
}

/** Normal values: embeddings 0.1, matrices 1/sqrt(in), those that write to the residual stream smaller; norms 1. */
function initial(name: string, shape: number[], stream: number): Float32Array<ArrayBuffer> {
  const n = elementsOf(shape);
  if (shape.length === 1) return new Float32Array(n).fill(1);
  const depth = /o_proj|down_proj/.test(name) ? 2 * recipe.model.num_hidden_layers : 1;
  const std = name.includes('embed') ? pretrain.init.embedding_std : 1 / Math.sqrt(depth * shape[1]);
  const draw = random(17, stream);
  const normal = () => Math.sqrt(-2 * Math.log((draw() + 1) / (2 ** 32 + 1))) * Math.cos((2 * Math.PI * draw()) / 2 ** 32);
  return Float32Array.from({ length: n }, () => std * normal());
}
