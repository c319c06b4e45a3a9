import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterAll, describe, expect, test } from 'vitest';
import { configFromHf } from '../../src/io/config.ts';
import { decode } from '../../src/io/dequant.ts';
import { type HfExport, hfConfig, hfFiles } from '../../src/io/export-hf.ts';
import { type ModelFiles, openModelFiles } from '../../src/io/model.ts';
import { encode } from '../../src/io/quant.ts';
import { rowCount } from '../../src/io/tensors.ts';
import { writeFolder } from '../../src/io/write.ts';
import { describeShared, FIXTURES, SHARED } from './shared.ts';

const root = mkdtempSync(`${tmpdir()}/blocktune-export-`);
afterAll(() => rmSync(root, { recursive: true }));

/** A model decoded and written as `dtype`, as a merge does it. */
function exportOf(model: ModelFiles, dtype: HfExport['dtype'], shardBytes?: number): HfExport {
  const tensors = [...model.tensors.values()].map(({ name, shape, format, rows }) => ({
    name,
    shape,
    bytes: async () =>
      encode(
        dtype,
        decode(
          format,
          await rows(0, rowCount(shape)),
          shape.reduce((a, b) => a * b, 1),
        ),
      ),
  }));
  return { config: model.config, generation: model.generation, tokenizer: model.tokenizer, dtype, tensors, shardBytes };
}

describe('hfFiles', () => {
  const files = ['tiny-llama-q8_0', 'tiny-qwen2-f16', 'tiny-qwen3-bf16', 'tiny-smollm3-f16'];
  test.each(files)('%s opens again as the same model', async (name) => {
    const gguf = await openModelFiles(`${FIXTURES}/${name}.gguf`);
    await writeFolder(`${root}/${name}`, hfFiles(exportOf(gguf, 'f32')));
    const hf = await openModelFiles(`${root}/${name}`);
    expect(hf.form).toBe('hf');
    const described = ({ config: { raw, dtype, ...rest } }: ModelFiles) => rest;
    expect(described(hf)).toEqual(described(gguf));
    expect(hf.tokenizer.json.model.vocab).toEqual({ ...gguf.tokenizer.json.model.vocab });
    for (const [key, tensor] of gguf.tensors) {
      const rows = rowCount(tensor.shape);
      const n = tensor.shape.reduce((a, b) => a * b, 1);
      expect(decode('f32', await hf.tensors.get(key)!.rows(0, rows), n), key).toEqual(
        decode(tensor.format, await tensor.rows(0, rows), n),
      );
    }
    await gguf.close();
    await hf.close();
  });

  test('shards hold what fits, and the index says where', async () => {
    const gguf = await openModelFiles(`${FIXTURES}/tiny-qwen2-f16.gguf`);
    await writeFolder(`${root}/sharded`, hfFiles(exportOf(gguf, 'f16', 6000)));
    const shards = readdirSync(`${root}/sharded`).filter((name) => name.endsWith('.safetensors'));
    expect(shards[0]).toBe(`model-00001-of-0000${shards.length}.safetensors`);
    expect(shards.length).toBeGreaterThan(2);
    for (const shard of shards) expect(statSync(`${root}/sharded/${shard}`).size).toBeLessThan(8000);
    const index = JSON.parse(readFileSync(`${root}/sharded/model.safetensors.index.json`, 'utf8'));
    expect(Object.keys(index.weight_map).sort()).toEqual([...gguf.tensors.keys()].sort());
    const values = [...gguf.tensors.values()].reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
    expect(index.metadata.total_size).toBe(2 * values);
    const hf = await openModelFiles(`${root}/sharded`);
    expect(hf.form).toBe('hf-sharded');
    expect(hf.tensors.get('lm_head.weight')!.format).toBe('f16');
    await gguf.close();
    await hf.close();
  });

  test('tensors that are missing, too many or of another shape are refused', async () => {
    const gguf = await openModelFiles(`${FIXTURES}/tiny-qwen2-f16.gguf`);
    const model = exportOf(gguf, 'f32');
    const change = (tensors: HfExport['tensors']) => () => hfFiles({ ...model, tensors });
    expect(change(model.tensors.slice(1))).toThrow('expected the tensor');
    expect(change([...model.tensors, { ...model.tensors[0], name: 'extra' }])).toThrow('got extra too');
    expect(change([{ ...model.tensors[0], shape: [1] }, ...model.tensors.slice(1)])).toThrow(
      'by its config, got 1 in the export',
    );
    await gguf.close();
  });
});

describe('hfConfig', () => {
  test('of a Hugging Face folder keeps every field, those of one family too, and takes the new dtype', () => {
    const raw = JSON.parse(readFileSync(new URL('../goldens/smollm3/model/config.json', import.meta.url), 'utf8'));
    expect(raw).toMatchObject({ no_rope_layers: [1, 0, 1], no_rope_layer_interval: 2, use_sliding_window: false });
    expect(hfConfig(configFromHf(raw), 'bf16')).toEqual({ ...raw, torch_dtype: 'bfloat16' });
  });

  test('of a GGUF says which layers have no RoPE, and is read as the same', async () => {
    const { config, close } = await openModelFiles(`${FIXTURES}/tiny-smollm3-f16.gguf`);
    const written = hfConfig({ ...config, n_layers: 5, nope_layers: [3], mlp_bias: true }, 'f32');
    expect(written).toMatchObject({ architectures: ['SmolLM3ForCausalLM'], no_rope_layers: [1, 1, 1, 0, 1], pad_token_id: null });
    expect(configFromHf(written)).toMatchObject({ n_layers: 5, nope_layers: [3], mlp_bias: true });
    await close();
  });

  test('of a GGUF with factors or biases that config.json cannot say is an error', async () => {
    const { config, close } = await openModelFiles(`${FIXTURES}/tiny-llama-bias.gguf`);
    expect(() => hfConfig(config, 'f32')).toThrow('expected RoPE factors');
    expect(() => hfConfig({ ...config, rope: { theta: 1e4, scaling: null } }, 'f32')).toThrow('expected biases that llama has');
    await close();
  });
});

describeShared('the config of a Hugging Face folder', () => {
  test('keeps every field and takes the new dtype', async () => {
    const { config, close } = await openModelFiles(`${SHARED}/conformance/llama3/model`);
    expect(hfConfig(config, 'bf16')).toEqual({ ...config.raw, torch_dtype: 'bfloat16' });
    await close();
    const qwen = await openModelFiles(`${SHARED}/conformance/qwen2/model`);
    expect(hfConfig(qwen.config, 'f16')).toEqual({ ...qwen.config.raw, dtype: 'float16' });
    await qwen.close();
  });
});
