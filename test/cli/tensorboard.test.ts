// Curves for TensorBoard: read by its own package, where a python3 has it, and by the framing as its source says it; what a run that goes
// on leaves of those told before.

import { spawnSync } from 'node:child_process';
import { appendFileSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { curvesIn } from '../../src/cli/tensorboard.ts';
import { crc32c, recordsOf } from '../../src/cli/tfevents.ts';
import type { Line } from '../../src/report.ts';
import { blocktune, newFolder } from './tiny.ts';

const python = process.env.PYTHON ?? 'python3';
const lacking = spawnSync(python, ['-c', 'import tensorboard']).status !== 0;

let folder: ReturnType<typeof newFolder>;
beforeEach(() => (folder = newFolder()));
afterEach(() => folder.free());

const warnings: string[] = [];
const warn = (line: Line) => warnings.push('text' in line ? String(line.text) : '');
const step = (step: number, loss = 1 / step): Line => ({
  ...{ kind: 'step', step, loss, lr: 0.5 / step, grad_norm: 2, tokens: 10, input_tokens: 40, ms: 20, skipped: false },
});
const held = (step: number, loss: number, guard?: string): Line => ({
  kind: 'eval',
  step,
  loss,
  perplexity: 1,
  tokens: 3,
  guard,
});
const place = { layer: 0, module: 'q_proj', row: 0, col: 0 };
const told = (lines: Line[], o = {}) => {
  const hear = curvesIn(folder.path, o, warn);
  for (const line of lines) hear(line);
};
const file = () => folder.at(readdirSync(folder.path).find((name) => name.includes('tfevents'))!);
const steps = () => [...recordsOf(readFileSync(file()))].flatMap(({ step, tags }) => tags.map((tag) => `${tag} ${step}`));

/** Bit by bit, as the polynomial says. */
function slowCrc(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

test.each([
  ['123456789', 0xe3069283], // the check value of CRC-32C
  ['', 0],
])('crc32c of "%s"', (text, sum) => expect(crc32c(new TextEncoder().encode(text))).toBe(sum));

test('records are framed by their lengths and masked sums', () => {
  told([step(1), held(1, 2)]);
  const data = readFileSync(file());
  const sums: [number, number][] = [];
  let at = 0;
  for (; at < data.length; ) {
    const bytes = data.readUInt32LE(at);
    for (const [from, to] of [
      [at, at + 8],
      [at + 12, at + 12 + bytes],
    ]) {
      const crc = slowCrc(data.subarray(from, to));
      sums.push([data.readUInt32LE(to), Number((((BigInt(crc) >> 15n) | (BigInt(crc) << 17n)) + 0xa282ead8n) & 0xffffffffn)]);
    }
    at += 16 + bytes;
  }
  expect(at).toBe(data.length);
  expect(sums).toHaveLength(6);
  for (const [got, want] of sums) expect(got).toBe(want);
});

const LINES: Line[] = [
  { kind: 'warmup', step: 1, loss: 7, tokens: 5, ms: 2 },
  held(0, 5, 'guard.jsonl'),
  step(1),
  step(2),
  held(2, 0.25),
  { kind: 'blocks_update', norm: 2, blocks: [0.64, 0.2, 0.16].map((share) => ({ ...place, share })) },
  { kind: 'done', out: null, steps: 2, seconds: 1, tokens_per_second: 1 },
];

test.skipIf(lacking)(`TensorBoard reads them${lacking ? ` (skipped: ${python} has no tensorboard)` : ''}`, () => {
  told(LINES);
  const script = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
a = EventAccumulator(sys.argv[1]); a.Reload(); t = a.Tags()
h = {tag: [(e.step, e.histogram_value.num, e.histogram_value.min, e.histogram_value.max, sum(e.histogram_value.bucket)) for e in a.Histograms(tag)] for tag in t["histograms"]}
print(json.dumps([{tag: [(e.step, e.value) for e in a.Scalars(tag)] for tag in t["scalars"]}, h]))`;
  const { stdout, stderr } = spawnSync(python, ['-c', script, folder.path], { encoding: 'utf8' });
  expect(stdout, stderr).toBeTruthy();
  const [scalars, histograms] = JSON.parse(stdout);
  expect(scalars).toEqual({
    ...{ 'loss/warmup': [[1, 7]], 'loss/second_data': [[0, 5]], 'loss/held_out': [[2, 0.25]] },
    'loss/train': [
      [1, 1],
      [2, 0.5],
    ],
    learning_rate: [
      [1, 0.5],
      [2, 0.25],
    ],
    grad_norm: [
      [1, 2],
      [2, 2],
    ],
    tokens_per_second: [
      [1, 2000],
      [2, 2000],
    ],
  });
  const [[at, count, min, max, inBuckets]] = histograms['blocks/update'];
  expect([at, count, max, inBuckets]).toEqual([2, 3, 1.6, 3]);
  expect(min).toBeCloseTo(0.8, 12);
});

test('a run that goes on has every step once, and what lay beyond is gone', () => {
  told([{ kind: 'warmup', step: 1, loss: 7, tokens: 5, ms: 2 }, held(0, 5, 'g'), step(1), step(2), held(2, 9), step(3), step(4)]);
  const whole = readFileSync(file());
  truncateSync(file(), whole.length - 3); // killed while it wrote
  told([held(0, 5, 'g'), held(2, 8), step(3), step(4), step(5)], { resume: true });
  const losses = steps().filter((name) => name.startsWith('loss'));
  expect(losses).toEqual([
    ...['loss/warmup 1', 'loss/second_data 0', 'loss/train 1', 'loss/train 2', 'loss/held_out 2'],
    ...['loss/train 3', 'loss/train 4', 'loss/train 5'],
  ]);
  told([{ kind: 'blocks_update', norm: 2, blocks: [{ ...place, share: 1 }] }], { resume: true });
  expect(steps().at(-1)).toBe('blocks/update 5');
  expect(readdirSync(folder.path)).toHaveLength(1);
});

test('a run set back in the middle of it, as by a lost device, goes on from there', () => {
  const warm: Line = { kind: 'warmup', step: 1, loss: 7, tokens: 5, ms: 2 };
  told([warm, step(1), step(2), step(3), step(2), step(3)]);
  expect(steps().filter((name) => name.startsWith('loss/train'))).toEqual([1, 2, 3].map((n) => `loss/train ${n}`));
  told([warm, step(1)], { resume: true });
  expect(steps().filter((name) => name.startsWith('loss'))).toEqual(['loss/warmup 1', 'loss/train 1']);
});

test("curves of another run are not written over or into, and others' files stay", () => {
  writeFileSync(folder.at('events.out.tfevents.1.another'), 'x');
  told([step(1)]);
  expect(() => told([step(1)])).toThrow(/another run is there; go on with that run \(--resume\)/);
  told([step(1, 3)], { force: true });
  expect(readdirSync(folder.path).filter((name) => name.endsWith('.blocktune'))).toHaveLength(1);
  expect(readFileSync(folder.at('events.out.tfevents.1.another'), 'utf8')).toBe('x');
  appendFileSync(folder.at('a-file'), '');
  expect(() => curvesIn(folder.at('a-file'), {}, warn)).toThrow(/expected --tensorboard to be a folder/);
});

test('train writes them, and a run that was stopped goes on in them', async () => {
  const words = [
    'train',
    '--budget',
    '5%t',
    '--warmup-steps',
    '2',
    '--batch',
    '2',
    '--steps',
    '5',
    '--lr',
    '1e-3',
    '--tune',
    'off',
  ];
  const places = ['--out', folder.at('out'), '--checkpoint-every', '2', '--tensorboard', folder.at('curves'), '--json'];
  const stopped = await blocktune([...words, ...places], { interruptAfter: 6 });
  expect([0, 130]).toContain(stopped.code);
  const ended = await blocktune([...words, ...places, '--resume']);
  expect(ended.code, ended.stderr).toBe(0);
  const name = readdirSync(folder.at('curves'));
  expect(name).toHaveLength(1);
  const all = [...recordsOf(readFileSync(folder.at('curves', name[0])))].map(({ step, tags }) => `${tags[0]} ${step}`).slice(1);
  const train = [1, 2, 3, 4, 5].map((n) => `loss/train ${n}`);
  expect(all.filter((name) => name.startsWith('loss'))).toEqual(['loss/warmup 1', 'loss/warmup 2', ...train]);
  expect(all.at(-1)).toBe('blocks/update 5'); // one that was stopped told its own, too
});
