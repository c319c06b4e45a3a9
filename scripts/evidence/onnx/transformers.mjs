// Loads an exported folder with transformers.js and goes on from a prompt, the likeliest token each time. Runs where the package is.
import { basename, dirname } from 'node:path';
import { AutoModelForCausalLM, AutoTokenizer, env } from '@huggingface/transformers';

const { place, dtype, text, count } = JSON.parse(process.argv[2]);
env.allowRemoteModels = false;
env.localModelPath = `${dirname(place)}/`;
const tokenizer = await AutoTokenizer.from_pretrained(basename(place));
const model = await AutoModelForCausalLM.from_pretrained(basename(place), {
  dtype: { f32: 'fp32', f16: 'fp16', q4: 'q4' }[dtype],
  device: 'cpu',
});
const inputs = tokenizer(text);
const prompt = inputs.input_ids.tolist()[0].map(Number);
const output = await model.generate({ ...inputs, max_new_tokens: count, do_sample: false });
console.log(JSON.stringify({ prompt, ids: output.tolist()[0].slice(prompt.length).map(Number) }));
