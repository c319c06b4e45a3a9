// A run that was stopped and goes on has the bytes of one that never was: by Ctrl-C, and from every checkpoint that a run left which
// was cut off. For every method, over the end of an epoch, with what a resumed run could forget: accumulation, dropout, decay, schedules.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Line } from '../../src/report.ts';
import { keepDevice } from '../gpu/kept.ts';
import { cutOff, filesOf, type Of, of, run, tinyPlace } from './inprocess.ts';

keepDevice();
const place = tinyPlace();
const { at, train } = place;
afterAll(place.free);

const SMT = ['--targets', 'all', '--budget', '20%t', '--block', '8', '--warmup-steps', '3'];
const cases: [name: string, words: string[]][] = [
  ['smt', SMT],
  ['smt, accumulated', [...SMT, '--accumulate', '2']],
  ['smt with weight decay', [...SMT, '--weight-decay', '0.1']],
  ['smt by Muon, with weight decay', [...SMT, '--optimizer', 'muon', '--weight-decay', '0.1']],
  ['smt on a base stored as f16', [...SMT, '--base', 'f16']],
  ['smt after a full warm-up', [...SMT, '--warmup', 'full']],
  ['smt after a full warm-up, accumulated', [...SMT, '--warmup', 'full', '--accumulate', '2']],
  ['smt by activations, rows in order', [...SMT, '--select', 'activation', '--no-shuffle']],
  ['full', ['--method', 'full']],
  ['full, accumulated, with weight decay', ['--method', 'full', '--accumulate', '2', '--weight-decay', '0.1']],
  ['topk-layers', ['--method', 'topk-layers', '--layers', '1']],
  ['lora', ['--method', 'lora', '--rank', '3']],
  ['lora with dropout', ['--method', 'lora', '--rank', '3', '--dropout', '0.3']],
  ['lora with dropout, accumulated', ['--method', 'lora', '--rank', '3', '--dropout', '0.3', '--accumulate', '2']],
  ['dora', ['--method', 'dora', '--rank', '3']],
  [
    'smt+lora with dropout, accumulated, with weight decay',
    [...SMT, '--method', 'smt+lora', '--lora-lr', '0.003', '--dropout', '0.3', '--accumulate', '2', '--weight-decay', '0.1'],
  ],
  ['dora by Muon', ['--method', 'dora', '--rank', '3', '--optimizer', 'muon']],
  ['dora with dropout, accumulated', ['--method', 'dora', '--rank', '3', '--dropout', '0.3', '--accumulate', '2']],
];

/** Stopping is one thing for all of a method's settings: one of each that keeps something of its own. */
const STOPPED = [
  'smt, accumulated',
  'smt after a full warm-up, accumulated',
  'full',
  'lora with dropout, accumulated',
  'dora by Muon',
];

describe.each(cases)('%s', (name, words) => {
  // 11 rows by two (or four): an epoch ends within the run, and its last batch is not whole
  const all = [
    ...words,
    '--batch',
    '2',
    '--steps',
    '8',
    '--lr',
    '0.01',
    '--schedule',
    'cosine',
    '--checkpoint-every',
    '3',
    '--keep',
    '9',
  ];
  const called = name.replaceAll(/\W+/g, '-');
  let steps: Of<'step'>[];
  beforeAll(async () => {
    steps = of(await run(train(called, ...all)), 'step');
  });

  test('the run is one that resuming could get wrong: its steps differ', () => {
    expect(steps.map((s) => s.step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(new Set(steps.map((s) => s.loss)).size).toBe(8);
    expect(new Set(steps.map((s) => s.tokens)).size).toBeGreaterThan(1);
  });

  // the end of the epoch is still before it
  test('cut off after the first checkpoint', async () => {
    const step = 3;
    const cut = `${called}-${step}`;
    cutOff(at(called), at(cut), step);
    const resumed = of(await run(train(cut, ...all, '--resume')), 'step');
    expect(resumed.map((s) => [s.step, s.loss, s.lr, s.grad_norm])).toEqual(
      steps.slice(step).map((s) => [s.step, s.loss, s.lr, s.grad_norm]),
    );
    expect(filesOf(at(cut))).toEqual(filesOf(at(called)));
  });

  if (STOPPED.includes(name))
    test('stopped by Ctrl-C between two checkpoints', async () => {
      const stopped = of(await run(train(`${called}-stopped`, ...all), 4), 'step').length;
      expect(stopped).toBeGreaterThanOrEqual(4);
      expect(stopped).toBeLessThan(8);
      const resumed = of(await run(train(`${called}-stopped`, ...all, '--resume')), 'step');
      expect(resumed.map((s) => s.step)).toEqual([5, 6, 7, 8].filter((step) => step > stopped));
      expect(filesOf(at(`${called}-stopped`))).toEqual(filesOf(at(called)));
    });
});

// The best so far, and how long there has been no better, are part of where a run stood.
describe.each([
  ['full', ['--method', 'full'], '0.02'],
  ['smt', ['--targets', 'all', '--budget', '50%t', '--block', '8', '--select', 'magnitude'], '0.1'],
  ['lora', ['--method', 'lora', '--rank', '4'], '0.4'],
])('early stopping goes on as it was, %s', (name, words, lr) => {
  const watched = ['--eval', at('others.jsonl'), '--eval-every', '2', '--patience', '2'];
  const all = [...words, '--batch', '4', '--steps', '32', '--lr', lr, '--schedule', 'constant', ...watched];
  const kept = ['--checkpoint-every', '1', '--keep', '32'];
  let lines: Line[];
  beforeAll(async () => {
    lines = await run(train(`${name}-patient`, ...all, ...kept));
  });
  const evals = () => of(lines, 'eval');
  const end = () => evals().at(-1)!.step;

  test('the run stopped by itself, two evaluations after its best', () => {
    expect(end()).toBeLessThan(32);
    const best = Math.min(...evals().map((e) => e.loss));
    expect(evals().at(-3)!.loss).toBe(best);
  });

  test.each([1, 2, 3])('cut off %i steps before its end: it ends at the same step, with the same best', async (before) => {
    const step = end() - before;
    const cut = `${name}-patient-${before}`;
    cutOff(at(`${name}-patient`), at(cut), step);
    const resumed = await run(train(cut, ...all, ...kept, '--resume'));
    expect(of(resumed, 'eval')).toEqual(evals().filter((e) => e.step > step));
    expect(of(resumed, 'done')[0].steps).toBe(end());
    expect(filesOf(at(cut))).toEqual(filesOf(at(`${name}-patient`)));
  });
});
