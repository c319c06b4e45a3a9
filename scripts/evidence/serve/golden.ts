// Writes a golden's model with a tokenizer, a token a character, and a chat template, as transformers loads it: golden.ts FAMILY FOLDER.

import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { goldenFolder } from '../../../test/commands/served.ts';

const [family, folder] = process.argv.slice(2);
const config = JSON.parse(readFileSync(join(import.meta.dirname!, '../../../test/goldens', family, 'model/config.json'), 'utf8'));
const made = goldenFolder(family, config.vocab_size);
cpSync(made.model, folder, { recursive: true });
made.free();
const change = (name: string, change: object) => {
  const file = join(folder, name);
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...change }));
};
change('tokenizer_config.json', { tokenizer_class: 'PreTrainedTokenizerFast' });
// both sides begin a row by <s>: over HTTP as the file says it, in PyTorch as the harness makes the tokenizer
const [begin, text] = [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }];
change('tokenizer.json', {
  post_processor: {
    type: 'TemplateProcessing',
    single: [begin, text],
    pair: [begin, text, { Sequence: { id: 'B', type_id: 1 } }],
    special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } },
  },
});
