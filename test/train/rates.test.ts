// A rate found by trial: what it is judged by, that nothing of the trials stays, and that a resumed run has it.
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Line } from '../../src/report.ts';
import { writeModel, writeRows } from '../cli/tiny.ts';
import { keepDevice } from '../gpu/kept.ts';
import { cutOff, filesOf, of, run, tinyPlace } from './inprocess.ts';
import { spoil } from './spoil.ts';

keepDevice();
const place = tinyPlace();
const { at, train } = place;
afterAll(place.free);

const METHODS: [string, string[]][] = [
  ['smt', ['--targets', 'all', '--budget', '20%t', '--block', '8', '--warmup-steps', '3']],
  ['smt by Muon', ['--targets', 'all', '--budget', '20%t', '--block', '8', '--warmup-steps', '3', '--optimizer', 'muon']],
  ['lora with dropout', ['--method', 'lora', '--rank', '3', '--dropout', '0.3']],
  ['smt+lora', ['--method', 'smt+lora', '--targets', 'all', '--budget', '20%t', '--block', '8', '--warmup-steps', '3']],
  ['dora', ['--method', 'dora', '--rank', '3']],
];

describe.each(METHODS)('%s', (name, words) => {
  const all = [...words, '--batch', '2', '--steps', '6', '--eval', at('rows.jsonl'), '--checkpoint-every', '3', '--keep', '9'];
  const called = name.replaceAll(/\W+/g, '-');
  let lines: Awaited<ReturnType<typeof run>>;
  beforeAll(async () => {
    lines = await run(train(called, ...all, '--lr', 'auto'));
  });

  test('five rates three apart, or one more at an edge; the best trains, and memory is as planned', () => {
    const [{ tried, lr }] = of(lines, 'rates');
    expect([5, 6]).toContain(tried.length);
    const apart = tried.slice(1).map((t, i) => t.lr / tried[i].lr);
    for (const x of apart) expect(Math.abs(x - 3)).toBeLessThan(0.3); // rates are of two digits
    const best = tried.reduce((b, t) => ((t.loss ?? Infinity) < (b.loss ?? Infinity) ? t : b));
    expect(lr).toBe(best.lr);
    for (const { planned, allocated } of of(lines, 'memory')) expect(allocated).toBe(planned);
    const order = lines.map((l) => l.kind).filter((kind) => kind === 'rates' || kind === 'step');
    expect(order.indexOf('rates')).toBe(0);
    expect(order.filter((kind) => kind === 'step')).toHaveLength(6);
  });

  test('nothing of the trials stays: the run is the one that is given this rate', async () => {
    const [{ lr }] = of(lines, 'rates');
    const given = await run(train(`${called}-given`, ...all, '--lr', String(lr)));
    const told = (some: typeof lines) => of(some, 'step').map((s) => [s.step, s.loss, s.lr, s.grad_norm]);
    expect(told(given)).toEqual(told(lines));
    const adapter = (folder: string) => filesOf(at(folder))['adapter_model.safetensors'];
    expect(adapter(`${called}-given`)).toEqual(adapter(called));
  });

  test('cut off and resumed, it has the rate and the bits', async () => {
    const cut = `${called}-cut`;
    cutOff(at(called), at(cut), 3);
    const resumed = await run(train(cut, ...all, '--lr', 'auto', '--resume'));
    expect(of(resumed, 'rates')).toEqual(of(lines, 'rates'));
    expect(of(resumed, 'step').map((s) => [s.step, s.loss])).toEqual(
      of(lines, 'step')
        .slice(3)
        .map((s) => [s.step, s.loss]),
    );
    expect(filesOf(at(cut))).toEqual(filesOf(at(called)));
  });
});

test('with no rows beyond those trained on, it says so', async () => {
  const few = run(
    train('few', '--batch', '4', '--steps', '6', '--lr', 'auto', '--select', 'random', '--block', '8', '--budget', '3b'),
  );
  await expect(few).rejects.toThrow(/at least 8 rows beyond the 16 .*--eval/);
});

test('where the rows that judge have no finite loss before any step, it says that no rate is at fault', async () => {
  const model = writeModel(at('spoilt'));
  await spoil(`${model}/model.safetensors`, Number.NaN);
  const words = '--method lora --batch 2 --steps 6 --lr auto --tune off'.split(' ');
  const all = ['--model', model, '--data', at('rows.jsonl'), ...words];
  const lines: Line[] = [];
  const spoilt = run(['train', ...all, '--eval', at('rows.jsonl'), '--out', at('diverged'), '--json'], undefined, (l) =>
    lines.push(l),
  );
  await expect(spoilt).rejects.toThrow(
    /expected a finite loss of the 11 rows that judge rates before any step, got NaN: .* base model's, not a rate's\. Check them, or give a rate by --lr/,
  );
  expect(lines.filter(({ kind }) => kind === 'step')).toEqual([]);
  expect(existsSync(at('diverged/adapter_config.json'))).toBe(false);
});

describe('a row without a finite gradient', () => {
  const OTHERS = ['cow', 'dog', 'cat', 'owl'];
  beforeAll(async () => {
    // the head is a matrix of its own: what the embedding has is met by its token alone
    const model = writeModel(at('untied'), { tie_word_embeddings: false });
    const tokens: Record<string, number> = JSON.parse(readFileSync(`${model}/tokenizer.json`, 'utf8')).model.vocab;
    const frog = Object.keys(tokens).find((token) => /frog/.test(token))!;
    await spoil(`${model}/model.safetensors`, Number.NaN, [tokens[frog]]);
  });

  /** A run cut off after its first step; its trials are of a step more for each 42 of its own. */
  const rates = (words: string[], steps: number, ...more: string[]) => {
    const row = (word: string) => ({ prompt: `The ${word} is here.`, completion: ` The ${word} is not here.` });
    const data = writeRows(at('frogs.jsonl'), words.map(row));
    const method = '--method lora --rank 2 --batch 1 --no-shuffle --lr auto --tune off'.split(' ');
    const all = ['--model', at('untied'), '--data', data, '--eval', at('others.jsonl'), ...method, '--steps', String(steps)];
    return run(['train', ...all, ...more, '--json'], 1);
  };

  test('moves nothing in a trial, which goes on', async () => {
    const mixed = of(await rates(['cow', 'frog', ...OTHERS.slice(1)], 209), 'rates')[0];
    expect(mixed.tried.every((t) => t.loss !== null)).toBe(true);
    expect(mixed).toEqual(of(await rates(OTHERS, 170), 'rates')[0]);
  });

  test('ends it where no more in a row are allowed, or where there is no other', async () => {
    const none =
      /loss stays finite and does not double, got none down to [\d.e-]+\. Check the data and the base model, or give a smaller rate by --lr/;
    await expect(rates(['cow', 'frog', ...OTHERS.slice(1)], 209, '--max-skips', '1')).rejects.toThrow(none);
    await expect(rates(['frog'], 6)).rejects.toThrow(none);
  });
});

test.each([
  ['smt', ['--budget', '20%t', '--block', '8', '--select', 'magnitude']],
  ['lora', ['--rank', '2']],
])('stopped in the trials, %s tells of no step, and leaves nothing', async (method, own) => {
  const heard: Line[] = [];
  const stop = new AbortController();
  const words = train(`stopped-${method}`, '--method', method, ...own, '--batch', '2', '--steps', '6', '--lr', 'auto');
  const all = [...words, '--eval', at('others.jsonl'), '--guard', at('others.jsonl')];
  const hear = (line: Line) => {
    heard.push(line);
    if (line.kind === 'note' && line.text.startsWith('trying')) setTimeout(() => stop.abort(), 20);
  };
  await run(all, undefined, hear, undefined, stop);
  expect(heard.map(({ kind }) => kind)).not.toContain('rates'); // in the trials, not after them
  expect(heard.filter(({ kind }) => ['step', 'blocks_update'].includes(kind))).toEqual([]);
  expect(of(heard, 'eval').map(({ step }) => step)).toEqual([0]); // of the guard
  expect(heard.slice(-2)).toEqual([
    { kind: 'warning', text: 'stopped before the first training step: nothing was saved' },
    expect.objectContaining({ kind: 'done', out: null, steps: 0 }),
  ]);
  expect(existsSync(at(`stopped-${method}`, 'adapter_config.json'))).toBe(false);
});

test('an epoch is planned as it runs, the evaluation of trials included', async () => {
  const rows = Array.from({ length: 180 }, (_, i) => ({
    prompt: `${i}`,
    completion: ` is ${i}${i === 179 ? ' or what else' : ''}.`,
  }));
  writeRows(at('many.jsonl'), rows);
  const words = ['--model', at('model'), '--data', at('many.jsonl'), '--method', 'lora', '--rank', '2', '--batch', '1'];
  const planned = of(await run(['plan', ...words, '--device', 'auto', '--tune', 'off', '--json']), 'plan')[0];
  const ran = await run(['train', ...words, '--tune', 'off', '--json'], 1);
  expect(of(ran, 'rates')).toHaveLength(1);
  expect(of(ran, 'plan').find((l) => l.program === 'train')!.bytes).toEqual(planned.bytes);
});

test('a short run goes by rule, and says at which rate', async () => {
  const lines = await run(train('short', '--batch', '4', '--steps', '2', '--select', 'random', '--block', '8', '--budget', '3b'));
  expect(of(lines, 'rates')).toEqual([]);
  const [{ lr }] = of(lines, 'step');
  expect(lr).toBeGreaterThan(1e-4);
  expect(lines).toContainEqual({ kind: 'note', text: expect.stringContaining(`learning rate ${lr} by rule`) });
});

test('rows of one a step, whose losses differ more than twofold, tell a rate all the same', async () => {
  const words = '--steps 420 --batch 1 --max-length 32 --warmup-steps 2 --tune off --json'.split(' ');
  const lines = await run(['train', ...words, '--out', at('one')], 8);
  const losses = of(lines, 'step').map((s) => s.loss);
  expect(Math.max(...losses)).toBeGreaterThan(2 * losses[0]);
  const [{ tried, lr }] = of(lines, 'rates');
  expect(tried.filter((t) => t.loss !== null).length).toBeGreaterThanOrEqual(3);
  expect(tried.map((t) => t.lr)).toContain(lr);
});
