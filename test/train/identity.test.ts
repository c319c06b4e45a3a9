// What a run is of: any other byte, row or setting is found, and named.
import { expect, test } from 'vitest';
import { methodFrom, tuneOptions } from '../../src/commands/settings.ts';
import type { Row } from '../../src/data/rows.ts';
import type { PeftAdapter } from '../../src/io/adapter-peft.ts';
import { memorySource } from '../../src/io/bytes.ts';
import { storedTensor, type TensorInfo } from '../../src/io/tensors.ts';
import { newDecoder } from '../../src/models/decoder.ts';
import { type Options, withDefaults } from '../../src/options/table.ts';
import { type Identity, identityOf, mustBeSame, type Start } from '../../src/train/identity.ts';
import type { Run } from '../../src/train/run.ts';
import { settingsOf } from '../../src/train/tune.ts';
import { TINY } from '../models/tiny.ts';

const SHAPES = { embed: [5, 8], norm: [8] };

function files(change?: (bytes: Uint8Array, name: string) => void, raw: Record<string, unknown> = { hidden_size: 8 }) {
  const tensors = new Map<string, TensorInfo>();
  for (const [name, shape] of Object.entries(SHAPES)) {
    const bytes = Uint8Array.from({ length: 4 * shape.reduce((a, b) => a * b, 1) }, (_, i) => i);
    change?.(bytes, name);
    tensors.set(name, storedTensor(name, 'f32', shape, memorySource(bytes), 0));
  }
  return { tensors, config: { raw } } as unknown as Parameters<typeof identityOf>[0];
}

const row = (ids: number[], labels = ids): Row => ({
  ids: Int32Array.from(ids),
  labels: Int32Array.from(labels),
  promptLength: 0,
});
const ROWS = [row([1, 2, 3]), row([4, 5], [-100, 5])];
/** Those of a run with these options on a model that its file holds as f32. */
const settings = (more: Options = {}, recompute = false) => {
  const o = withDefaults(more);
  const method = methodFrom(o);
  const format = o.base === 'keep' ? 'f32' : o.base;
  const decoder = newDecoder({ ...TINY, intermediate_size: 64 }, 8, () => format, 1 << 27);
  const model = { decoder, planning: { half: o.arithmetic === 'f16' } };
  return settingsOf({ model, options: { ...tuneOptions(o, method), recompute } } as unknown as Run, method);
};
const of = (f = files(), rows = ROWS, s = settings(), held?: Row[], start?: Start) => identityOf(f, { rows, held }, s, start);
const ADAPTER: PeftAdapter = {
  ...({ method: 'lora', rank: 1, alpha: 2, use_rslora: false, dropout: 0, targets: ['q_proj'], base: '' } as const),
  matrices: [{ name: 'x', shape: [2, 3], A: new Float32Array(3), B: new Float32Array(2) }],
};
const blocks = (row: number) => ({ block: 8, blocks: [{ layer: 0, module: 'q_proj' as const, row, col: 0, score: 0 }] });
const refusal = (was: Identity, is: Identity) => {
  try {
    mustBeSame('step-00000010', was, is);
  } catch (e) {
    return (e as Error).message;
  }
  return null;
};

test('the same run is the same, also after its identity was written as JSON', async () => {
  expect(refusal(JSON.parse(JSON.stringify(await of())), await of())).toBeNull();
});

test.each<[string, () => Promise<Identity>, RegExp]>([
  [
    'the last byte of the last row of a matrix',
    () => of(files((b, name) => name === 'embed' && (b[b.length - 1] ^= 1))),
    /weights of `model`/,
  ],
  ['a byte of a vector', () => of(files((b, name) => name === 'norm' && (b[9] ^= 1))), /weights of `model`/],
  ['a value of the config', () => of(files(undefined, { hidden_size: 8, rope_theta: 1e6 })), /config values of `model`/],
  ['an id of the last row', () => of(files(), [ROWS[0], row([4, 6], [-100, 5])]), /rows of `data`/],
  ['a label', () => of(files(), [ROWS[0], row([4, 5], [4, 5])]), /rows of `data`/],
  ['one row more', () => of(files(), [...ROWS, row([1])]), /rows of `data`/],
  ['the same tokens cut into other rows', () => of(files(), [row([1, 2]), row([3, 4, 5], [3, -100, 5])]), /rows of `data`/],
  ['a row that is held out', () => of(files(), ROWS, settings(), [row([1])]), /rows of `eval`/],
])('%s is found', async (_, other, named) => {
  const message = refusal(await of(), await other());
  expect(message).toMatch(named);
  expect(message).toContain('as in step-00000010');
});

test.each<[Options, string]>([
  [{ lr: 2e-4 }, 'expected `lr` not given as in step-00000010, got 0.0002.'],
  [{ base: 'q8_0' }, 'expected `base` f32 as in step-00000010, got q8_0.'],
  [{ arithmetic: 'f16' }, 'expected `arithmetic` f32 as in step-00000010, got f16.'],
  [{ weightDecay: 0.1 }, 'expected `weightDecay` 0 as in step-00000010, got 0.1.'],
  [{ steps: 20 }, 'expected `steps` not given as in step-00000010, got 20.'],
  [{ betas: [0.9, 0.99] }, 'expected `betas` 0.9,0.95 as in step-00000010, got 0.9,0.99.'],
  [{ targets: ['q'] }, 'expected `targets` q,k,v as in step-00000010, got q.'],
  [{ noShuffle: true }, 'expected `noShuffle` not given as in step-00000010, got true.'],
])('the settings %j are named', async (more, words) => {
  expect(refusal(await of(), await of(files(), ROWS, settings(more)))).toContain(words);
});

test.each<[string, Start, Start]>([
  ['an adapter to go on from', {}, { adapter: ADAPTER }],
  [
    'a value of one',
    { adapter: ADAPTER },
    { adapter: { ...ADAPTER, matrices: [{ ...ADAPTER.matrices[0], B: Float32Array.of(0, 1) }] } },
  ],
  ['blocks chosen before', { selection: blocks(0) }, { selection: blocks(1) }],
])('%s is part of it', async (_, was, is) => {
  const with_ = (start: Start) => of(files(), ROWS, settings(), undefined, start);
  expect(refusal(await with_(was), await with_(is))).toContain(
    'expected what `adapter` or `selection` names as in step-00000010',
  );
  expect(refusal(await with_(was), await with_(was))).toBeNull();
});

test('recompute counts as the run settled it', async () => {
  const message = refusal(await of(), await of(files(), ROWS, settings({}, true)));
  expect(message).toContain('expected `recompute` off as in step-00000010, got on.');
});

test('settings that decide no figure may differ', async () => {
  const other = settings({ keep: 5, checkpointEvery: 7, out: 'elsewhere', quiet: true, device: 'x' });
  expect(refusal(await of(), await of(files(), ROWS, other))).toBeNull();
});

test('a checkpoint that keeps hashes of another form is refused', async () => {
  const older = { model: 'ab', data: 'cd', settings: 'ef' } as unknown as Identity;
  expect(refusal(older, await of())).toContain('an older form');
});

test('rows of 60 million tokens are hashed a piece at a time', async () => {
  const shared = row(Array.from({ length: 3000 }, (_, i) => i));
  const rows = new Array<Row>(20_000).fill(shared);
  const { data } = await of(files(), rows);
  expect(data).not.toBe((await of(files(), rows.slice(1))).data);
});
