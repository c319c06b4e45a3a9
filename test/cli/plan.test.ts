// `plan` against the run that it plans, and against the figures that the project promises, from configs alone.

import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { planVerb } from '../../src/commands/plan.ts';
import { type Options, withDefaults } from '../../src/options/table.ts';
import type { Line } from '../../src/report.ts';
import { blocktune, newFolder, writeModel, writeRows } from './tiny.ts';

const folder = newFolder();
const { at } = folder;
afterAll(folder.free);

type Plan = Extract<Line, { kind: 'plan' }>;

const LLAMA = { model_type: 'llama', rope_theta: 500000, tie_word_embeddings: true, torch_dtype: 'bfloat16' };
const LLAMA_1B = {
  ...LLAMA,
  hidden_size: 2048,
  intermediate_size: 8192,
  num_hidden_layers: 16,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  vocab_size: 128256,
};

beforeAll(() => {
  writeModel(at('model'));
  writeFileSync(at('1b.json'), JSON.stringify(LLAMA_1B));
  const ids = Array.from({ length: 64 }, (_, i) => 5 + i);
  writeRows(
    at('full.jsonl'),
    Array.from({ length: 4 }, () => ({ input_ids: ids })),
  );
});

async function lines(options: Options): Promise<Line[]> {
  const lines: Line[] = [];
  const signal = new AbortController().signal;
  await planVerb({ o: withDefaults(options), files: [], report: (line) => lines.push(line), signal });
  return lines;
}

const plans = async (options: Options): Promise<Plan[]> => (await lines(options)).filter((line) => line.kind === 'plan');

/**
 * Without what depends on the kernels that suit a GPU, temporaries and what shares slots with them: the verb plans for a desktop's, these
 * tests may run on another.
 */
function known({ bytes }: Plan): Partial<Plan['bytes']> {
  const { activations, temporaries, other, total, ...rest } = bytes;
  return rest;
}

const total = async (options: Options) => (await plans(options))[0].bytes.total;

describe('the run that is planned', () => {
  const words = ['--batch', '2', '--max-length', '64', '--block', '8', '--budget', '10%t', '--recompute', 'off'];
  const options: Options = { batch: 2, maxLength: 64, block: 8, budget: '10%t', recompute: 'off' };
  let run: Plan[];

  beforeAll(async () => {
    const data = ['--data', at('full.jsonl'), '--learn', 'all', '--steps', '1', '--warmup-steps', '1', '--tune', 'off'];
    const { lines } = await blocktune(['train', '--model', at('model'), ...data, ...words, '--json']);
    run = lines.filter((line) => line.kind === 'plan');
  });

  test.each(['train', 'warmup'])('%s: rows as long as allowed need what is planned without data', async (program) => {
    const [planned] = (await plans({ ...options, model: at('model') })).filter((p) => p.program === program);
    const ran = run.find((p) => p.program === program)!;
    expect(known(planned)).toEqual(known(ran));
    expect([planned.bound, planned.trainable]).toEqual([ran.bound, ran.trainable]);
  });

  test.each([
    [[], {}],
    [['--warmup', 'full'], { warmup: 'full' }],
    [['--select', 'activation'], { select: 'activation' }],
    [['--method', 'full'], { method: 'full', block: undefined, budget: undefined }],
    [['--method', 'lora', '--rank', '4'], { method: 'lora', rank: 4, block: undefined, budget: undefined }],
    [['--method', 'dora', '--rank', '4'], { method: 'dora', rank: 4, block: undefined, budget: undefined }],
    [['--method', 'topk-layers', '--layers', '1'], { method: 'topk-layers', layers: 1, block: undefined, budget: undefined }],
  ] as [string[], Options][])(
    "%j: planned for the device at hand, every category of every program is the run's",
    async (more, own) => {
      const blocks = own.method ? [] : ['--block', '8', '--budget', '10%t'];
      const data = ['--data', at('full.jsonl'), '--learn', 'all', '--steps', '1', '--tune', 'off', '--recompute', 'off'];
      const few = own.method ? [] : ['--warmup-steps', '1'];
      const { lines } = await blocktune([
        ...['train', '--model', at('model'), '--batch', '2', '--max-length', '64', '--json'],
        ...[...data, ...blocks, ...few, ...more],
      ]);
      const ran = (program: string) => lines.find((line): line is Plan => line.kind === 'plan' && line.program === program);
      const planned = await plans({ ...options, ...own, model: at('model'), device: 'auto', tune: 'off' });
      expect(planned[0].bytes).toEqual(ran('train')!.bytes);
      expect(planned.find((p) => p.program === 'warmup')?.bytes).toEqual(ran('warmup')?.bytes);
    },
  );

  test('a config alone gives the bytes of the whole folder', async () => {
    const whole = await plans({ ...options, model: at('model') });
    expect(await plans({ ...options, model: at('model/config.json') })).toEqual(whole);
  });

  test('data give their own largest batch', async () => {
    const fromData = await plans({ ...options, model: at('model'), data: [at('full.jsonl')], learn: 'all', maxLength: 512 });
    expect(known(fromData[0])).toEqual(known(run[0]));
  });

  test('a selection makes the plan exact', async () => {
    const blocks = [{ layer: 1, module: 'v_proj', row: 0, col: 0, score: 1 }];
    writeFileSync(at('one.json'), JSON.stringify({ block: 16, blocks }));
    const [train, ...others] = await plans({
      ...options,
      budget: undefined,
      block: undefined,
      model: at('model'),
      selection: at('one.json'),
    });
    expect([train.bound, train.trainable]).toEqual([false, 256]);
    expect(others.some((p) => p.program === 'warmup')).toBe(false);
  });
});

describe('the cost of a step', () => {
  // by AdamW: Muon's products are no part of the formulas below
  const options: Options = { model: at('1b.json'), batch: 1, maxLength: 128, recompute: 'off', optimizer: 'adamw' };
  const costs = async (more: Options) => (await lines({ ...options, ...more })).filter((line) => line.kind === 'cost');

  test('of the warm-up and of training, beside the least that it could be', async () => {
    const [warmup, train, decode, ...others] = await costs({ cost: true });
    expect([warmup.program, train.program, decode.program, others.length]).toEqual(['warmup', 'train', 'decode', 0]);
    const [N, M, L, D, F, q, kv, V] = [128, 127, 16, 2048, 8192, 2048, 512, 128256];
    const matrices = L * (2 * D * q + 2 * D * kv + 3 * D * F) + V * D; // stored as bf16, the head tied to the embedding
    const least = 2 * 2 * matrices + 4 * N * L * (23 * D + 14 * F + 16 * q + 16 * kv) + 16 * M * V;
    expect([warmup.bytes_needed, train.bytes_needed]).toEqual([least, least]);
    // every matrix forward, and backward but for q, k and v of the first layer: nothing below it trains
    const products = 2 * N * (2 * (matrices - V * D) - D * (q + 2 * kv)) + 4 * M * V * D;
    const attention = (2 + 3 + 4) * L * 2 * q * ((N * (N + 1)) / 2);
    expect(train.flops_needed / (products + attention)).toBeCloseTo(1, 1);
    expect(train.flops).toBeGreaterThanOrEqual(train.flops_needed);
    expect(train.bytes).toBeGreaterThan(least);
    expect(train.dispatches).toBe(train.by_kernel.reduce((n, k) => n + k.dispatches, 0));
    expect(train.expected).toBeUndefined();
    // a token reads every matrix once, and the keys and values of all before it
    expect(decode.bytes_needed).toBe(2 * matrices + 2 * 4 * N * L * kv);
    expect(decode.bytes / decode.bytes_needed).toBeCloseTo(1, 1);
    expect(decode.flops_needed / (2 * matrices)).toBeCloseTo(1, 1);
    expect(decode.head_visits).toBeCloseTo(1, 6);
  });

  test('rows of a micro-batch do not attend to each other', async () => {
    const [, one] = await costs({ cost: true });
    const [, four] = await costs({ cost: true, batch: 4 });
    expect(four.flops_needed / one.flops_needed).toBeCloseTo(4, 2);
  });

  test('Muon adds 30 b^3 FLOPs a block of b x b', async () => {
    const [, adamw] = await costs({ cost: true });
    const [, muon] = await costs({ cost: true, optimizer: 'muon' });
    const [{ trainable }] = await plans({ ...options, cost: true });
    const b = 256;
    expect((muon.flops_needed - adamw.flops_needed) / (30 * b * trainable)).toBeCloseTo(1, 1);
  });

  test('other methods add what they train', async () => {
    const own = { method: 'full', base: 'f32' } as const;
    const [full] = await costs({ ...own, cost: true });
    const [frozen] = await costs({ cost: true, base: 'f32' });
    const [{ trainable }] = await plans({ ...options, ...own });
    expect(full.bytes_needed - frozen.bytes_needed).toBe(24 * trainable);
  });

  test('the time on a named GPU, by what bounds it', async () => {
    const [, train] = await costs({ gpu: 'M2 Max' });
    expect(train.gpu).toBe('M2 Max');
    const peak = Math.max(train.flops_needed / 13.6e9, train.bytes_needed / 400e6);
    expect(train.expected!.ideal_ms).toBeCloseTo(peak, 6);
    expect(train.expected!.ms).toBeGreaterThan(Math.max(2 * (train.flops_needed / 13.6e9), train.bytes / 400e6));
    const [, slow] = await costs({ gpu: '0.001,400' });
    expect(slow.expected!.bound).toBe('arithmetic');
  });
});

describe('a model of a billion parameters, from its config alone', () => {
  const base: Options = { model: at('1b.json'), batch: 1, maxLength: 512, base: 'f32', recompute: 'off' };

  test('smt needs at most a third of full fine-tuning', async () => {
    const full = await total({ ...base, method: 'full' });
    expect(await total({ ...base, budget: '5%t' })).toBeLessThan(full / 3);
    expect(full).toBeGreaterThan(16 * 1.23e9); // values, gradients and two moments of 1.23 billion parameters in f32
  });

  test.each<[stored: 'f32' | 'bf16' | 'q8_0' | 'q4_0', bits: number]>([
    ['f32', 32],
    ['bf16', 16],
    ['q8_0', 8.5],
    ['q4_0', 4.5],
  ])('--base %s stores %d bits a weight', async (stored, bits) => {
    const [{ bytes }] = await plans({ ...base, base: stored });
    expect(bytes.weights / ((1.2358e9 * bits) / 8)).toBeCloseTo(1, 2);
  });

  test('--base keep is as the config says', async () => {
    expect(await plans({ ...base, base: 'keep' })).toEqual(await plans({ ...base, base: 'bf16' }));
  });

  test('longer rows and larger batches need more activations, and no more weights', async () => {
    const [short] = await plans(base);
    const [long] = await plans({ ...base, maxLength: 1024 });
    const [two] = await plans({ ...base, batch: 2 });
    // a buffer counts as what its largest tensor is, so only their sum goes by the tokens
    const made = ({ bytes }: Plan) => bytes.activations + bytes.temporaries + bytes.logits;
    expect(made(long) / made(short)).toBeCloseTo(2, 1);
    expect(made(two) / made(long)).toBeCloseTo(1, 3);
    expect(long.bytes.weights).toBe(short.bytes.weights);
  });

  test('the table has a line for each method and budget, each less for a smaller budget', async () => {
    const cells = await plans({ ...base, table: true });
    const budgets = ['50%t', '30%t', '10%t', '5%t', '1%t', '0.84%'];
    expect(cells.map((c) => [c.method, c.budget])).toEqual([
      ...budgets.map((budget) => ['smt', budget]),
      ['full', null],
      ['lora', null],
      ['dora', null],
      ...budgets.map((budget) => ['smt+lora', budget]),
      ['topk-layers', null],
    ]);
    const totals = cells.slice(0, 5).map((c) => c.bytes.total);
    expect(totals).toEqual([...totals].sort((a, b) => b - a));
  });
});

test.each<[options: Options, says: RegExp]>([
  [{ budget: '0%' }, /budget above zero/],
  [{ block: 7 }, /`block` 7/],
  [{ data: ['nosuch.jsonl'] }, /nosuch\.jsonl/],
])('what cannot be run cannot be planned: %o', async (options, says) => {
  await expect(plans({ model: at('model'), ...options })).rejects.toThrow(says);
});
