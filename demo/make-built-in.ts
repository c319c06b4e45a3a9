// Writes every built-in file but the weights, from recipe.json and the corpus: the model's config and tokenizer, the rows
// that teach the new skill, those that measure it, and those that measure what of the old skills was kept.
//   deno run -A demo/make-built-in.ts        (the weights: demo/pretrain.ts)
import { mkdirSync, writeFileSync } from 'node:fs';
import { heldOut, oldSkill, pretrainRows, type Row, taskRows } from './corpus.ts';
import recipe from './recipe.json' with { type: 'json' };
import { tokenizerConfig, tokenizerJson } from './tokenizer.ts';

const { seed, rows } = recipe.tokenizer;
const tokenizer = tokenizerJson(pretrainRows(seed, rows).map((row) => row.prompt + row.completion));
const config = { ...recipe.model, vocab_size: Object.keys(tokenizer.model.vocab).length };

write('model/tokenizer.json', JSON.stringify(tokenizer, null, 1));
write('model/tokenizer_config.json', JSON.stringify(tokenizerConfig, null, 2));
write('model/config.json', JSON.stringify(config, null, 2));
write('task/train.jsonl', lines(taskRows(recipe.task.seed, recipe.task.rows)));
write('task/heldout.jsonl', lines(heldOut()));
write('task/keep.jsonl', lines(oldSkill()));

function lines(rows: Row[]): string {
  return rows.map((row) => JSON.stringify(row)).join('\n');
}

function write(path: string, text: string): void {
  const file = new URL(`./built-in/${path}`, import.meta.url);
  mkdirSync(new URL('.', file), { recursive: true });
  writeFileSync(file, `${text}\n`);
}
