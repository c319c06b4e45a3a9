// GGUF files as we write them beside those that llama.cpp's own Python package wrote of the same weights: names, order of rows, bytes.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterAll, describe, expect, test } from 'vitest';
import { diskSource } from '../../src/io/bytes.ts';
import { EXPORTERS } from '../../src/io/exports.ts';
import { type Gguf, readGguf } from '../../src/io/gguf.ts';
import { type ModelFiles, openModelFiles } from '../../src/io/model.ts';
import { writeFile, writeFolder } from '../../src/io/write.ts';
import type { RopeScaling } from '../../src/models/config.ts';
import { FIXTURES } from './shared.ts';

const root = mkdtempSync(`${tmpdir()}/blocktune-gguf-`);
afterAll(() => rmSync(root, { recursive: true }));

async function exported(files: ModelFiles, dtype: string, name: string): Promise<Gguf> {
  const { files: made } = await EXPORTERS.gguf.lay({ files, dtype });
  await writeFile(`${root}/${name}`, made[0].chunks);
  return readGguf(await diskSource(`${root}/${name}`));
}

async function tensorsOf({ tensors, source }: Gguf): Promise<Record<string, object>> {
  const named: [string, object][] = [];
  for (const { name, type, dims, offset, bytes } of tensors.values())
    named.push([name, { type, dims, bytes: Buffer.from(await source.read(offset, bytes)).toString('base64') }]);
  return Object.fromEntries(named.sort());
}

const MODELS: [name: string, dtype: string][] = [
  ['tiny-llama-q8_0', 'q8_0'],
  ['tiny-llama-bias', 'f32'],
  ['tiny-qwen2-f16', 'f16'],
  ['tiny-qwen3-bf16', 'bf16'],
];

describe.each(MODELS)('%s', (name, dtype) => {
  test('written again has the tensors and the keys of the file it was', async () => {
    const original = await readGguf(await diskSource(`${FIXTURES}/${name}.gguf`));
    const files = await openModelFiles(`${FIXTURES}/${name}.gguf`);
    const again = await exported(files, dtype, `${name}.gguf`);
    const { 'output.weight': head, ...expected } = await tensorsOf(original);
    expect(await tensorsOf(again)).toEqual(files.config.tie_word_embeddings ? expected : { ...expected, 'output.weight': head });
    for (const [key, value] of original.metadata) expect([key, again.metadata.get(key)]).toEqual([key, value]);
    await files.close();
  });

  // what a folder's config.json cannot say has no way through a folder
  test.skipIf(name === 'tiny-llama-bias')('by way of a folder in f32 has the same tensors', async () => {
    const gguf = await openModelFiles(`${FIXTURES}/${name}.gguf`);
    await writeFolder(`${root}/${name}`, (await EXPORTERS.hf.lay({ files: gguf, dtype: 'f32' })).files);
    const folder = await openModelFiles(`${root}/${name}`);
    const again = await exported(folder, dtype, `${name}-by-folder.gguf`);
    expect(await tensorsOf(again)).toEqual(await tensorsOf(await exported(gguf, dtype, `${name}-direct.gguf`)));
    for (const key of ['tokens', 'token_type', 'bos_token_id', 'eos_token_id'])
      expect(again.metadata.get(`tokenizer.ggml.${key}`)).toEqual(gguf.gguf!.metadata.get(`tokenizer.ggml.${key}`));
    await gguf.close();
    await folder.close();
  });
});

test('tokens that stand in tokenizer_config.json alone are in the file', async () => {
  const files = await openModelFiles(`${FIXTURES}/tiny-llama-bias.gguf`);
  const vocab = { a: 0, b: 1, '</s>': 2 };
  const tokenizer = {
    json: { model: { type: 'BPE', vocab, merges: [] }, pre_tokenizer: { type: 'ByteLevel', use_regex: true }, added_tokens: [] },
    config: {
      eos_token: '</s>',
      added_tokens_decoder: { 3: { content: '<|tool|>', special: true }, 4: { content: 'call', special: false } },
    },
  };
  const folder = { ...files, gguf: undefined, tokenizer };
  const { metadata } = await exported(folder, 'f32', 'decoder-alone.gguf');
  expect((metadata.get('tokenizer.ggml.tokens') as string[]).slice(0, 6)).toEqual([
    'a',
    'b',
    '</s>',
    '<|tool|>',
    'call',
    '[PAD5]',
  ]);
  expect((metadata.get('tokenizer.ggml.token_type') as number[]).slice(0, 6)).toEqual([1, 1, 3, 3, 4, 5]);
  await files.close();
});

test('llama.cpp takes the last of every four layers of SmolLM3 without RoPE: others are refused', async () => {
  const files = await openModelFiles(`${FIXTURES}/tiny-smollm3-f16.gguf`);
  const other = { ...files, config: { ...files.config, nope_layers: [0] } };
  await expect(EXPORTERS.gguf.lay({ files: other, dtype: 'f16' })).rejects.toThrow(
    /every four .* got layers 0; export `format` hf/,
  );
  await files.close();
});

describe('scaled RoPE of a Qwen', () => {
  const laid = async (scaling: RopeScaling) => {
    const files = await openModelFiles(`${FIXTURES}/tiny-qwen2-f16.gguf`);
    const config = { ...files.config, rope: { theta: 1e6, scaling } };
    const { files: made, notes } = await EXPORTERS.gguf.lay({ files: { ...files, config }, dtype: 'f16' });
    await writeFile(`${root}/scaled.gguf`, made[0].chunks, { force: true });
    await files.close();
    const again = await openModelFiles(`${root}/scaled.gguf`);
    await again.close();
    return { rope: again.config.rope, notes };
  };
  const yarn: Extract<RopeScaling, { type: 'yarn' }> = {
    type: 'yarn',
    ...{ factor: 4, original_max_position_embeddings: 32 },
    ...{ beta_fast: 32, beta_slow: 1, truncate: true, attention_factor: 1.25 },
  };

  test('by yarn is in the file', async () => {
    const { rope, notes } = await laid(yarn);
    const { attention_factor, ...rest } = yarn;
    expect(rope).toMatchObject({ theta: 1e6, scaling: rest });
    expect(rope.scaling).toHaveProperty('attention_factor', expect.closeTo(attention_factor, 6));
    expect(notes).toEqual([]);
  });

  test('by dynamic is plain there, and that is said', async () => {
    const { rope, notes } = await laid({ type: 'dynamic', factor: 2, max_position_embeddings: 64 });
    expect(rope.scaling).toBeNull();
    expect(notes).toEqual([expect.stringContaining('no dynamic RoPE: up to 64 tokens')]);
  });

  test('what llama.cpp cannot say is refused', async () => {
    await expect(laid({ ...yarn, beta_slow: 0.5 })).rejects.toThrow(
      'beta_slow 1 and truncate true for a GGUF of qwen2, got beta_fast 32',
    );
    await expect(laid({ ...yarn, truncate: false })).rejects.toThrow('got truncate false; export `format` hf instead');
    await expect(laid({ type: 'factors', factors: Array(4).fill(2) })).rejects.toThrow('got factors; export `format` hf');
  });
});
