// A model from its files onto the device: every format kept or converted at load, the same figures as a file stored that way,
// and training that leaves every stored byte as it was.

import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Tokenizer } from '../../src/data/tokenizer.ts';
import { planLikelihood, scoreRows, sizesOf } from '../../src/eval/likelihood.ts';
import { formatBytes, type WritableFormat } from '../../src/formats.ts';
import { closeGpu, type Gpu, openGpu } from '../../src/gpu/device.ts';
import { planningOf } from '../../src/gpu/limits.ts';
import { dispose, prepare } from '../../src/gpu/run.ts';
import { read, type Tensor } from '../../src/gpu/tensor.ts';
import { openPlace } from '../../src/io/bytes.ts';
import { decode } from '../../src/io/dequant.ts';
import { sha256 } from '../../src/io/hash.ts';
import { type ModelFiles, openModelFiles } from '../../src/io/model.ts';
import { encode } from '../../src/io/quant.ts';
import { readSafetensors } from '../../src/io/safetensors.ts';
import { storedTensor, type TensorInfo } from '../../src/io/tensors.ts';
import { parametersOf } from '../../src/models/decoder.ts';
import { tensorsOf, type Weight } from '../../src/ops/stored/weight.ts';
import { baseOf, describe as describeModel, fallback, loadModel, type Model, type StoredAs } from '../../src/train/model.ts';
import '../compare.ts';
import { rowsOf, scores, startRun } from '../models/tiny.ts';

const FIXTURES = `${import.meta.dirname}/../fixtures`;
const MIXED = `${FIXTURES}/train/tiny-q4_k_m.gguf`;

let gpu: Gpu;
const opened: ModelFiles[] = [];
beforeAll(async () => {
  gpu = await openGpu();
  return () => closeGpu(gpu);
});
afterEach(async () => {
  for (const files of opened.splice(0)) await files.close();
});

async function open(path: string): Promise<ModelFiles> {
  const files = await openModelFiles(path);
  opened.push(files);
  return files;
}

/** The same model with its tensors changed. */
function changed(files: ModelFiles, change: (t: TensorInfo) => TensorInfo): ModelFiles {
  return { ...files, tensors: new Map([...files.tensors].map(([name, t]) => [name, change(t)])) };
}

/** A tensor as a file of another format would have it. */
function stored(t: TensorInfo, format: WritableFormat): TensorInfo {
  if (t.shape.length < 2) return t;
  const [rows, cols] = t.shape;
  const all = (async () => encode(format, decode(t.format, await t.rows(0, rows), rows * cols)))();
  const row = formatBytes(format, cols);
  return { ...t, format, rows: async (r0, r1) => (await all).slice(r0 * row, r1 * row) };
}

const tokenizer = {} as Tokenizer; // nothing is tokenized here
const load = (files: ModelFiles, base: StoredAs = 'keep') => loadModel(gpu, { files, tokenizer }, { longest: 32, base });
const matrices = (m: Model) => parametersOf(m.decoder).filter((w): w is Weight => 'windows' in w);

async function bytesOf(m: Model): Promise<Record<string, string>> {
  const hash = async (t: Tensor) => sha256(new Uint8Array((await read(gpu.memory, t)).buffer));
  const out: Record<string, string> = {};
  for (const w of parametersOf(m.decoder)) for (const t of tensorsOf(w)) out[t.name] = await hash(t);
  return out;
}

const rows = rowsOf([9, 17, 5, 12], 24);

async function logprobs(m: Model): Promise<number[]> {
  const sizes = sizesOf(rows, 2);
  const { plan, stream } = planLikelihood(m.decoder, sizes, planningOf(gpu.limits));
  const machine = await prepare(gpu, plan);
  const got: number[] = [];
  await scoreRows(gpu, { machine, stream, sizes }, rows, 2, (s, i) => (got[i] = s.logprob));
  dispose(machine);
  return got;
}

describe('a mixture of q4_k and q6_k', () => {
  test('stays as it is in the file', async () => {
    const model = await load(await open(MIXED));
    const [embed, q, k, v, o, gate, up, down] = matrices(model).map((w) => w.format);
    expect({ embed, q, k, v, o, gate, up, down }).toEqual({
      embed: 'q6_k',
      q: 'q4_k',
      k: 'q4_k',
      v: 'q6_k',
      o: 'q4_k',
      gate: 'q4_k',
      up: 'q4_k',
      down: 'q6_k',
    });
    const size = (w: Weight) => formatBytes(w.format, w.rows * w.cols);
    const bytes = matrices(model).map((w) => tensorsOf(w).reduce((n, t) => n + t.bytes, 0));
    expect(bytes).toEqual(matrices(model).map((w) => Math.ceil(size(w) / 16) * 16));
  });

  test('gives the log-probabilities of the same values in f32', async () => {
    const files = await open(MIXED);
    const got = await logprobs(await load(files));
    expect(got).toBeAllclose(await logprobs(await load(files, 'f32')), { rtol: 1e-6 });
    expect(Math.max(...got)).toBeLessThan(0);
  });
});

describe('--base', () => {
  test.each(['f32', 'f16', 'bf16', 'q8_0', 'q4_0'] as const)(
    '%s: the bytes and figures of a file stored that way',
    async (base) => {
      const files = await open(MIXED);
      const model = await load(files, base);
      const same = await load(changed(files, (t) => stored(t, base)));
      expect(matrices(model).map((w) => w.format)).toEqual(matrices(same).map(() => base));
      expect(fallback(model.decoder, base)).toBeNull();
      expect(await bytesOf(model)).toEqual(await bytesOf(same));
      expect(await logprobs(model)).toEqual(await logprobs(same));
    },
  );

  test('q8_0: the bytes of a GGUF that the gguf package wrote from the same safetensors', async () => {
    const gguf = await open(`${FIXTURES}/io/tiny-llama-q8_0.gguf`);
    const place = await openPlace(`${FIXTURES}/io/tiny-llama-q8_0.safetensors`);
    if (!('source' in place)) throw new Error('expected a file');
    const { tensors } = await readSafetensors(place.source);
    const plain = changed(gguf, ({ name, shape }) => storedTensor(name, 'f32', shape, place.source, tensors.get(name)!.offset));
    const got = await load(plain, 'q8_0');
    const same = await load(gguf);
    expect(await bytesOf(got)).toEqual(await bytesOf(same));
    const hash = (m: Model) => baseOf(m).sha256(matrices(m)[1]);
    expect(await hash(got)).toBe(await hash(same));
    await place.source.close();
  });

  test('rows that are no whole blocks are stored as f16, and people are told', async () => {
    const original = await open(MIXED);
    const config = { ...original.config, intermediate_size: 80 };
    const name = 'model.layers.0.mlp.down_proj.weight';
    const files = changed({ ...original, config }, (t) => ({ ...t, shape: t.name === name ? [256, 80] : t.shape }));
    const decoder = describeModel(files, 32, 'q8_0', gpu.limits.maxBinding);
    const formats = new Map(matrices({ decoder } as Model).map((w) => [w.name, w.format]));
    expect(formats.get(name)).toBe('f16');
    expect([...formats.values()].filter((f) => f === 'q8_0').length).toBe(7);
    expect(fallback(decoder, 'q8_0')).toBe(
      '1 of 8 matrices are stored as f16: their rows of 80 values are no whole blocks of 32, as q8_0 has them',
    );
    expect(fallback(decoder, 'keep')).toBeNull();
  });

  test('a format that the device does not read names the tensor and the cure', async () => {
    const files = await open(MIXED);
    const double = (t: TensorInfo): TensorInfo => ({
      ...t,
      format: 'f64',
      rows: async (r0, r1) => new Uint8Array(8 * (r1 - r0) * t.shape.at(-1)!),
    });
    const name = 'model.layers.0.mlp.up_proj.weight';
    const one = changed(files, (t) => (t.name === name ? double(t) : t));
    await expect(load(one)).rejects.toThrow(
      /^model\.layers\.0\.mlp\.up_proj\.weight: expected .* got f64: use `base` f32 or f16/,
    );
    expect(matrices(await load(one, 'f16')).map((w) => w.format)).toContain('f16');
  });

  test('a value beyond f16 names the tensor', async () => {
    const files = await open(MIXED);
    const name = 'model.layers.0.self_attn.o_proj.weight';
    const huge = changed(files, (t) => {
      if (t.name !== name) return t;
      const values = new Float32Array(t.shape[0] * t.shape[1]).fill(1e6);
      return { ...t, format: 'f32', rows: async (r0, r1) => encode('f32', values.subarray(r0 * t.shape[1], r1 * t.shape[1])) };
    });
    await expect(load(huge, 'f16')).rejects.toThrow(`${name}: expected values below 65520 to store in f16, got 1000000`);
  });
});

describe('training beside a stored base', () => {
  test.each(['absmean', 'absofmean'] as const)('scores by %s are those on f32 of the same values', async (score) => {
    const files = await open(MIXED);
    const names = ['q_proj', 'v_proj'].map((m) => `model.layers.0.self_attn.${m}.weight`);
    const maps = async (base: StoredAs) => scores(gpu, (await load(files, base)).decoder, names, score, 32, rows, 2);
    const [got, want] = [await maps('keep'), await maps('f32')];
    expect([...got.keys()]).toEqual(names);
    for (const name of names) expect(got.get(name)!, name).toBeCloseL2(want.get(name)!, 1e-5);
    expect(got.get(names[0])!.length).toBe(64);
    expect(Math.max(...got.get(names[0])!)).toBeGreaterThan(0);
  });

  const blocks: [string, number, number][] = [
    ['model.layers.0.self_attn.q_proj.weight', 0, 1],
    ['model.layers.0.self_attn.q_proj.weight', 3, 2],
    ['model.layers.0.self_attn.v_proj.weight', 1, 3],
    ['model.layers.0.mlp.down_proj.weight', 2, 0],
  ];
  const options = { rows, batch: 2, lr: 1e-3, betas: [0.9, 0.95] as [number, number], eps: 1e-8, weight_decay: 0, clip: 1 };

  test.each(['keep', 'q4_0', 'q8_0', 'bf16'] as const)('%s: as on f32 of the same values, and no byte moves', async (base) => {
    const original = await open(MIXED);
    const files = base === 'keep' ? original : changed(original, (t) => stored(t, base));
    const curve = async (model: Model) => {
      const run = await startRun(gpu, model.decoder, { ...options, block: 64, blocks });
      const { loss, grad_norm } = await run.go(5);
      return { loss, grad_norm, free: run.free };
    };
    const model = await load(original, base);
    const before = await bytesOf(model);
    const got = await curve(model);
    expect(await bytesOf(model)).toEqual(before);
    const want = await curve(await load(files, 'f32'));
    expect(got.loss).toBeCloseL2(want.loss, 1e-5);
    expect(got.grad_norm).toBeCloseL2(want.grad_norm, 1e-5);
    expect(got.loss[4]).toBeLessThan(got.loss[0]);
  });
});
