import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { describe, expect, test } from 'vitest';
import { loadTokenizer } from '../../src/data/tokenizer.ts';
import { blobFolder, diskFolder, diskSource, type Folder, memorySource } from '../../src/io/bytes.ts';
import { decode } from '../../src/io/dequant.ts';
import { type ModelFiles, openConfig, openModelFiles } from '../../src/io/model.ts';
import { readSafetensors } from '../../src/io/safetensors.ts';
import { rowCount, type TensorInfo } from '../../src/io/tensors.ts';
import { describeShared, FIXTURES, SHARED } from './shared.ts';

/** All values of a tensor, read in two pieces so that places within it count. */
async function values(tensor: TensorInfo): Promise<Float32Array> {
  const rows = rowCount(tensor.shape);
  const cut = Math.floor(rows / 3);
  const parts = [await tensor.rows(0, cut), await tensor.rows(cut, rows)];
  const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
  return decode(
    tensor.format,
    bytes,
    tensor.shape.reduce((a, b) => a * b, 1),
  );
}

describe('a GGUF is its Hugging Face twin', () => {
  const ROPE = { type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };
  // Half a step of each format; all weights are below 1.
  const STEP = {
    f32: () => 0,
    f16: (x: number) => Math.max(2 ** -11 * x, 2 ** -25),
    bf16: (x: number) => 2 ** -8 * x,
    q8_0: () => 0.5 / 127,
  };

  test.each([
    ['tiny-llama-q8_0', 'q8_0', { model_type: 'llama', tie_word_embeddings: true, rope: { theta: 5e5, scaling: ROPE } }],
    [
      'tiny-llama-bias',
      'f32',
      { attention_bias: true, o_bias: false, rope: { scaling: { type: 'factors', factors: [1, 1, 2, 3] } } },
    ],
    ['tiny-qwen2-f16', 'f16', { model_type: 'qwen2', attention_bias: true, tie_word_embeddings: false }],
    ['tiny-qwen3-bf16', 'bf16', { model_type: 'qwen3', qk_norm: true, tie_word_embeddings: true }],
    ['tiny-smollm3-f16', 'f16', { model_type: 'smollm3', nope_layers: [], tie_word_embeddings: true }],
  ] as const)('%s', async (name, format, config) => {
    const model = await openModelFiles(`${FIXTURES}/${name}.gguf`);
    expect(model.form).toBe('gguf');
    expect(model.config).toMatchObject({
      ...config,
      n_heads: 4,
      n_kv_heads: 2,
      head_dim: 8,
      rms_norm_eps: 1e-5,
      eos_token_ids: [2],
    });
    const source = await diskSource(`${FIXTURES}/${name}.safetensors`);
    const twin = (await readSafetensors(source)).tensors;
    expect([...model.tensors.keys()].sort()).toEqual([...twin.keys()].sort());
    for (const [key, tensor] of model.tensors) {
      const { shape, offset, bytes } = twin.get(key)!;
      expect(tensor.shape).toEqual(shape);
      expect(tensor.format).toBe(shape.length === 1 ? 'f32' : format);
      const expected = decode('f32', await source.read(offset, bytes), bytes / 4);
      const got = await values(tensor);
      const bound = (i: number) => STEP[tensor.format as keyof typeof STEP](Math.abs(expected[i]));
      expect(got.findIndex((v, i) => !(Math.abs(v - expected[i]) <= bound(i)))).toBe(-1);
    }
    await source.close();
    await model.close();
  });
});

describeShared('stories260K', () => {
  test('from GGUF and from Hugging Face: the same bytes under the same names', async () => {
    const [hf, gguf] = [
      await openModelFiles(`${SHARED}/data/models/stories260K-hf`),
      await openModelFiles(`${SHARED}/data/models/stories260K-gguf`),
    ];
    expect([hf.form, gguf.form]).toEqual(['hf', 'gguf']);
    const same = ({ config: { raw, dtype, max_position_embeddings, ...rest } }: ModelFiles) => rest;
    expect(same(gguf)).toEqual(same(hf));
    expect([...gguf.tensors.keys()].sort()).toEqual([...hf.tensors.keys()].sort());
    for (const [name, tensor] of hf.tensors) {
      const rows = rowCount(tensor.shape);
      const [a, b] = [await gguf.tensors.get(name)!.rows(0, rows), await tensor.rows(0, rows)];
      expect(Buffer.compare(a, b), name).toBe(0);
    }
    await hf.close();
    await gguf.close();
  });

  test('rows from the middle of a permuted matrix', async () => {
    const gguf = await openModelFiles(`${SHARED}/data/models/stories260K-gguf/stories260K.gguf`);
    const q = gguf.tensors.get('model.layers.1.self_attn.q_proj.weight')!;
    const all = await q.rows(0, 64);
    expect(await q.rows(13, 22)).toEqual(all.slice(13 * 256, 22 * 256));
    expect(await q.rows(5, 5)).toEqual(new Uint8Array(0));
    await expect(q.rows(60, 65)).rejects.toThrow('rows within 0 to 64');
    await gguf.close();
  });
});

describe('SmolLM2', () => {
  const file = `${process.env.XDG_CACHE_HOME ?? `${homedir()}/.cache`}/blocktune/SmolLM2-135M-Instruct.Q4_1.gguf`;
  test.skipIf(!existsSync(file))('opens from its quantized GGUF (skipped where get-smollm2 has not fetched it)', async () => {
    const model = await openModelFiles(file);
    expect(model.config).toMatchObject({
      n_layers: 30,
      hidden_size: 576,
      n_heads: 9,
      n_kv_heads: 3,
      vocab_size: 49152,
      rms_norm_eps: 1e-5,
    });
    expect(model.tensors.get('model.embed_tokens.weight')).toMatchObject({ format: 'q8_0', shape: [49152, 576] });
    expect(model.tensors.get('model.layers.29.mlp.down_proj.weight')).toMatchObject({ format: 'q4_1', shape: [576, 1536] });
    expect((await model.tensors.get('model.layers.0.self_attn.k_proj.weight')!.rows(1, 3)).length).toBe(2 * (576 / 32) * 20);
    await model.close();
  });
});

describe('openModel', () => {
  const CONFIG = {
    ...{ model_type: 'llama', hidden_size: 32, intermediate_size: 32, num_hidden_layers: 1, num_attention_heads: 4 },
    ...{ num_key_value_heads: 2, vocab_size: 24, tie_word_embeddings: true },
  };
  const TOKENIZER = { model: { vocab: { a: 0, b: 23 } }, added_tokens: [] };
  const weights = new Blob([readFileSync(`${FIXTURES}/tiny-llama-q8_0.safetensors`)]);
  const json = (value: unknown) => new Blob([JSON.stringify(value)]);
  const folder = (changes: Record<string, Blob | undefined> = {}): Folder => {
    const files = { 'config.json': json(CONFIG), 'tokenizer.json': json(TOKENIZER), 'model.safetensors': weights, ...changes };
    return blobFolder(
      new Map(Object.entries(files).filter((entry): entry is [string, Blob] => entry[1] !== undefined)),
      'dropped',
    );
  };
  const config = (fields: object) => ({ 'config.json': json({ ...CONFIG, ...fields }) });

  test('a dropped folder', async () => {
    const template = { 'chat_template.jinja': new Blob(['{{ x }}']), 'tokenizer_config.json': json({ bos_token: '<s>' }) };
    const model = await openModelFiles(folder({ ...template, 'generation_config.json': json({ eos_token_id: [2, 5] }) }));
    expect(model).toMatchObject({
      form: 'hf',
      name: 'dropped',
      config: { eos_token_ids: [2, 5] },
      generation: { eos_token_id: [2, 5] },
    });
    expect(model.tokenizer).toEqual({ json: TOKENIZER, config: { bos_token: '<s>', chat_template: '{{ x }}' } });
    expect(model.tensors.size).toBe(11);
  });

  test('a template for tools beside chat_template.jinja, as transformers saves it', async () => {
    const templates = {
      'chat_template.jinja': new Blob(['{{ x }}']),
      'additional_chat_templates/tool_use.jinja': new Blob(['{{ tools }}']),
    };
    const { tokenizer } = await openModelFiles(folder(templates));
    const { chatTemplate, toolTemplate } = loadTokenizer({ ...tokenizer, eos: 0 });
    expect([chatTemplate, toolTemplate]).toEqual(['{{ x }}', '{{ tools }}']);
  });

  test('a fault in generation_config.json is said of that file', async () => {
    const files = folder({ 'generation_config.json': json({ eos_token_id: [2, 'end'] }) });
    await expect(openModelFiles(files)).rejects.toThrow(
      'generation_config.json: expected eos_token_id to be a token id, got "end"',
    );
  });

  test('special_tokens_map.json wins and added_tokens.json counts, but beside an added_tokens_decoder, as in transformers', async () => {
    const files = (decoder: object) => ({
      'tokenizer_config.json': json({ eos_token: 'a', pad_token: 'b', ...decoder }),
      'special_tokens_map.json': json({ eos_token: { content: '<e>', lstrip: true } }),
      'added_tokens.json': json({ '<t>': 24, '<e>': 25 }),
    });
    const config = async (decoder = {}) => (await openModelFiles(folder(files(decoder)))).tokenizer.config;
    expect(await config()).toEqual({
      eos_token: { content: '<e>', lstrip: true },
      pad_token: 'b',
      added_tokens_decoder: {
        24: { content: '<t>', special: false, normalized: true },
        25: { content: '<e>', special: true, normalized: false },
      },
    });
    const decoder = { added_tokens_decoder: { 24: { content: '<u>' } } };
    expect(await config(decoder)).toEqual({ eos_token: 'a', pad_token: 'b', ...decoder });
    await expect(openModelFiles(folder({ 'added_tokens.json': json({ '<t>': 'x' }) }))).rejects.toThrow(
      'an id for each token of added_tokens.json, got "x" for "<t>"',
    );
  });

  test('a sharded folder', async () => {
    const index = {
      weight_map: Object.fromEntries([...(await openModelFiles(folder())).tensors.keys()].map((name) => [name, 'w.safetensors'])),
    };
    const sharded = { 'model.safetensors': undefined, 'w.safetensors': weights, 'model.safetensors.index.json': json(index) };
    expect(await openModelFiles(folder(sharded))).toMatchObject({ form: 'hf-sharded' });
  });

  test.each([
    ['no config', { 'config.json': undefined }, 'expected config.json in dropped'],
    ['no weights', { 'model.safetensors': undefined }, 'got config.json, tokenizer.json; fetch the weights'],
    ['only a pickle', { 'model.safetensors': undefined, 'pytorch_model.bin': json(1) }, 'convert pytorch_model.bin'],
    ['no tokenizer', { 'tokenizer.json': undefined }, 'expected tokenizer.json'],
    ['a config that is no JSON', { 'config.json': new Blob(['{']) }, 'expected JSON in config.json'],
    ['more layers than tensors', config({ num_hidden_layers: 2 }), 'expected the tensor model.layers.1.input_layernorm.weight'],
    ['biases that are not there', config({ attention_bias: true }), 'self_attn.q_proj.bias'],
    ['a head that is not there', config({ tie_word_embeddings: false }), 'expected the tensor lm_head.weight'],
    ['another width', config({ intermediate_size: 64 }), 'mlp.gate_proj.weight of shape 64 x 32 by its config, got 32 x 32'],
    ['a vocabulary larger than the embedding', config({ vocab_size: 25 }), 'embed_tokens.weight of shape 25 x 32'],
    [
      'a token beyond the embedding',
      { 'tokenizer.json': json({ model: { vocab: { z: 24 } } }) },
      'below the 24 rows of the embedding, got "z" = 24',
    ],
    [
      'an added token beyond',
      { 'tokenizer.json': json({ ...TOKENIZER, added_tokens: [{ id: 30, content: '<p>' }] }) },
      '"<p>" = 30',
    ],
    [
      'a tokenizer without a vocabulary',
      { 'tokenizer.json': json({ model: 'x', added_tokens: {} }) },
      'expected model.vocab and added_tokens',
    ],
  ])('%s is refused', async (_, changes, message) => {
    await expect(openModelFiles(folder(changes))).rejects.toThrow(message);
  });

  test('one added token past the embedding, as padding is, is let by', async () => {
    const added_tokens = [{ id: 24, content: '<pad>' }];
    const model = await openModelFiles(folder({ 'tokenizer.json': json({ ...TOKENIZER, added_tokens }) }));
    expect(model.config.vocab_size).toBe(24);
    const two = { ...TOKENIZER, added_tokens: [...added_tokens, { id: 25, content: '<q>' }] };
    await expect(openModelFiles(folder({ 'tokenizer.json': json(two) }))).rejects.toThrow('"<pad>" = 24');
  });

  test('a model saved without its head has names without a prefix', async () => {
    const { writeSafetensors } = await import('../../src/io/safetensors.ts');
    const { tensors } = await readSafetensors(memorySource(new Uint8Array(await weights.arrayBuffer())));
    const all = [...tensors.values()].map((t) => ({
      ...t,
      name: t.name.replace(/^model\./, ''),
      bytes: () => t.source.read(t.offset, t.bytes),
    }));
    const parts: BlobPart[] = [];
    for await (const chunk of writeSafetensors(all)) parts.push(new Uint8Array(chunk));
    const bare = { 'model.safetensors': new Blob(parts), ...config({ architectures: ['LlamaModel'], torch_dtype: 'auto' }) };
    const [a, b] = [await openModelFiles(folder(bare)), await openModelFiles(folder())];
    expect([...a.tensors.keys()].sort()).toEqual([...b.tensors.keys()].sort());
    expect(a.config.dtype).toBe(b.tensors.get('model.embed_tokens.weight')!.format);
  });

  test('tensors that the config does not have are refused, rotary buffers ignored', async () => {
    const extra = async (name: string) => {
      const { tensors } = await readSafetensors(memorySource(new Uint8Array(await weights.arrayBuffer())));
      const { writeSafetensors } = await import('../../src/io/safetensors.ts');
      const all = [...tensors.values()].map((t) => ({ ...t, bytes: () => t.source.read(t.offset, t.bytes) }));
      const more = { name, dtype: 'F32', shape: [4], bytes: () => new Uint8Array(16) };
      const parts: BlobPart[] = [];
      for await (const chunk of writeSafetensors([...all, more])) parts.push(new Uint8Array(chunk));
      return openModelFiles(folder({ 'model.safetensors': new Blob(parts) }));
    };
    expect((await extra('model.layers.0.self_attn.rotary_emb.inv_freq')).tensors.size).toBe(11);
    await expect(extra('model.layers.0.mlp.experts.weight')).rejects.toThrow('got model.layers.0.mlp.experts.weight too');
  });

  test('a tied model whose head says something else is refused', async () => {
    const untied = new Blob([readFileSync(`${FIXTURES}/tiny-qwen2-f16.safetensors`)]);
    const qwen = { 'model.safetensors': untied, ...config({ model_type: 'qwen2' }) };
    await expect(openModelFiles(folder(qwen))).rejects.toThrow('lm_head.weight of dropped to equal the embedding');
  });

  test('a tied matrix that is there under the name of the head alone is the embedding', async () => {
    const bytes = readFileSync(`${FIXTURES}/tiny-llama-q8_0.safetensors`);
    const at = bytes.indexOf('"model.embed_tokens.weight"');
    const renamed = Buffer.concat([bytes.subarray(0, at), Buffer.from('"lm_head.weight"           '), bytes.subarray(at + 27)]);
    const rows = async (weights: Buffer) => {
      const model = await openModelFiles(folder({ 'model.safetensors': new Blob([new Uint8Array(weights)]) }));
      return (await model.tensors.get('model.embed_tokens.weight')!.rows(0, 24)).slice();
    };
    expect(await rows(renamed)).toEqual(await rows(bytes));
  });

  test('a tensor in a format that is not read is named', async () => {
    const { writeSafetensors } = await import('../../src/io/safetensors.ts');
    const parts: BlobPart[] = [];
    const t = { name: 'model.norm.weight', dtype: 'F8_E4M3', shape: [32], bytes: () => new Uint8Array(32) };
    for await (const chunk of writeSafetensors([t])) parts.push(new Uint8Array(chunk));
    await expect(openModelFiles(folder({ 'model.safetensors': new Blob(parts) }))).rejects.toThrow(
      'model.norm.weight stored as one of',
    );
  });

  test('a lone safetensors file asks for its folder', async () => {
    await expect(openModelFiles(`${FIXTURES}/tiny-qwen2-f16.safetensors`)).rejects.toThrow('name the folder that holds it');
    await expect(openModelFiles(`${FIXTURES}/nothing`)).rejects.toThrow('got nothing there');
  });

  test('a folder of several GGUFs asks which', async () => {
    await expect(openModelFiles(diskFolder(FIXTURES))).rejects.toThrow('expected one model in');
  });
});

describe('openConfig', () => {
  test('from a lone config.json and from a GGUF', async () => {
    const text = new TextEncoder().encode('{"model_type":"gemma"}');
    await expect(openConfig(memorySource(text, 'config.json'))).rejects.toThrow('model_type');
    expect((await openConfig(`${FIXTURES}/tiny-qwen2-f16.gguf`)).model_type).toBe('qwen2');
  });
});
