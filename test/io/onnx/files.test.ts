// What an export writes beside the right logits: names, external data, caches of padded batches, and what it refuses.
import * as ort from 'onnxruntime-web';
import { describe, expect, test } from 'vitest';
import { ONNX } from '../../../src/formats.ts';
import { blobFolder } from '../../../src/io/bytes.ts';
import { onnxFolder } from '../../../src/io/onnx/folder.ts';
import { openOnnx } from '../../../src/io/onnx/session.ts';
import '../../compare.ts';
import { loadGolden } from '../../goldens/load.ts';
import { exportOf, filesOf, openExported } from './exported.ts';

const readJson = async (blob: Blob) => JSON.parse(await blob.text());

describe('the folder', () => {
  test.each(ONNX)('%s: the names that transformers.js looks for', async (dtype) => {
    const files = await filesOf(exportOf(await loadGolden('llama3'), dtype));
    const suffix = { f32: '', f16: '_fp16', q4: '_q4' }[dtype];
    const described = ['config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json'];
    expect([...files.keys()]).toEqual([`onnx/model${suffix}.onnx`, ...described]);
    const config = await readJson(files.get('config.json')!);
    expect(config.model_type).toBe('llama');
    expect(config['transformers.js_config']).toEqual({ kv_cache_dtype: { fp16: 'float16' } });
  });

  test('weights beyond what a file holds lie beside it, in files that hold that much or one weight', async () => {
    const golden = await loadGolden('qwen2');
    const most = 20_000;
    const files = await filesOf({ ...exportOf(golden, 'f32'), most });
    const data = [...files].filter(([name]) => name.includes('onnx_data'));
    expect(data.map(([name]) => name)).toEqual(data.map((_, i) => (i ? `onnx/model.onnx_data_${i}` : 'onnx/model.onnx_data')));
    expect(data.length).toBeGreaterThan(2);
    const largest = Math.max(...[...golden.weights.values()].map(({ data }) => data.byteLength));
    for (const [, { size }] of data) expect(size).toBeLessThanOrEqual(Math.max(most, largest));
    expect((await readJson(files.get('config.json')!))['transformers.js_config'].use_external_data_format).toEqual({
      'model.onnx': data.length,
    });
    const session = await openOnnx(ort, blobFolder(files), 'f32', exportOf(golden, 'f32').config);
    expect(await session.logits(golden.rows[0].input_ids)).toBeCloseL2(golden.tensors.get('logits')!.data, 1e-5);
    await session.close();
  });

  test('what turns queries and keys but cannot be said in a config.json is in the graph all the same', async () => {
    const golden = await loadGolden('llama3');
    const model = exportOf(golden, 'f32');
    const { rope, head_dim } = model.config;
    const slowed = { theta: rope.theta, scaling: { type: 'factors' as const, factors: Array(head_dim / 2).fill(2) } };
    const linear = { theta: rope.theta, scaling: { type: 'linear' as const, factor: 2 } };
    const ids = golden.rows[0].input_ids;
    const [a, b] = await Promise.all(
      [slowed, linear].map(async (turned) => {
        const session = await openExported({ ...model, config: { ...model.config, rope: turned, raw: {} } });
        return session.logits(ids);
      }),
    );
    expect(a).toBeCloseL2(b, 1e-6);
  });

  test('tensors that are not the config’s, or of other bytes than their shape has, are refused', async () => {
    const model = exportOf(await loadGolden('qwen3'), 'f32');
    const without = { ...model, tensors: () => model.tensors('f32').filter(({ name }) => !name.includes('q_norm')) };
    expect(() => onnxFolder(without)).toThrow('q_norm.weight in the export, got none');
    const short = () =>
      model.tensors('f32').map((tensor) => (tensor.shape.length > 1 ? { ...tensor, bytes: () => new Uint8Array(4) } : tensor));
    await expect(filesOf({ ...model, tensors: short })).rejects.toThrow(/expected \d+ bytes of model.embed_tokens.weight, got 4/);
  });
});

test('a batch of rows of two lengths, padded on the left as transformers.js does: the logits are each row’s own', async () => {
  const golden = await loadGolden('smollm3');
  const model = exportOf(golden, 'f32');
  const files = await filesOf(model);
  const session = await ort.InferenceSession.create(new Uint8Array(await files.get('onnx/model.onnx')!.arrayBuffer()));
  const alone = await openOnnx(ort, blobFolder(files), 'f32', model.config);
  const long = golden.rows[0].input_ids.slice(0, 9);
  const short = golden.rows[1].input_ids.slice(0, 5);
  const pad = long.length - short.length;
  const integers = (rows: number[][]) =>
    new ort.Tensor('int64', BigInt64Array.from(rows.flat(), BigInt), [rows.length, rows[0].length]);
  const { n_layers, n_kv_heads, head_dim, vocab_size } = model.config;
  const empty = new ort.Tensor('float32', new Float32Array(0), [2, n_kv_heads, 0, head_dim]);
  const caches = Array.from({ length: n_layers }, (_, i) =>
    ['key', 'value'].map((part) => [`past_key_values.${i}.${part}`, empty]),
  );
  const { logits } = await session.run({
    input_ids: integers([long, [...Array(pad).fill(0), ...short]]),
    attention_mask: integers([long.map(() => 1), [...Array(pad).fill(0), ...short.map(() => 1)]]),
    position_ids: integers([long.map((_, i) => i), [...Array(pad).fill(1), ...short.map((_, i) => i)]]),
    ...Object.fromEntries(caches.flat()),
  });
  const got = logits.data as Float32Array;
  const own = (row: number, from: number) =>
    got.subarray((row * long.length + from) * vocab_size, (row + 1) * long.length * vocab_size);
  expect(own(0, 0)).toBeCloseL2(await alone.logits(long), 1e-5);
  expect(own(1, pad)).toBeCloseL2(await alone.logits(short), 1e-5);
});
