// What a run is told to do, by its words: stop early and keep the best, accumulate, follow a schedule, watch a second data set.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Line } from '../../src/report.ts';
import { writeModel } from '../cli/tiny.ts';
import '../compare.ts';
import { keepDevice } from '../gpu/kept.ts';
import { filesOf, type Of, of, run, tinyPlace, weightsOf } from './inprocess.ts';

keepDevice();
const place = tinyPlace();
const { at, train } = place;
afterAll(place.free);

/** Mean loss per token of rows, by the verb eval: of the base, or with what a run left. */
async function lossOf(rows: string, out?: string, model = false): Promise<number> {
  const with_ = out ? (model ? ['--model', at(out)] : ['--model', at('model'), '--adapter', at(out)]) : ['--model', at('model')];
  return of(await run(['eval', ...with_, '--data', at(rows), '--tune', 'off']), 'eval')[0].loss;
}

const SMT = ['--targets', 'all', '--budget', '50%t', '--block', '8', '--select', 'magnitude'];
const METHODS: [method: string, words: string[]][] = [
  ['smt', SMT],
  ['full', ['--method', 'full']],
  ['topk-layers', ['--method', 'topk-layers', '--layers', '1']],
  ['lora', ['--method', 'lora', '--rank', '4']],
  ['dora', ['--method', 'dora', '--rank', '4']],
];

/** Their result is a model, not an adapter. */
const IN_PLACE = ['full', 'topk-layers'];

/** Where early stopping ends, from the losses of all evaluations. */
function endOf(evals: Of<'eval'>[], patience: number): { best: Of<'eval'>; end: number } {
  let best = evals[0];
  for (const e of evals) {
    if (e.loss < best.loss) best = e;
    if (evals.indexOf(e) - evals.indexOf(best) >= patience) return { best, end: e.step };
  }
  throw new Error(`expected losses that rise for ${patience} evaluations, got ${evals.map((e) => e.loss)}: give a higher --lr`);
}

// Held-out rows of another kind and a high learning rate: the loss on them falls, then rises.
const LR: Record<string, string> = { smt: '0.1', full: '0.02', 'topk-layers': '0.05', lora: '0.4', dora: '0.4' };
describe.each(METHODS)('--patience, %s', (method, words) => {
  const settings = ['--batch', '4', '--steps', '32', '--lr', LR[method], '--schedule', 'constant'];
  const all = [...words, ...settings, '--eval', at('others.jsonl'), '--eval-every', '2'];
  let evals: Of<'eval'>[];
  let patient: Line[];
  beforeAll(async () => {
    evals = of(await run(train(`${method}-on`, ...all)), 'eval');
    patient = await run(train(`${method}-patient`, ...all, '--patience', '2'));
  });

  test('stops after so many evaluations without a better one', () => {
    const { end } = endOf(evals, 2);
    expect(end).toBeLessThan(32);
    expect(of(patient, 'eval')).toEqual(evals.filter((e) => e.step <= end));
    expect(of(patient, 'step').map((s) => s.step)).toEqual(Array.from({ length: end }, (_, i) => i + 1));
    expect(of(patient, 'done')[0].steps).toBe(end);
  });

  test('keeps the best, not the last', async () => {
    const { best } = endOf(evals, 2);
    const kept = await lossOf('others.jsonl', `${method}-patient`, IN_PLACE.includes(method));
    expect(kept).toBeCloseTo(best.loss, 5);
    expect(Math.abs(evals.find((e) => e.step === endOf(evals, 2).end)!.loss - best.loss)).toBeGreaterThan(1e-4);
  });

  test('without it the last is kept', async () => {
    expect(await lossOf('others.jsonl', `${method}-on`, IN_PLACE.includes(method))).toBeCloseTo(evals.at(-1)!.loss, 5);
  });
});

describe.each(METHODS)('--accumulate, %s', (method, words) => {
  // a large epsilon: Adam would make a rounding of a gradient near 0 into a whole step
  const settings = ['--steps', '5', '--lr', '0.01', '--eps', '1e-3', '--clip', '0.1'];

  test('three micro-batches of two are a batch of six', async () => {
    const small = of(await run(train(`${method}-small`, ...words, ...settings, '--batch', '2', '--accumulate', '3')), 'step');
    const large = of(await run(train(`${method}-large`, ...words, ...settings, '--batch', '6')), 'step');
    expect(small.map((s) => [s.tokens, s.input_tokens])).toEqual(large.map((s) => [s.tokens, s.input_tokens]));
    expect(small.map((s) => s.loss)).toBeAllclose(
      large.map((s) => s.loss),
      { rtol: 1e-6 },
    );
    expect(small.map((s) => s.grad_norm)).toBeAllclose(
      large.map((s) => s.grad_norm),
      { rtol: 1e-5 },
    );
    const [got, want] = [await weightsOf(at(`${method}-small`)), await weightsOf(at(`${method}-large`))];
    expect([...got.keys()]).toEqual([...want.keys()]);
    expect(want.size).toBeGreaterThan(0);
    for (const [name, values] of want) expect(got.get(name)!, name).toBeCloseL2(values, 1e-4);
  });
});

describe('--schedule and --lr-warmup', () => {
  const [N, peak] = [6, 0.004];
  /** W: steps of the rise. */
  const formula = (schedule: string, W: number) =>
    Array.from({ length: N }, (_, t) => {
      if (t < W) return (peak * (t + 1)) / W;
      if (schedule === 'constant') return peak;
      return schedule === 'linear' ? (peak * (N - t)) / (N - W) : (peak * (1 + Math.cos((Math.PI * (t - W)) / (N - W)))) / 2;
    });

  // no rise; a share that rounds up to one step; half; a share of the whole run; from 1 on, steps: one, all, more than all
  const rises: [string, number][] = [
    ['0', 0],
    ['0.01', 1],
    ['0.5', 3],
    ['0.999', 6],
    ['1', 1],
    ['6', 6],
    ['12', 12],
  ];
  const cases = ['constant', 'linear', 'cosine'].flatMap((schedule) => rises.map(([x, W]) => [schedule, x, W] as const));
  test.each(cases)('%s, --lr-warmup %s', async (schedule, x, W) => {
    const words = [...SMT, '--batch', '11', '--steps', String(N), '--lr', String(peak), '--schedule', schedule, '--lr-warmup', x];
    const steps = of(await run(train(`${schedule}-${x}`, ...words)), 'step');
    expect(steps.map((s) => s.lr)).toBeAllclose(formula(schedule, W), { rtol: 1e-12 });
  });
});

describe('--guard', () => {
  const words = [...SMT, '--batch', '4', '--steps', '4', '--lr', '0.02'];
  const losses = (lines: Line[]) => of(lines, 'eval').map(({ guard, step, loss }) => ({ guard, step, loss }));

  test('tells the loss of a second data set before and after, and changes nothing of the run', async () => {
    const guard = at('others.jsonl');
    const lines = await run(train('guarded', ...words, '--guard', guard));
    expect(losses(lines)).toEqual([
      { guard, step: 0, loss: expect.closeTo(await lossOf('others.jsonl'), 5) },
      { guard, step: 4, loss: expect.closeTo(await lossOf('others.jsonl', 'guarded'), 5) },
    ]);
    const [before, after] = losses(lines);
    expect(Math.abs(after.loss - before.loss)).toBeGreaterThan(1e-3);
    const without = await run(train('unguarded', ...words));
    expect(losses(without)).toEqual([]);
    // the receipt names the second data set; what was learned does not know of it
    const learned = (folder: string) => ({ ...filesOf(at(folder)), 'receipt.json': undefined });
    expect(learned('unguarded')).toEqual(learned('guarded'));
  });

  test('beside held-out rows: their evaluations are told apart', async () => {
    const [held, guard] = [at('rows.jsonl'), at('others.jsonl')];
    const lines = await run(train('both', ...words, '--guard', guard, '--eval', held, '--eval-every', '2'));
    expect(losses(lines).map((e) => [e.guard, e.step])).toEqual([
      [guard, 0],
      [undefined, 2],
      [undefined, 4],
      [guard, 4],
    ]);
    expect(losses(lines)[2].loss).toBeCloseTo(await lossOf('rows.jsonl', 'both'), 5);
  });
});

test('select and train ask for the same kernels: what was measured for one decides for the other', async () => {
  const asked = async (words: string[]) => {
    const keys: string[] = [];
    // no challenger is faster than the first entrant, so that nothing is measured
    const get = (key: string) => {
      keys.push(key);
      return 'no';
    };
    const lines = await run(words, undefined, undefined, { get, set: () => {} });
    return { keys, lines };
  };
  const words = train('kernels', '--targets', 'all', '--budget', '10%t', '--block', '8', '--batch', '4');
  const on = words.filter((word, i) => !(word === '--tune' || words[i - 1] === '--tune'));
  const trained = await asked([...on, '--steps', '1']);
  const chosen = await asked(['select', ...on.slice(1).map((word) => (word === at('kernels') ? at('kernels.json') : word))]);
  expect(trained.keys.length).toBeGreaterThan(2);
  expect(chosen.keys).toEqual(trained.keys);
  expect(of(chosen.lines, 'selection')).toEqual(of(trained.lines, 'selection'));
});

test('dropout of attention in a config is said to be left out', async () => {
  const warned = async (attention_dropout: number) => {
    const model = writeModel(at(`dropout-${attention_dropout}`), { attention_dropout });
    const words = ['--data', at('rows.jsonl'), '--out', at(`dropped-${attention_dropout}`), '--tune', 'off'];
    return of(await run(['train', '--model', model, ...words, '--method', 'lora', '--steps', '1']), 'warning').map(
      ({ text }) => text,
    );
  };
  expect(await warned(0.1)).toEqual([expect.stringContaining('attention_dropout 0.1 of config.json is not applied')]);
  expect(await warned(0)).toEqual([]);
});
