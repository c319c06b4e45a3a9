import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { describe, expect, test } from 'vitest';
import { loadTokenizer, type Tokenizer } from '../../src/data/tokenizer.ts';
import { memorySource } from '../../src/io/bytes.ts';
import { mergesFromScores, tokenizerFromGguf } from '../../src/io/gguf-tokenizer.ts';
import { openModelFiles } from '../../src/io/model.ts';
import { describeShared, SHARED, sharedJson } from './shared.ts';

const TEXTS = [
  'Once upon a time, there was a little girl named Lily.',
  '  two  spaces\n\nand\tlines 1234567 3.14',
  "I'VE it's  ÄÖ ß 你好 😀 naïve",
  '<s> not a token </s>',
  '',
];

/** A GGUF of this metadata and no tensors. */
const gguf = (fields: Record<string, unknown>) =>
  ({
    metadata: new Map(Object.entries(fields).map(([k, v]) => [`tokenizer.${k}`, v])),
    source: memorySource(new Uint8Array(), 'x.gguf'),
  }) as any;

const tokenizer = ({ json, config }: { json: any; config: any }) => loadTokenizer({ json, config });
const ids = (t: Tokenizer, text: string, special = true) => t.encode(text, { special });

/** The lists a GGUF would hold for a byte-level tokenizer.json. */
function byteLevelFields(json: any, pre: string) {
  const tokens = Object.entries(json.model.vocab as Record<string, number>)
    .sort((a, b) => a[1] - b[1])
    .map(([token]) => token);
  const added = new Set(json.added_tokens.map((t: any) => t.content));
  const merges = json.model.merges.map((m: string | string[]) => (Array.isArray(m) ? m.join(' ') : m));
  const types = tokens.map((token) => (added.has(token) ? 3 : 1));
  return { 'ggml.model': 'gpt2', 'ggml.pre': pre, 'ggml.tokens': tokens, 'ggml.token_type': types, 'ggml.merges': merges };
}

/** The lists a GGUF would hold for a SentencePiece tokenizer.json: as in Llama's vocabulary, scores fall with the id, spaces last. */
function sentencePieceFields(json: any) {
  const tokens = Object.entries(json.model.vocab as Record<string, number>)
    .sort((a, b) => a[1] - b[1])
    .map(([token]) => token);
  const types = tokens.map((token, id) => (id === 0 ? 2 : id < 3 ? 3 : /^<0x..>$/.test(token) ? 6 : 1));
  const scores = tokens.map((token, id) => (id < 259 ? 0 : /^▁▁+$/.test(token) ? -1e9 : 259 - id));
  return { 'ggml.model': 'llama', 'ggml.tokens': tokens, 'ggml.token_type': types, 'ggml.scores': scores };
}

describeShared('against the tokenizers that the files came from', () => {
  test('stories260K: scores give the ids of its Hugging Face twin', async () => {
    const hf = await openModelFiles(`${SHARED}/data/models/stories260K-hf`);
    const ours = await openModelFiles(`${SHARED}/data/models/stories260K-gguf`);
    const merges = (m: any) => m.tokenizer.json.model.merges.map((pair: any) => (Array.isArray(pair) ? pair.join(' ') : pair));
    expect(new Set(merges(ours))).toEqual(new Set(merges(hf)));
    const [a, b] = [tokenizer(ours.tokenizer), tokenizer(hf.tokenizer)];
    for (const text of TEXTS) expect(ids(a, text)).toEqual(ids(b, text));
    expect(a.decode(ids(a, TEXTS[0]), { skip_special: true })).toBe(TEXTS[0]);
    await hf.close();
    await ours.close();
  });

  test('gpt-2: llama.cpp has the same ids for 46 texts', () => {
    const fields = byteLevelFields(sharedJson('data/tokenizers/gpt2/tokenizer.json'), 'gpt-2');
    const t = tokenizer(tokenizerFromGguf(gguf(fields)));
    const { cases } = sharedJson('data/vectors/tokenizer/llamacpp-gpt-2.json');
    expect(cases.length).toBe(46);
    for (const { text, ids: expected } of cases) expect(ids(t, text), JSON.stringify(text)).toEqual(expected);
  });

  test('llama: llama.cpp has the same ids for 46 texts', () => {
    const json = sharedJson('data/tokenizers/tinyllama/tokenizer.json');
    const made = tokenizerFromGguf(gguf({ ...sentencePieceFields(json), 'ggml.bos_token_id': 1 }));
    const t = tokenizer(made);
    const { cases } = sharedJson('data/vectors/tokenizer/llamacpp-llama-spm.json');
    expect(cases.length).toBe(46);
    for (const { text, ids: expected } of cases) expect(ids(t, text, false), JSON.stringify(text)).toEqual(expected);
    expect(ids(t, 'Hello')).toEqual([1, 15043]);
    expect(made.json.model.merges.map((pair: string[]) => pair.join(' '))).toEqual(json.model.merges);
  });

  test('smollm: digits one by one, as its tokenizer.json has it', () => {
    const json = sharedJson('data/tokenizers/smollm/tokenizer.json');
    const [a, b] = [tokenizer(tokenizerFromGguf(gguf(byteLevelFields(json, 'smollm')))), tokenizer({ json, config: {} })];
    for (const text of [...TEXTS, '<|im_start|>user\nHi<|im_end|>']) expect(ids(a, text), text).toEqual(ids(b, text));
  });
});

describe('SmolLM2', () => {
  const file = `${process.env.XDG_CACHE_HOME ?? `${homedir()}/.cache`}/blocktune/SmolLM2-135M-Instruct.Q4_1.gguf`;
  const reference = sharedJson('data/vectors/llama-forward/smollm2-135m-instruct.reference.json');
  test.skipIf(!existsSync(file) || !reference)(
    'its GGUF gives the reference ids (skipped where get-smollm2 has not fetched it)',
    async () => {
      const model = await openModelFiles(file);
      const t = tokenizer(model.tokenizer);
      for (const { text, input_ids } of reference.prompts) expect(ids(t, text)).toEqual(input_ids);
      expect(ids(t, '<|im_start|>user\nHi<|im_end|>').slice(0, 1)).toEqual([1]);
      expect(model.tokenizer.config).toMatchObject({ bos_token: '<|im_start|>', eos_token: '<|im_end|>', add_bos_token: false });
      expect(model.tokenizer.config.chat_template).toContain('You are a helpful AI assistant named SmolLM');
      await model.close();
    },
  );
});

describe('mergesFromScores', () => {
  test('the best scored token first, every way to halve it, and no control token', () => {
    const tokens = ['a', 'b', 'ab', 'ba', 'aba', '<c>', 'a<c>'];
    const merges = mergesFromScores(tokens, [0, 0, -5, -4, -9, 0, 0], [1, 1, 1, 1, 1, 3, 1]);
    expect(merges).toEqual([
      ['b', 'a'],
      ['a', 'b'],
      ['a', 'ba'],
      ['ab', 'a'],
    ]);
  });
});

describe('tokenizerFromGguf', () => {
  const LETTERS = ['<u>', '<s>', '</s>', 'a', 'b', 'ab'];
  const BYTE_LEVEL = {
    ...{ 'ggml.model': 'gpt2', 'ggml.pre': 'llama-bpe', 'ggml.tokens': LETTERS, 'ggml.token_type': [2, 3, 4, 1, 1, 1] },
    ...{ 'ggml.merges': ['a b'], 'ggml.bos_token_id': 1, 'ggml.eos_token_id': 2 },
  };

  test('llama-bpe puts bos before, takes whole tokens, and keeps user-defined tokens visible', () => {
    const { json, config } = tokenizerFromGguf(gguf(BYTE_LEVEL));
    expect(ids(tokenizer({ json, config }), 'ab')).toEqual([1, 5]);
    expect(json.model.ignore_merges).toBe(true);
    expect(json.added_tokens.map((t: any) => [t.content, t.special])).toEqual([
      ['<u>', true],
      ['<s>', true],
      ['</s>', false],
    ]);
    expect(config).toMatchObject({ bos_token: '<s>', eos_token: '</s>', add_bos_token: true, add_eos_token: false });
  });

  test('a chat template for tools is that of its name', () => {
    const templates = { chat_template: 'plain', 'chat_template.tool_use': 'tools' };
    const { chatTemplate, toolTemplate } = tokenizer(tokenizerFromGguf(gguf({ ...BYTE_LEVEL, ...templates })));
    expect([chatTemplate, toolTemplate]).toEqual(['plain', 'tools']);
  });

  test('the file decides about bos and eos where it says so', () => {
    const t = tokenizer(tokenizerFromGguf(gguf({ ...BYTE_LEVEL, 'ggml.add_bos_token': false, 'ggml.add_eos_token': true })));
    expect(ids(t, 'ab')).toEqual([5, 2]);
  });

  test('qwen2 cuts digits one by one, llama-bpe by threes', () => {
    const tokens = [...'0123456789', '12', '123', '1234'];
    const digits = { 'ggml.model': 'gpt2', 'ggml.tokens': tokens, 'ggml.merges': ['1 2', '12 3', '123 4'] };
    expect(ids(tokenizer(tokenizerFromGguf(gguf({ ...digits, 'ggml.pre': 'qwen2' }))), '1234')).toEqual([1, 2, 3, 4]);
    expect(ids(tokenizer(tokenizerFromGguf(gguf({ ...digits, 'ggml.pre': 'llama-bpe' }))), '1234')).toEqual([11, 4]);
    expect(ids(tokenizer(tokenizerFromGguf(gguf({ ...digits, 'ggml.pre': 'gpt-2' }))), '1234')).toEqual([12]);
  });

  test('qwen2 composes text first, as its own tokenizer does', () => {
    const bytes = { 'ggml.model': 'gpt2', 'ggml.tokens': ['A', 'Ì', 'Ī', 'Ã', 'Ħ'], 'ggml.merges': [] };
    const decomposed = 'A\u0308';
    expect(ids(tokenizer(tokenizerFromGguf(gguf({ ...bytes, 'ggml.pre': 'qwen2' }))), decomposed)).toEqual([3, 4]);
    expect(ids(tokenizer(tokenizerFromGguf(gguf({ ...bytes, 'ggml.pre': 'gpt-2' }))), decomposed)).toEqual([0, 1, 2]);
  });

  test('without a space prefix no space is put before', () => {
    const spm = {
      'ggml.model': 'llama',
      'ggml.tokens': ['<u>', 'a', '▁a', '▁'],
      'ggml.token_type': [2, 1, 1, 1],
      'ggml.scores': [0, -3, -1, -2],
    };
    expect(ids(tokenizer(tokenizerFromGguf(gguf(spm))), 'a')).toEqual([2]);
    expect(ids(tokenizer(tokenizerFromGguf(gguf({ ...spm, 'ggml.add_space_prefix': false }))), 'a')).toEqual([1]);
  });

  test.each([
    [{ 'ggml.pre': 'no-such' }, 'x.gguf: expected a tokenizer.ggml.pre among default gpt-2'],
    [{ 'ggml.model': 'rwkv' }, 'to be gpt2 or llama, got rwkv'],
    [{ 'ggml.model': undefined }, 'to be gpt2 or llama, got nothing'],
    [{ 'ggml.tokens': undefined }, 'a list of strings as tokenizer.ggml.tokens, got nothing'],
    [{ 'ggml.tokens': [...LETTERS.slice(0, 5), 'a'] }, 'got "a" as 3 and 5'],
    [{ 'ggml.token_type': [1] }, 'expected 6 of tokenizer.ggml.token_type, got 1'],
    [{ 'ggml.merges': ['a c'] }, 'merges of two tokens into one, got "a c"'],
    [{ 'ggml.merges': ['ab'] }, 'merges of two tokens into one, got "ab"'],
    [{ 'ggml.bos_token_id': 6 }, 'tokenizer.ggml.bos_token_id below 6, got 6'],
    [{ 'ggml.model': 'llama' }, 'tokenizer.ggml.scores'],
  ])('%o is refused', (fields, message) => {
    expect(() => tokenizerFromGguf(gguf({ ...BYTE_LEVEL, ...fields }))).toThrow(message);
  });
});
