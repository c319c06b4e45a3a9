// A device that is lost at any stage of a run costs nothing but time: the run goes on on another one, to the bytes of a run that kept
// its device. In one process on a tiny model; every stage by every method, in Node too, and killed GPU processes of Chromium are
// `npm run evidence lost`.
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Line } from '../../src/report.ts';
import { filesOf, run, tinyPlace } from './inprocess.ts';

const devices = vi.hoisted((): GPUDevice[] => []);
vi.mock('../../src/gpu/device.ts', async (original) => {
  const real = await original<typeof import('../../src/gpu/device.ts')>();
  return {
    ...real,
    openGpu: async (options?: object) => {
      const gpu = await real.openGpu(options);
      devices.push(gpu.device);
      return gpu;
    },
  };
});

const place = tinyPlace();
afterAll(place.free);
beforeEach(() => void devices.splice(0));

const SMT = ['--targets', 'all', '--budget', '20%t', '--block', '8', '--warmup-steps', '3'];
const WATCHED = ['--eval', place.at('others.jsonl'), '--eval-every', '2', '--guard', place.at('others.jsonl')];
const COMMON = ['--batch', '2', '--steps', '6', '--lr', '0.01', ...WATCHED];

/** Lines that two runs of the same must have alike: times apart, and what is for the moment. */
const figures = (lines: Line[]) =>
  lines
    .filter(({ kind }) => !['start', 'progress', 'warning', 'note', 'done'].includes(kind))
    .map((line) => ({ ...line, ms: 0 }));
const warnings = (lines: Line[]) => lines.flatMap((line) => (line.kind === 'warning' ? [line.text] : []));
const destroy = () => devices.at(-1)!.destroy();

type When = (line: Line) => boolean;
const step =
  (kind: Line['kind'], n: number): When =>
  (line) =>
    line.kind === kind && 'step' in line && line.step === n;
const start =
  (phase: string): When =>
  (line) =>
    line.kind === 'start' && line.phase === phase;
const STAGES: [stage: string, when: When][] = [
  ['the device is there', (line) => line.kind === 'device'],
  ['the model is loaded', (line) => line.kind === 'model'],
  ['loading begins', start('load')],
  ['the warm-up is planned', (line) => line.kind === 'plan' && line.program === 'warmup'],
  ['the warm-up runs', step('warmup', 2)],
  ['the warm-up ends', step('warmup', 3)],
  ['the choice is made', (line) => line.kind === 'selection'],
  ['training begins', start('train')],
  ['the first step is there', step('step', 1)],
  ['training runs', step('step', 3)],
  ['an evaluation is there', step('eval', 4)],
  ['the last step is there', step('step', 6)],
  ['saving begins', start('save')],
];

/** Of the stages and methods those that every npm test goes through. */
const FEW = [
  'loading begins',
  'the warm-up runs',
  'the choice is made',
  'training runs',
  'an evaluation is there',
  'saving begins',
];
const all = process.env.LOSSES === 'all';
const stages = STAGES.filter(([stage]) => all || FEW.includes(stage));

const METHODS: [name: string, words: string[]][] = [
  ['smt', SMT],
  ['smt after a full warm-up', [...SMT, '--warmup', 'full']],
  ['lora with dropout', ['--method', 'lora', '--rank', '3', '--dropout', '0.3']],
];
describe.each(all ? METHODS : METHODS.slice(0, 1))('%s', (name, words) => {
  const settings = [...words, ...COMMON, '--checkpoint-every', '2'];
  const called = name.replaceAll(' ', '-');
  let whole: Line[];
  beforeAll(async () => {
    whole = await run(place.train(called, ...settings));
  });

  test.each(stages)('lost when %s', async (stage, when) => {
    const out = `${called}-${stage.replaceAll(' ', '-')}`;
    let lost = !whole.some(when);
    const expected = lost ? 1 : 2;
    const lines = await run(place.train(out, ...settings), undefined, (line) => {
      if (lost || !when(line)) return;
      lost = true;
      destroy();
    });
    // an adapter is off the device by the time it is written
    if (stage !== 'saving begins') expect(devices.length).toBe(expected);
    expect(filesOf(place.at(out))).toEqual(filesOf(place.at(called)));
    expect(figures(lines)).toEqual(figures(whole));
    expect(warnings(lines).filter((text) => /^the GPU was lost \(.*It is opened again/.test(text))).toHaveLength(
      devices.length - 1,
    );
  });
});

describe('a run that keeps no checkpoints', () => {
  const words = ['--method', 'lora', '--rank', '3', ...COMMON, '--checkpoint-every', '0'];
  let whole: Line[];
  beforeAll(async () => {
    whole = await run(place.train('unkept', ...words));
  });

  test('begins anew, and no step is told twice', async () => {
    let lost = false;
    const lines = await run(place.train('unkept-lost', ...words), undefined, (line) => {
      if (lost || !step('step', 4)(line)) return;
      lost = true;
      destroy();
    });
    expect(devices.length).toBe(2);
    expect(filesOf(place.at('unkept-lost'))).toEqual(filesOf(place.at('unkept')));
    expect(figures(lines)).toEqual(figures(whole));
  });

  test('goes on from a snapshot in memory, kept once a minute, where it is saved nowhere', async () => {
    const unsaved = words.slice(0, -2);
    const folder = ['--model', place.at('model'), '--data', place.at('rows.jsonl'), '--tune', 'off'];
    let passed = 0;
    const now = performance.now.bind(performance);
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now() + passed);
    let lost = false;
    const lines = await run(['train', ...folder, ...unsaved], undefined, (line) => {
      if (step('step', 2)(line)) passed = 60_000;
      if (lost || !step('step', 5)(line)) return;
      lost = true;
      destroy();
    });
    clock.mockRestore();
    expect(devices.length).toBe(2);
    expect(warnings(lines).filter((text) => /starts from its beginning/.test(text))).toEqual([]);
    expect(figures(lines)).toEqual(figures(await run(['train', ...folder, ...unsaved])));
  });

  test('ends in words where its device is lost again and again before anything more is done', async () => {
    const lines: Line[] = [];
    const ran = run(place.train('hopeless', ...words), undefined, (line) => {
      lines.push(line);
      if (line.kind === 'start' && line.phase === 'train') destroy();
    });
    await expect(ran).rejects.toThrow(/^the GPU was lost \(.*It was lost 4 times in a row before anything more was done/);
    expect(devices.length).toBe(4);
    expect(warnings(lines).filter((text) => text.includes('It is opened again'))).toHaveLength(3);
  });
});

test('answers, scores and a choice of blocks survive it too', async () => {
  const model = ['--model', place.at('model')];
  const rows = ['--data', place.at('rows.jsonl')];
  const cases: [words: string[], when: When][] = [
    [['eval', ...model, ...rows, '--per-example', '--batch', '2'], (line) => line.kind === 'example' && line.index === 3],
    [['generate', ...model, ...rows, '--max-new-tokens', '4'], (line) => line.kind === 'generation' && line.index === 0],
    [['select', ...model, ...rows, ...SMT, '--batch', '2', '--tune', 'off'], step('warmup', 2)],
  ];
  for (const [words, when] of cases) {
    const whole = await run(words);
    devices.splice(0);
    let lost = false;
    const lines = await run(words, undefined, (line) => {
      if (lost || !when(line)) return;
      lost = true;
      destroy();
    });
    expect(devices.length, words[0]).toBe(2);
    expect(figures(lines)).toEqual(figures(whole));
  }
});
