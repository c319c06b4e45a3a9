// The same of a model as the export's source has it, as JSON: log-probabilities of every token after the first of a few rows, the ids
// that it takes greedily, and the ids of texts.

import { TEXTS } from '../../../src/commands/export/rows.ts';
import { answerPrompts, closeGpu, loadModel, logprobsOf, openGpu, openModel } from '../../../src/parts.ts';

const [where, count] = process.argv.slice(2);
const n = Number(count);
const opened = await openModel(where);
const { vocab_size } = opened.files.config;
const texts = vocab_size > 1000 ? TEXTS : [];
const made = (row: number) => Array.from({ length: 24 }, (_, i) => 3 + ((7919 * (i + 1) * (row + 3)) % (vocab_size - 3)));
const rows =
  vocab_size > 1000 ? TEXTS.map((text) => opened.tokenizer.encode(text, { special: true })) : [made(0), made(1), made(2)];
const prompts = rows.slice(0, 2).map((row) => row.slice(0, 8));

const model = await loadModel(await openGpu(), opened, { longest: Math.max(...rows.map((r) => r.length), 8 + n) });
const logprobs = [];
for (const row of rows) {
  const ids = Int32Array.from(row);
  logprobs.push([...(await logprobsOf(model, [{ ids, labels: ids, promptLength: 1 }]))]);
}
const asked = prompts.map((ids, index) => ({ index, ids: Int32Array.from(ids) }));
const options = { maxNewTokens: n, temperature: 0, topP: 1, seed: 0, eos: [] };
const greedy = (await answerPrompts(model, opened.tokenizer, asked, options, () => {})).map(({ ids }) => ids);
console.log(
  JSON.stringify({
    rows,
    prompts,
    texts,
    logprobs,
    greedy,
    ids: texts.map((t) => opened.tokenizer.encode(t, { special: true })),
  }),
);
closeGpu(model.gpu);
process.exit();
