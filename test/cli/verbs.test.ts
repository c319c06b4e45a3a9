// The verbs one after the other, as a person would run them: train, eval, generate, merge on a real small model in its forms
// (Hugging Face folder, the same in shards, GGUF), which must give the same figures, and the lines that other programs read.

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { blocktune, type Ended, newFolder, shared, writeModel, writeRows } from './tiny.ts';

const folder = newFolder();
const { at } = folder;
afterAll(folder.free);

/** The keys of every line, as other programs rely on them. */
const KEYS: Record<string, string[]> = {
  plan: ['program', 'bytes', 'trainable', 'bound'],
  memory: ['program', 'planned', 'allocated'],
  warmup: ['step', 'loss', 'tokens', 'ms'],
  selection: ['block', 'blocks', 'share_model', 'share_targets', 'trainable'],
  step: ['step', 'loss', 'lr', 'grad_norm', 'tokens', 'input_tokens', 'ms', 'skipped'],
  eval: ['step', 'loss', 'perplexity', 'tokens'],
  example: ['index', 'logprob', 'tokens'],
  generation: ['index', 'prompt_ids', 'ids', 'text'],
  done: ['out', 'steps', 'seconds', 'tokens_per_second', 'made'],
};
const BYTES = 'weights trained gradients moments activations temporaries logits kv staging other total'.split(' ');

describe('a tiny model', () => {
  let ran: Ended;
  const settings = '--targets all --budget 20%t --block 8 --warmup-steps 2 --batch 2 --lr 0.01 --tune off'.split(' ');
  const train = (out: string, ...more: string[]) => [
    ...['train', '--model', at('model'), '--data', at('rows.jsonl'), '--out', at(out), ...settings, ...more],
  ];

  beforeAll(async () => {
    writeModel(at('model'));
    const word = ['cow', 'dog', 'cat', 'owl', 'fox', 'hen'];
    writeRows(
      at('rows.jsonl'),
      word.map((w) => ({ prompt: `The ${w} is here.`, completion: ` The ${w} is not here.` })),
    );
    ran = await blocktune(train('adapter', '--steps', '6', '--eval', at('rows.jsonl'), '--json'));
  });

  const of = (kind: string, { lines } = ran) => lines.filter((line) => line.kind === kind);

  test('training ends well and says nothing else', () => {
    expect(ran.stderr.replace(/^error: XDG.*\n/gm, '')).toBe('');
    expect(ran.code).toBe(0);
    expect(ran.lines.map((line) => line.kind).filter((kind) => kind in KEYS)).toEqual([
      ...['plan', 'plan', 'warmup', 'memory', 'warmup', 'selection', 'plan', 'step', 'memory', 'step', 'step', 'eval'],
      ...['step', 'step', 'step', 'eval', 'memory', 'done'],
    ]);
  });

  test.each(['plan', 'memory', 'warmup', 'selection', 'step', 'eval', 'done'])('%s lines have their keys', (kind) => {
    expect(of(kind).length).toBeGreaterThan(0);
    for (const line of of(kind)) expect(Object.keys(line)).toEqual(['kind', ...KEYS[kind]]);
  });

  test('a plan is the sum of its parts, and what is allocated', () => {
    for (const { bytes } of of('plan')) {
      expect(Object.keys(bytes)).toEqual(BYTES);
      expect(BYTES.slice(0, -1).reduce((n, part) => n + bytes[part], 0)).toBe(bytes.total);
    }
    for (const { planned, allocated } of of('memory')) expect(allocated).toBe(planned);
    const [bound, , exact] = of('plan');
    expect(bound.bound && !exact.bound).toBe(true);
    expect(bound.bytes.total).toBeGreaterThanOrEqual(exact.bytes.total);
  });

  test('steps count from 1, losses fall', () => {
    expect(of('step').map((s) => s.step)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(of('eval')[1].loss).toBeLessThan(of('step')[0].loss);
    expect(of('eval')[1].perplexity).toBeCloseTo(Math.exp(of('eval')[1].loss), 6);
  });

  test('done says where, and how fast', () => {
    const [{ out, steps, seconds, tokens_per_second }] = of('done');
    expect([out, steps]).toEqual([at('adapter'), 6]);
    const tokens = of('step').reduce((n, s) => n + s.input_tokens, 0);
    expect(tokens_per_second * seconds).toBeCloseTo(tokens, 3);
    expect(readdirSync(at('adapter')).sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors', 'receipt.json']);
  });

  test('the same command gives the same bits', async () => {
    await blocktune(train('again', '--steps', '6'));
    expect(bytes(at('again/adapter_model.safetensors')).equals(bytes(at('adapter/adapter_model.safetensors')))).toBe(true);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('%s saves what is trained and exits 130', async (signal) => {
    const out = `stopped-${signal}`;
    const { code, lines } = await blocktune(train(out, '--steps', '5000', '--json'), { interruptAfter: 12, signal });
    expect(code).toBe(130);
    const last = lines.at(-1);
    expect([last.kind, last.out]).toEqual(['done', at(out)]);
    expect(last.steps).toBeGreaterThan(2);
    expect(last.steps).toBeLessThan(5000);
    const { code: sound } = await blocktune(['inspect', at(out), '--json']);
    expect(sound).toBe(0);
  });

  test('a signal ends at once what has nothing to save', async () => {
    writeRows(
      at('many.jsonl'),
      Array.from({ length: 3000 }, (_, i) => ({ input_ids: [5 + (i % 20), 6, 7] })),
    );
    const words = ['eval', '--model', at('model'), '--data', at('many.jsonl'), '--batch', '1', '--per-example', '--json'];
    const { code, lines, stderr } = await blocktune(words, { interruptAfter: 12 });
    expect([code, stderr]).toEqual([130, '']);
    expect(of('eval', { lines } as Ended)).toEqual([]);
    expect(of('example', { lines } as Ended).length).toBeLessThan(3000);
  });

  test('select and train --selection choose and use the same blocks', async () => {
    const words = ['--model', at('model'), '--data', at('rows.jsonl'), '--block', '8', '--budget', '10b', '--json'];
    const chosen = await blocktune(['select', ...words, '--warmup-steps', '2', '--out', at('blocks.json')]);
    expect(chosen.lines.at(-1).kind).toBe('selection');
    const trained = await blocktune(['train', ...words.slice(0, 4), '--selection', at('blocks.json'), '--steps', '1', '--json']);
    expect(of('selection', trained)).toEqual(of('selection', chosen));
    expect(of('warmup', trained)).toEqual([]);
    const { lines } = await blocktune(['inspect', at('blocks.json'), '--json']);
    expect(lines).toEqual([{ kind: 'file', path: at('blocks.json'), ok: true, error: null }]);
  });

  test('people read plain lines where there is no terminal', async () => {
    const { stdout, stderr } = await blocktune(train('plain', '--steps', '6'));
    expect(stdout).toBe('');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none of these may be there
    expect(stderr).not.toMatch(/[\x00-\x09\x0b-\x1f]/);
    for (const part of ['device ', 'memory ', 'warm-up  2/2', 'blocks ', 'train    6/6', 'Try next'])
      expect(stderr).toContain(part);
  });

  test('--quiet says nothing', async () => {
    const { code, stdout, stderr } = await blocktune(train('quiet', '--steps', '6', '--quiet'));
    expect([code, stdout, stderr.replace(/^error: XDG.*\n/gm, '')]).toEqual([0, '', '']);
  });
});

const stories = join(shared, 'data/models/stories260K-hf');
const gguf = join(shared, 'data/models/stories260K-gguf/stories260K.gguf');
const fables = join(shared, 'data/datasets/aesop/fables.jsonl');

describe.skipIf(!existsSync(stories))('stories260K in its forms (skipped without the shared data)', () => {
  const forms = ['hf', 'shards', 'gguf'] as const;
  const model = { hf: stories, gguf, shards: at('shards') };
  const results = new Map<string, Awaited<ReturnType<typeof story>>>();

  beforeAll(async () => {
    writeShards(stories, at('shards'));
    writeRows(at('prompt.jsonl'), [{ prompt: 'Once upon a time', completion: ', there was a little girl named Lily.' }]);
    for (const form of forms) results.set(form, await story(form));
  });

  async function story(form: (typeof forms)[number]) {
    const where = ['--model', model[form]];
    const run = async (...words: string[]) => {
      const { code, lines, stderr } = await blocktune([...words, '--json', '--tune', 'off']);
      expect(stderr + code).toMatch(/(^|\n)0$/);
      return lines;
    };
    const adapter = ['--adapter', at(`adapter-${form}`)];
    const few = ['--data', fables, '--max-length', '48', '--batch', '2'];
    const options = ['--warmup-steps', '2', '--steps', '3', '--budget', '5%t', '--lr', '0.01', '--out', at(`adapter-${form}`)];
    const trained = await run('train', ...where, ...few, ...options);
    const evaluated = await run('eval', ...where, ...adapter, '--data', at('prompt.jsonl'), '--per-example');
    const generated = await run('generate', ...where, ...adapter, '--prompt', 'Once upon a time', '--max-new-tokens', '12');
    await run('merge', ...where, ...adapter, '--out', at(`merged-${form}`));
    const merged = await run('eval', '--model', at(`merged-${form}`), '--data', at('prompt.jsonl'));
    const pick = (lines: any[], kind: string) => lines.filter((line) => line.kind === kind);
    return {
      selection: pick(trained, 'selection')[0],
      losses: pick(trained, 'step').map((s) => s.loss),
      example: pick(evaluated, 'example')[0],
      loss: pick(evaluated, 'eval')[0].loss,
      generation: pick(generated, 'generation')[0],
      merged: pick(merged, 'eval')[0].loss,
    };
  }

  test('lines of eval and generate have their keys', () => {
    const { example, generation } = results.get('hf')!;
    expect(Object.keys(example)).toEqual(['kind', ...KEYS.example]);
    expect(Object.keys(generation)).toEqual(['kind', ...KEYS.generation]);
  });

  test.each(['shards', 'gguf'])('%s gives the figures of the folder', (form) => {
    expect(results.get(form)).toEqual(results.get('hf'));
  });

  test.each(forms)('%s: a merged model predicts as the adapter on its base does', (form) => {
    const { merged, loss } = results.get(form)!;
    expect(Math.abs(merged - loss)).toBeLessThan(1e-5 * loss);
  });

  test("training moved the model: the answer is no longer the base model's", async () => {
    const words = ['eval', '--model', stories, '--data', at('prompt.jsonl'), '--json'];
    const base = (await blocktune(words)).lines.find((line) => line.kind === 'eval');
    expect(Math.abs(base.loss - results.get('hf')!.loss)).toBeGreaterThan(0.01);
  });

  test('three adapters of one model are one', () => {
    const [hf, ...others] = forms.map((form) => bytes(at(`adapter-${form}`, 'adapter_model.safetensors')));
    expect(others.map((other) => other.equals(hf))).toEqual([true, true]);
  });
});

const bytes = (path: string) => readFileSync(path);

/** The folder with its weights in two files and an index. */
function writeShards(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  cpSync(from, to, { recursive: true });
  rmSync(join(to, 'model.safetensors'));
  const whole = readFileSync(join(from, 'model.safetensors'));
  const start = 8 + Number(whole.readBigUInt64LE(0));
  const header = JSON.parse(whole.subarray(8, start).toString());
  const names = Object.keys(header).filter((name) => name !== '__metadata__');
  const weight_map: Record<string, string> = {};
  for (const [i, own] of [names.filter((_, n) => n % 2 === 0), names.filter((_, n) => n % 2 === 1)].entries()) {
    const file = `model-0000${i + 1}-of-00002.safetensors`;
    const parts: Buffer[] = [];
    const head: Record<string, unknown> = {};
    let at = 0;
    for (const name of own) {
      const [a, b] = header[name].data_offsets;
      parts.push(whole.subarray(start + a, start + b));
      head[name] = { ...header[name], data_offsets: [at, at + b - a] };
      at += b - a;
      weight_map[name] = file;
    }
    const text = Buffer.from(JSON.stringify(head));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(text.length));
    writeFileSync(join(to, file), Buffer.concat([length, text, ...parts]));
  }
  writeFileSync(join(to, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map }));
}
