// Receipts: what a run leaves says what it was, its sums are those of the files, and a replay comes to the same bits or says where not.
import { createHash } from 'node:crypto';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type Receipt, receiptIn } from '../../src/commands/receipt.ts';
import { differenceOf } from '../../src/commands/replay.ts';
import { blocktune, writeRows } from '../cli/tiny.ts';
import { keepDevice } from '../gpu/kept.ts';
import { filesOf, of, run, tinyPlace } from '../train/inprocess.ts';

keepDevice();

const place = tinyPlace();
afterAll(place.free);

const COMMON = ['--batch', '2', '--steps', '6', '--lr', '0.01'];
const SMT = ['--targets', 'all', '--budget', '20%t', '--block', '8', '--warmup-steps', '3'];
const WATCHED = ['--eval', place.at('others.jsonl'), '--eval-every', '2', '--guard', place.at('others.jsonl')];
const receiptAt = (out: string): Receipt => JSON.parse(readFileSync(place.at(out, 'receipt.json'), 'utf8'));

await run(place.train('smt', ...COMMON, ...SMT, ...WATCHED));
await run([
  'select',
  '--model',
  place.at('model'),
  '--data',
  place.at('rows.jsonl'),
  ...SMT,
  '--out',
  place.at('blocks.json'),
  '--tune',
  'off',
]);

test('says what the run was and told, and the sums of what it left', () => {
  const { recipe, curve, result, blocks, runtime, device, settings } = receiptAt('smt');
  expect(recipe).toMatchObject({ model: place.at('model'), steps: 6, lr: 0.01, schedule: 'linear', lrWarmup: 0.03, seed: 0 });
  expect(settings).toMatchObject({ base: 'f32', arithmetic: 'f32', recompute: 'off' });
  expect([curve.warmup, curve.loss, curve.grad_norm].map((list) => list.length)).toEqual([3, 6, 6]);
  expect([...curve.loss, ...curve.grad_norm].every((x) => x! > 0)).toBe(true);
  expect(curve.evals.map(([step]) => step)).toEqual([2, 4, 6]);
  expect(curve.guard.map(([step]) => step)).toEqual([0, 6]);
  expect([runtime, device.name.length > 0]).toEqual(['a test', true]);
  expect(blocks).toMatch(/^[0-9a-f]{64}$/);
  const { 'receipt.json': _, ...files } = filesOf(place.at('smt'));
  const sums = Object.entries(files).map(([name, bytes]) => {
    return [name, { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }];
  });
  expect(result).toEqual(Object.fromEntries(sums));
});

test.each<[string, string[]]>([
  ['smt', SMT],
  ['full, written as f16', ['--method', 'full', '--dtype', 'f16']],
  [
    'lora, dropout, stopped early by patience',
    ['--method', 'lora', '--dropout', '0.3', '--lr', '3', '--patience', '1', ...WATCHED],
  ],
  ['goes on from an adapter', ['--adapter', place.at('smt')]],
  ['blocks from a file', ['--selection', place.at('blocks.json'), '--targets', 'all']],
])('%s: a replay is equal to the bit', async (name, words) => {
  const out = name.replaceAll(/\W/g, '');
  if (name !== 'smt') await run(place.train(out, ...(words.includes('--lr') ? COMMON.slice(0, 4) : COMMON), ...words));
  const lines = await run(['replay', place.at(out, 'receipt.json')]);
  expect(of(lines, 'replay')).toEqual([{ kind: 'replay', equal: true, steps: receiptAt(out).curve.loss.length }]);
});

test('of a run that was stopped: it ends where that did, and leaves the same with --out', async () => {
  await run(place.train('stopped', ...COMMON, ...SMT), 2);
  const { curve } = receiptAt('stopped');
  expect(curve.loss.length).toBeLessThan(6);
  const lines = await run(['replay', place.at('stopped'), '--out', place.at('again')]);
  expect(of(lines, 'replay')).toEqual([{ kind: 'replay', equal: true, steps: curve.loss.length }]);
  const { 'receipt.json': receipt, ...again } = filesOf(place.at('again'));
  const { 'receipt.json': _, ...stopped } = filesOf(place.at('stopped'));
  expect(again).toEqual(stopped);
  expect(JSON.parse(String(receipt)).curve).toEqual(curve);
});

const changed = (out: string, change: (receipt: Receipt) => void): string => {
  const receipt = receiptAt(out);
  change(receipt);
  const path = place.at('changed.json');
  writeFileSync(path, JSON.stringify(receipt));
  return path;
};
const others = writeRows(place.at('fewer.jsonl'), [{ prompt: 'a', completion: 'b' }]);
cpSync(place.at('model'), place.at('moved'), { recursive: true });
const bytes = readFileSync(place.at('model', 'model.safetensors'));
bytes[bytes.length - 1] ^= 1;
cpSync(place.at('model'), place.at('other'), { recursive: true });
writeFileSync(join(place.at('other'), 'model.safetensors'), bytes);

test.each<[string, string[], RegExp]>([
  ['other rows', ['--data', others], /expected the rows of --data as in .*receipt.json, got other ones/],
  ['other held-out rows', ['--eval', others], /expected the rows of --eval as in/],
  ['a bit of the last weight', ['--model', place.at('other')], /expected the weights of --model as in/],
  ['another seed', ['--seed', '1'], /expected --seed 0 as in .*, got 1/],
  ['another start', ['--adapter', place.at('smt')], /expected --adapter or --\w+, got both/],
])('%s: refused, with the field', async (_, words, message) => {
  await expect(run(['replay', place.at('smt', 'receipt.json'), ...words])).rejects.toThrow(message);
});

test('the model elsewhere is the same model', async () => {
  const lines = await run(['replay', place.at('smt'), '--model', place.at('moved')]);
  expect(of(lines, 'replay')[0].equal).toBe(true);
});

test('what differs is told with its step and why it may, and the command fails', async () => {
  const path = changed('smt', (r) => {
    r.curve.loss[3]! += 1e-7;
    r.curve.grad_norm[4]! += 1;
    r.device.name = 'another one';
  });
  const { code, lines, stderr } = await blocktune(['replay', path, '--tune', 'off', '--json']);
  const [line] = lines.filter(({ kind }) => kind === 'replay');
  const { curve } = receiptAt('smt');
  expect(line).toMatchObject({
    equal: false,
    steps: 6,
    step: 4,
    what: 'loss',
    expected: curve.loss[3]! + 1e-7,
    got: curve.loss[3],
  });
  expect(line.because[0]).toMatch(/^another device \(another one then, .+ now\)$/);
  expect(line.because[1]).toMatch(/^another runtime \(a test then, \w+ [\d.]+ now\)$/);
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(/expected the run of .*, got another loss at step 4: .* It may differ for/),
  ]);
});

test.each<[string, (r: Receipt) => void, object | undefined]>([
  ['nothing', () => {}, undefined],
  ['the runtime alone', (r) => (r.runtime = 'x'), undefined],
  ['a warm-up loss', (r) => (r.curve.warmup[1] = 9), { step: 0, what: 'loss of warm-up step 2', got: 9 }],
  ['the blocks', (r) => (r.blocks = 'ab'), { step: 0, what: 'choice of blocks', got: 'ab' }],
  ['a loss that is none', (r) => (r.curve.loss[2] = null), { step: 3, what: 'loss', got: null }],
  [
    'a norm before a loss',
    (r) => Object.assign(r.curve, { loss: [...r.curve.loss.slice(0, 5), 1], grad_norm: r.curve.grad_norm.with(1, 2) }),
    { step: 2, what: 'norm of the gradient', got: 2 },
  ],
  ['a held-out loss', (r) => (r.curve.evals[1][1] = 5), { step: 4, what: 'held-out loss', got: 5 }],
  [
    'a step less',
    (r) => Object.assign(r.curve, { loss: r.curve.loss.slice(0, 5), grad_norm: r.curve.grad_norm.slice(0, 5) }),
    { step: 6, what: 'loss', got: 'none' },
  ],
  ['the rate found', (r) => (r.rates = { tried: [], lr: 1 }), { step: 0, what: 'learning rate', got: 1 }],
  [
    'the bytes alone',
    (r) => (r.result['adapter_model.safetensors'].sha256 = 'cd'),
    { step: null, what: 'adapter_model.safetensors', got: 'cd' },
  ],
])('%s differs', (_, change, found) => {
  const is = receiptAt('smt');
  change(is);
  const difference = differenceOf(receiptAt('smt'), is);
  if (found) expect(difference).toMatchObject(found);
  else expect(difference).toBeUndefined();
});

test.each<[string, (r: any) => void, RegExp]>([
  ['a hash that is none', (r) => (r.rows.data = 'x'), /expected a SHA-256 sum as rows.data of a.json, got "x"/],
  ['a loss that is a text', (r) => (r.curve.loss[2] = '2'), /as curve.loss.2 of a.json, got "2"/],
  ['no curve', (r) => delete r.curve, /expected curve in a.json, got none/],
  ['curves of unlike lengths', (r) => r.curve.loss.pop(), /as many values in curve.grad_norm .* got 6 and 5/],
  ['another form', (r) => (r.receipt = 2), /expected 1, the form that this version reads as receipt/],
  ['an option that there is not', (r) => (r.recipe.speed = 2), /recipe in a.json: .*speed is no option of train/],
  ['a size beyond numbers', (r) => (r.result.x = { bytes: 2 ** 53, sha256: 'ab'.repeat(32) }), /result.x.bytes/],
])('%s: refused, with the field', (_, change, message) => {
  const receipt = receiptAt('smt');
  change(receipt);
  expect(() => receiptIn(receipt, 'a.json')).toThrow(message);
});
