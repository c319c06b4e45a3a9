import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterAll, describe, expect, test } from 'vitest';
import { type Adapter, adapterFiles, checkAdapter, loadAdapter, type SmtAdapter } from '../../src/io/adapter.ts';
import type { PeftAdapter } from '../../src/io/adapter-peft.ts';
import { blobFolder, diskFolder, type Folder, readJson } from '../../src/io/bytes.ts';
import { configFromHf } from '../../src/io/config.ts';
import { sha256 } from '../../src/io/hash.ts';
import { readSafetensors, type TensorToWrite, writeSafetensors } from '../../src/io/safetensors.ts';
import { tensorShapes } from '../../src/io/tensors.ts';
import { writeFolder } from '../../src/io/write.ts';
import { describeShared, joined, SHARED, sharedJson } from './shared.ts';

const Q = 'model.layers.0.self_attn.q_proj.weight';
const V = 'model.layers.1.self_attn.v_proj.weight';
const HASH = 'ab'.repeat(32);
const SMT: SmtAdapter = {
  method: 'smt',
  block: 4,
  targets: ['q_proj', 'v_proj'],
  score: 'absmean',
  budget: '0.84%',
  seed: 7,
  version: '0.1.0',
  base: { shapes: { [Q]: [8, 12], [V]: [4, 12] }, sha256: { [Q]: HASH, [V]: HASH } },
  matrices: [
    { name: Q, index: new Int32Array([1, 2, 0, 0]), blocks: Float32Array.from({ length: 32 }, (_, i) => i / 7) },
    { name: V, index: new Int32Array([0, 1]), blocks: new Float32Array(16).fill(-0.5) },
  ],
};

const root = mkdtempSync(`${tmpdir()}/blocktune-adapter-`);
afterAll(() => rmSync(root, { recursive: true }));

/** The files of an adapter in memory, with its config or single tensors changed. */
async function folder(
  adapter: Adapter,
  config: object = {},
  tensors: Record<string, Partial<TensorToWrite> | null> = {},
): Promise<Folder> {
  const files = new Map<string, Blob>();
  for (const { name, chunks } of adapterFiles(adapter))
    files.set(name, new Blob([typeof chunks === 'string' ? chunks : await joined(chunks as AsyncIterable<Uint8Array>)]));
  const plain = blobFolder(files);
  const settings = { ...(await readJson((await plain.file('adapter_config.json'))!)), ...config };
  const { tensors: stored, metadata } = await readSafetensors((await plain.file('adapter_model.safetensors'))!);
  const kept = new Map<string, TensorToWrite>(
    [...stored].map(([name, t]) => [name, { ...t, bytes: () => t.source.read(t.offset, t.bytes) }]),
  );
  for (const [name, change] of Object.entries(tensors))
    if (change) kept.set(name, { name, ...kept.get(name), ...change } as TensorToWrite);
    else kept.delete(name);
  files.set('adapter_model.safetensors', new Blob([await joined(writeSafetensors([...kept.values()], metadata))]));
  files.set('adapter_config.json', new Blob([JSON.stringify(settings)]));
  return blobFolder(files, 'mine');
}

const bytesOf = (array: Float32Array | Int32Array | Uint16Array) => () => new Uint8Array(array.buffer);

describe('an SMT adapter', () => {
  test('comes back from disk as it was saved', async () => {
    await writeFolder(`${root}/smt`, adapterFiles(SMT));
    expect(await loadAdapter(`${root}/smt`)).toEqual(SMT);
  });

  test('its tensors are named and shaped as documented', async () => {
    const file = (await (await folder(SMT)).file('adapter_model.safetensors'))!;
    const { tensors } = await readSafetensors(file);
    expect([...tensors.values()].map(({ name, dtype, shape }) => [name, dtype, shape]).sort()).toEqual([
      [`${Q}.blocks`, 'F32', [2, 4, 4]],
      [`${Q}.index`, 'I32', [2, 2]],
      [`${V}.blocks`, 'F32', [1, 4, 4]],
      [`${V}.index`, 'I32', [1, 2]],
    ]);
  });

  test('blocks in f16 are read', async () => {
    const half = { dtype: 'F16', bytes: bytesOf(new Uint16Array(16).fill(0x3c00)) };
    const { matrices } = (await loadAdapter(await folder(SMT, {}, { [`${V}.blocks`]: half }))) as SmtAdapter;
    expect(matrices.find((m) => m.name === V)!.blocks).toEqual(new Float32Array(16).fill(1));
  });

  const base = (fields: object) => ({ base: { ...SMT.base, ...fields } });
  const index = (...values: number[]) => ({ [`${Q}.index`]: { bytes: bytesOf(new Int32Array(values)) } });
  test.each<[string, object, Record<string, Partial<TensorToWrite> | null>, string]>([
    [
      'a row out of range',
      {},
      index(2, 0, 0, 0),
      'blocks of model.layers.0.self_attn.q_proj.weight within 2 x 3, got row 2, column 0',
    ],
    ['a column out of range', {}, index(0, 3, 0, 0), 'got row 0, column 3'],
    ['a negative row', {}, index(-1, 0, 0, 0), 'got row -1, column 0'],
    ['a block twice', {}, index(1, 2, 1, 2), 'row 1, column 2 twice'],
    ['an index of another type', {}, { [`${Q}.index`]: { dtype: 'F32' } }, 'index of I32 n x 2'],
    [
      'blocks of another edge',
      {},
      { [`${V}.blocks`]: { shape: [1, 2, 8] } },
      'blocks of F32 or F16 1 x 4 x 4, got F32 1 x 2 x 8',
    ],
    [
      'a value that is not finite',
      {},
      { [`${V}.blocks`]: { bytes: bytesOf(new Float32Array(16).fill(NaN, 5)) } },
      'NaN in block 0',
    ],
    ['an index without blocks', {}, { [`${V}.blocks`]: null }, `${V}.blocks beside its index`],
    ['blocks without an index', {}, { [`${V}.index`]: null }, 'pairs of .blocks and .index'],
    ['another tensor', {}, { extra: { dtype: 'U8', shape: [1], bytes: () => new Uint8Array(1) } }, 'got extra'],
    ['no shape for a matrix', base({ shapes: { [Q]: [8, 12] } }), {}, `a shape for ${V}`],
    [
      'a shape that the block does not divide',
      base({ shapes: { [Q]: [8, 13], [V]: [4, 12] } }),
      {},
      'two multiples of the block 4',
    ],
    [
      'a hash that is none',
      base({ sha256: { [Q]: 'x', [V]: HASH } }),
      {},
      `a SHA-256 sum as base.sha256.${Q} of adapter_config.json`,
    ],
    ['no base', { base: undefined }, {}, 'expected base in adapter_config.json, got none'],
    ['a block of zero', { block: 0 }, {}, 'a whole number from 1 as block of adapter_config.json, got 0'],
    [
      'another method',
      { method: 'magic' },
      {},
      'smt, smt+lora, or a peft_type beside as method of adapter_config.json, got "magic"',
    ],
  ])('with %s is refused', async (_, config, tensors, message) => {
    await expect(loadAdapter(await folder(SMT, config, tensors))).rejects.toThrow(message);
  });

  test('a folder without an adapter is refused', async () => {
    await expect(loadAdapter(diskFolder(root))).rejects.toThrow('expected adapter_config.json');
  });

  test('another model is told by its shapes', () => {
    const shapes = new Map<string, number[]>(Object.entries(SMT.base.shapes));
    checkAdapter(SMT, shapes);
    expect(() => checkAdapter(SMT, new Map([...shapes, [V, [8, 12]]]))).toThrow(
      `expected ${V} of shape 4 x 12 as the adapter has it, got 8 x 12`,
    );
    expect(() => checkAdapter(SMT, new Map([[Q, [8, 12]]]))).toThrow('got no such weight');
  });
});

describeShared('PEFT folders', () => {
  test.each([
    ['lora', 'llama3'],
    ['dora', 'qwen2'],
  ] as const)('%s of %s is read, fits its model, and is saved with the same tensors', async (method, family) => {
    const path = `${SHARED}/conformance/${family}/${method}`;
    const adapter = (await loadAdapter(path)) as PeftAdapter;
    expect(adapter).toMatchObject({
      method,
      rank: 4,
      alpha: 8,
      use_rslora: false,
      dropout: 0,
      targets: ['down_proj', 'q_proj', 'v_proj'],
    });
    expect(adapter.matrices.length).toBe(9);
    expect(adapter.matrices.every((m) => (m.magnitude !== undefined) === (method === 'dora'))).toBe(true);
    checkAdapter(adapter, tensorShapes(configFromHf(sharedJson(`conformance/${family}/model/config.json`))));
    await writeFolder(`${root}/${method}`, adapterFiles(adapter));
    const [theirs, ours] = [
      await diskFolder(path).file('adapter_model.safetensors'),
      await diskFolder(`${root}/${method}`).file('adapter_model.safetensors'),
    ];
    const [expected, got] = [(await readSafetensors(theirs!)).tensors, (await readSafetensors(ours!)).tensors];
    expect([...got.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [name, tensor] of expected) {
      const twin = got.get(name)!;
      expect(twin.shape).toEqual(tensor.shape);
      expect(await twin.source.read(twin.offset, twin.bytes)).toEqual(await tensor.source.read(tensor.offset, tensor.bytes));
    }
    await theirs!.close();
    await ours!.close();
  });
});

describe('a PEFT adapter', () => {
  const LORA: PeftAdapter = {
    ...{ method: 'lora', rank: 2, alpha: 4, use_rslora: true, dropout: 0.1, targets: ['q_proj'], base: 'a/b' },
    matrices: [{ name: Q, shape: [8, 6], A: new Float32Array(12).fill(0.5), B: new Float32Array(16) }],
  };
  const DORA: PeftAdapter = {
    ...LORA,
    method: 'dora',
    matrices: [{ ...LORA.matrices[0], magnitude: new Float32Array(8).fill(2) }],
  };
  const NAME = 'base_model.model.model.layers.0.self_attn.q_proj';

  test.each([LORA, DORA])('comes back as it was saved: $method', async (adapter) => {
    expect(await loadAdapter(await folder(adapter))).toEqual(adapter);
  });

  test('keeps the hashes of its base among the metadata, and refuses what is none', async () => {
    const hashed = { ...LORA, sha256: { [Q]: 'ab'.repeat(32) } };
    expect(await loadAdapter(await folder(hashed))).toEqual(hashed);
    await expect(loadAdapter(await folder({ ...LORA, sha256: { [Q]: 'ab' } }))).rejects.toThrow(
      /SHA-256 sum as model.layers.0.self_attn.q_proj.weight of base_sha256/,
    );
  });

  test.each<[object, Record<string, Partial<TensorToWrite> | null>, string]>([
    [{ peft_type: 'IA3' }, {}, 'peft_type of adapter_config.json to be LORA, got "IA3"'],
    [{ task_type: 'SEQ_CLS' }, {}, 'task_type'],
    [{ bias: 'all' }, {}, 'bias of adapter_config.json to be none, got "all"'],
    [{ modules_to_save: ['lm_head'] }, {}, 'modules_to_save of adapter_config.json to be off, got ["lm_head"]'],
    [{ rank_pattern: { q_proj: 4 } }, {}, 'lora_A.weight of shape 4 x in, got 2 x 6; r, or rank_pattern, says 4'],
    [{ rank_pattern: { q_proj: 0 } }, {}, 'a whole number from 1 as rank_pattern.q_proj of adapter_config.json, got 0'],
    [{ rank_pattern: ['q_proj'] }, {}, 'rank_pattern'],
    [{ alpha_pattern: { q_proj: '4' } }, {}, 'as alpha_pattern.q_proj of adapter_config.json, got "4"'],
    [{ alpha_pattern: { '(?P<m>q)_proj': 4 } }, {}, 'modules in alpha_pattern of adapter_config.json to be named by module'],
    // each could take V8 longer than anybody waits
    [{ alpha_pattern: { '(.*)*x': 4 } }, {}, 'without repeated groups and with few repetitions, got "(.*)*x"'],
    [{ rank_pattern: { q_proj: 2, '.*.*.*.*.*.*.*.*x': 4 } }, {}, 'few repetitions, got ".*.*.*.*.*.*.*.*x"'],
    [{ alpha_pattern: { [`${'(.|q)'.repeat(40)}x`]: 4 } }, {}, 'few repetitions'],
    [{ fan_in_fan_out: true }, {}, 'fan_in_fan_out'],
    [{ lora_bias: true }, {}, 'lora_bias'],
    [{ use_qalora: true }, {}, 'use_qalora'],
    [{ trainable_token_indices: [1] }, {}, 'trainable_token_indices'],
    [{ init_lora_weights: 'pissa_niter_4' }, {}, 'init_lora_weights'],
    [{ init_lora_weights: 'OLoRA' }, {}, 'init_lora_weights'],
    [{ init_lora_weights: 'lora_ga', lora_ga_config: { direction: 'ArB2r' } }, {}, 'init_lora_weights'],
    [{ r: 0 }, {}, 'a whole number from 1 as r of adapter_config.json, got 0'],
    [{ r: 4 }, {}, 'lora_A.weight of shape 4 x in, got 2 x 6'],
    [{ lora_alpha: null }, {}, 'lora_alpha'],
    [{ use_dora: true }, {}, 'lora_magnitude_vector, got none'],
    [{}, { [`${NAME}.lora_B.weight`]: null }, 'lora_B.weight, got none'],
    [{}, { [`${NAME}.lora_B.weight`]: { shape: [4, 4] } }, 'of shape out x 2, got 4 x 4'],
    [{}, { [`${NAME}.lora_A.weight`]: { bytes: bytesOf(new Float32Array(12).fill(Infinity)) } }, 'finite values'],
    [{}, { [`${NAME}.lora_A.weight`]: { dtype: 'I32' } }, 'as F32, F16 or BF16, got I32'],
    [
      {},
      { 'base_model.model.lm_head.weight': { dtype: 'U8', shape: [1], bytes: () => new Uint8Array(1) } },
      'got base_model.model.lm_head.weight',
    ],
  ])('with %o %o is refused', async (config, tensors, message) => {
    await expect(loadAdapter(await folder(LORA, config, tensors))).rejects.toThrow(message);
  });

  test.each([
    { init_lora_weights: 'gaussian' },
    { layers_to_transform: [0] },
    { target_modules: '.*q_proj' },
    { bias: undefined },
  ])('with %o is read', async (config) => {
    expect(((await loadAdapter(await folder(LORA, config))) as PeftAdapter).targets).toEqual(['q_proj']);
  });
});

describe('rank_pattern and alpha_pattern', () => {
  const values = (n: number) => Float32Array.from({ length: n }, (_, i) => i / 8);
  const matrix = (name: string, rank: number) => ({
    name,
    shape: [8, 6] as [number, number],
    A: values(rank * 6),
    B: values(8 * rank),
  });
  const K = 'model.layers.10.self_attn.k_proj.weight';
  const OWN: PeftAdapter = {
    ...{ method: 'lora', rank: 2, alpha: 4, use_rslora: false, dropout: 0, targets: ['q_proj', 'k_proj'], base: '' },
    matrices: [
      { ...matrix(Q, 3), rank: 3 },
      { ...matrix(K, 2), alpha: 0.5 },
    ],
  };

  test('ranks and alphas of matrices come back as they were saved, by the names of their modules', async () => {
    const saved = await folder(OWN);
    expect(await loadAdapter(saved)).toEqual(OWN);
    const config = await readJson((await saved.file('adapter_config.json'))!);
    expect(config).toMatchObject({
      r: 2,
      lora_alpha: 4,
      rank_pattern: { [Q.slice(0, -7)]: 3 },
      alpha_pattern: { [K.slice(0, -7)]: 0.5 },
    });
  });

  // the first key that is the name, or an end of it behind a dot, as PEFT's get_pattern_key has it
  test.each<[object, number | undefined]>([
    [{ k_proj: 7 }, 7],
    [{ proj: 7 }, undefined],
    [{ '.*proj': 7 }, 7],
    [{ '10.self_attn.k_proj': 7 }, 7],
    [{ '0.self_attn.k_proj': 7 }, undefined],
    [{ self_attn: 7 }, undefined],
    [{ 'layers\\.\\d+\\..*\\.[kv]_proj': 7 }, 7],
    [{ 'q_proj|k_proj': 7, k_proj: 8 }, 7],
    [{ [`.*layers\\.(${[...Array(32).keys()].join('|')})\\..*\\.(q|k|v)_proj`]: 7 }, 7],
    [{ '(?:self_attn\\.)?k_pro[j*+]': 7 }, 7],
    [{ '.*': 4, k_proj: 8 }, undefined],
    [{ 'base_model.model.model.layers.10.self_attn.k_proj': 7 }, undefined],
  ])('alpha_pattern %j gives k_proj of layer 10 alpha %s of its own', async (alpha_pattern, alpha) => {
    const adapter = (await loadAdapter(await folder(OWN, { alpha_pattern }))) as PeftAdapter;
    expect(adapter.matrices[1].alpha).toBe(alpha);
  });
});

describe('sha256', () => {
  test('of a view, not of the buffer below it', async () => {
    const view = new TextEncoder().encode('xabcx').subarray(1, 4);
    expect(await sha256(view)).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });
});
