import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { blobFolder } from '../../src/io/bytes.ts';
import { endsOf, openModel, promptIds } from '../../src/train/open.ts';

const CONFIG = {
  ...{ model_type: 'llama', hidden_size: 32, intermediate_size: 32, num_hidden_layers: 1, num_attention_heads: 4 },
  ...{ num_key_value_heads: 2, vocab_size: 24, tie_word_embeddings: true, bos_token_id: 3 },
};
const vocab = Object.fromEntries([...'abcdefghijklmnopqrstuvwx'].map((letter, id) => [letter, id]));
const TOKENIZER = {
  model: { type: 'BPE', vocab, merges: [] },
  decoder: { type: 'Fuse' },
  added_tokens: [{ id: 24, content: '<pad>' }],
};

/** The ends of a model with these settings, its tokenizer, and what was said. */
async function opened(config: object, generation: object, tokenizer_config: object) {
  const json = (value: unknown) => new Blob([JSON.stringify(value)]);
  const files = {
    'config.json': json({ ...CONFIG, ...config }),
    'generation_config.json': json(generation),
    'tokenizer.json': json(TOKENIZER),
    'tokenizer_config.json': json(tokenizer_config),
    'model.safetensors': new Blob([readFileSync(`${import.meta.dirname}/../fixtures/io/tiny-llama-q8_0.safetensors`)]),
  };
  const said: string[] = [];
  const model = await openModel(blobFolder(new Map(Object.entries(files))), { note: (text) => said.push(text) });
  return { model, ends: endsOf(model), said };
}

test('an answer ends at every end of config, generation config and tokenizer; where they differ it is said once', async () => {
  const { ends, said, model } = await opened({ eos_token_id: 1 }, { eos_token_id: [1, 2] }, { eos_token: 'f' });
  expect([ends, model.tokenizer.eos]).toEqual([[1, 2, 5], 5]);
  expect(said).toEqual([expect.stringContaining('ends texts with "f" (5), the config with 1, 2')]);
});

test('nothing is said where they agree, or where one of them names no end', async () => {
  expect(await opened({ eos_token_id: [1, 5] }, {}, { eos_token: 'f' })).toMatchObject({ ends: [1, 5], said: [] });
  expect(await opened({ eos_token_id: -1 }, {}, { eos_token: 'f' })).toMatchObject({ ends: [5], said: [] });
  const { ends, said, model } = await opened({ eos_token_id: 2 }, {}, {});
  expect([ends, said, model.tokenizer.eos]).toEqual([[2], [], 2]);
  // a bos that config.json alone names is none of the tokenizer's
  expect([model.tokenizer.bos, model.tokenizer.named.bos_token]).toEqual([null, undefined]);
});

test('a token past the embedding ends nothing and is refused in a prompt', async () => {
  const { ends, model } = await opened({ eos_token_id: 2 }, {}, { eos_token: '<pad>' });
  expect(ends).toEqual([2]);
  expect([...(await promptIds(model, 'abc'))]).toEqual([0, 1, 2]);
  await expect(promptIds(model, 'a<pad>')).rejects.toThrow('below the 24 rows of the embedding, got 24 in the prompt');
});
