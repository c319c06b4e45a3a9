// A comparison: methods of equal size, what the runs say together, and that it goes on where it stopped.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Document } from '../../src/commands/compare/document.ts';
import { bestRate, median, summarize } from '../../src/commands/compare/result.ts';
import { madeBy, sameSettings, settingsOf } from '../../src/commands/compare/run.ts';
import { fitTo, parametersIn, savedBytes } from '../../src/commands/compare/size.ts';
import { compareVerb } from '../../src/commands/compare/verb.ts';
import { full, smt } from '../../src/index.ts';
import { newDecoder } from '../../src/models/decoder.ts';
import { withDefaults } from '../../src/options/table.ts';
import type { Line } from '../../src/report.ts';
import { shared } from '../cli/tiny.ts';
import { keepDevice } from '../gpu/kept.ts';
import { TINY } from '../models/tiny.ts';
import { result } from './results.ts';

keepDevice();

describe('equal size', () => {
  // q [32, 32] and v [16, 32] of two layers: 3,072 parameters; a rank costs 224, magnitudes 96
  const decoder = newDecoder(TINY, 8, () => 'f32', 2 ** 27);
  const settled = (method: 'smt' | 'lora' | 'dora' | 'smt+lora', alpha?: number) =>
    withDefaults({ method, targets: ['q', 'v'], ...(alpha && { alpha }) });
  test('in budgets of the targets', () => {
    expect(parametersIn(decoder, settled('smt'), '50%t')).toBe(1536);
    expect(parametersIn(decoder, settled('smt'), '3b')).toBe(3 * 16 * 16);
  });
  test.each([
    ['smt', 1100, { options: { budget: '4b' }, trainable: 1024 }],
    ['lora', 1100, { options: { rank: 5, alpha: 10 }, trainable: 1120 }],
    ['dora', 1100, { options: { rank: 4, alpha: 8 }, trainable: 992 }],
    ['lora', 180, { options: { rank: 1, alpha: 2 }, trainable: 224 }],
    ['smt+lora', 1100, { options: { budget: '4b' }, trainable: 2 * 224 + 2 * 256 }], // of 1024: rank 2, and two blocks in the rest
  ] as const)('%s at %i parameters', (method, parameters, fit) => {
    expect(fitTo(decoder, settled(method), parameters)).toEqual(fit);
  });
  test.each([
    ['smt', 255, /block of 16 x 16 has 256/],
    ['lora', 179, /rank 1 on these matrices has 224/],
    ['smt+lora', 479, /rank 1 and a block of these matrices, 224 \+ 256 = 480 parameters/],
    ['lora', 5000, /rank 16 on these matrices has 3584/],
  ] as const)('%s has none at %i', (method, parameters, reason) => {
    expect(fitTo(decoder, settled(method), parameters)).toMatch(reason);
  });
  test('an alpha that is given stays', () => {
    expect(fitTo(decoder, settled('lora', 7), 1100)).toMatchObject({ options: { rank: 5 } });
    expect(fitTo(decoder, settled('lora', 7), 1100)).not.toHaveProperty('options.alpha');
  });
  test('what is saved: blocks and their places, or a model', () => {
    expect([savedBytes(smt(), 512, 2, 9999), savedBytes(full(), 1, 0, 9999)]).toEqual([2064, 39996]);
    expect(savedBytes(smt({ warmup: 'full' }), 512, 2, 9999)).toBe(39996);
  });
});

describe('results', () => {
  test('of before there was an option are those of its default', () => {
    const is = settingsOf(withDefaults({ budget: '5%t', lr: 1e-3 }));
    const { share: _, ...before } = is;
    expect(sameSettings(is, is)).toBe(true);
    expect(sameSettings(before, is)).toBe(true);
    expect(sameSettings(before, { ...is, share: 0.4 })).toBe(false);
    expect(sameSettings({ ...is, gone: 1 }, is)).toBe(false);
    const { budget: __, ...other } = is;
    expect(sameSettings(other, is)).toBe(false);
  });
  test('of before their terms were kept tell them where they can', () => {
    const now = { seconds: 9, answered: 5, drawnBy: 3 };
    const earlier = { ...result('A', 7, 0.1, 1), settings: { steps: 4 } };
    expect(madeBy(earlier, now)).toEqual({ steps: 4, seconds: 9, answered: 2, drawnBy: 3 });
    const base = { ...earlier, method: 'untrained', size: null, exact: null };
    expect(madeBy(base, now)).toEqual({ steps: 4, seconds: 9, answered: 0, drawnBy: 7 });
    expect(madeBy(base, { ...now, drawnBy: null })).toMatchObject({ drawnBy: null });
    const kept = { seconds: null, answered: 6, drawnBy: 8 };
    expect(madeBy({ ...base, settings: kept }, now)).toEqual(kept);
  });
  test('take the rate that is best on the first seed, and spread over its seeds', () => {
    const all = [
      result('A', 0, 0.1, 3),
      result('A', 0, 0.2, 2),
      result('A', 1, 0.2, 4),
      result('B', 0, 0.1, Number.NaN),
      result('B', 0, 0.2, 9),
    ];
    expect(summarize(all)).toMatchObject([
      { method: 'A', lr: 0.2, runs: 2, loss: { mean: 3, min: 2, max: 4 }, exact: { mean: 0.5 }, forgot: { mean: 0.25 } },
      { method: 'B', lr: 0.2, runs: 1, loss: { mean: 9 } },
    ]);
    expect(bestRate(all.slice(3))).toBe(0.2);
  });
  test.each([
    [[], 0],
    [[3], 3],
    [[4, 1], 2.5],
    [[9, 1, 2], 2],
  ])('the median of %j is %d', (values, expected) => {
    expect(median(values)).toBe(expected);
  });
});

const present = existsSync(join(shared, 'data'));

describe.skipIf(!present)('on stories260K (skipped without the shared data)', () => {
  test('a rate found by trial on the first seed is that of the others', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'compare-'));
    const common = {
      model: join(shared, 'data/models/stories260K-hf'),
      data: [join(shared, 'data/datasets/aesop/fables.jsonl')],
      ...{ eval: '3%', maxLength: 16, batch: 2, steps: 2, warmupSteps: 2, targets: ['q', 'v'], block: 8 },
    };
    const methods = [{ name: 'both', method: 'smt+lora', lr: 'auto' }];
    const where = join(folder, 'recipe.json');
    writeFileSync(where, JSON.stringify({ title: 'T', common, sizes: ['15%t'], seeds: [0, 1], methods }));
    const lines: Line[] = [];
    const o = withDefaults({ out: join(folder, 'out') });
    await compareVerb({ o, files: [where], report: (line) => lines.push(line), signal: new AbortController().signal });
    const rates = lines.flatMap((l) => (l.kind === 'rates' ? [l.lr] : []));
    expect(rates).toHaveLength(1);
    const made = lines.flatMap((l) => (l.kind === 'result' ? [l] : []));
    expect(made.map(({ seed, lr }) => ({ seed, lr }))).toEqual([
      { seed: 0, lr: rates[0] },
      { seed: 1, lr: rates[0] },
    ]);
    const [row] = lines.flatMap((l) => (l.kind === 'comparison' ? l.rows.slice(1) : []));
    expect(row).toMatchObject({ method: 'both', lr: rates[0], runs: 2, trainable: made[0].trainable });
    rmSync(folder, { recursive: true });
  });

  test('every method runs at equal size, and a stopped comparison goes on', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'compare-'));
    const recipe = {
      title: 'T',
      common: {
        model: join(shared, 'data/models/stories260K-hf'),
        data: [join(shared, 'data/datasets/aesop/fables.jsonl')],
        guard: 'guard.jsonl',
        eval: '3%',
        maxLength: 24,
        batch: 2,
        steps: 2,
        warmupSteps: 2,
        targets: ['q', 'v'],
        block: 16,
      },
      sizes: ['15%t'],
      answers: 1,
      methods: [
        { name: 'SMT', lr: [1e-3, 2e-3] },
        { name: 'LoRA', method: 'lora' },
        { name: 'DoRA', method: 'dora' },
        { name: 'full', method: 'full' },
      ],
    };
    const where = join(folder, 'recipe.json');
    writeFileSync(where, JSON.stringify(recipe));
    writeFileSync(join(folder, 'guard.jsonl'), '{"text": "Once upon a time there was a fox."}\n');
    const out = join(folder, 'out');
    const begin = async (stopAfter = Number.POSITIVE_INFINITY) => {
      const stop = new AbortController();
      const lines: Line[] = [];
      const report = (line: Line) => {
        lines.push(line);
        if (lines.filter((l) => l.kind === 'result').length >= stopAfter) stop.abort();
      };
      await compareVerb({ o: withDefaults({ out }), files: [where], report, signal: stop.signal });
      return lines;
    };
    const results = (lines: Line[]) => lines.flatMap((l) => (l.kind === 'result' ? [l] : []));

    const stopped = await begin(3);
    const first = results(stopped);
    // LoRA's is the rate by rule: of a run too short for trials
    expect(first.map((r) => `${r.method} ${r.lr}`)).toEqual(['SMT 0.001', 'SMT 0.002', 'LoRA 0.0015']);
    expect(stopped.at(-2)).toEqual({
      kind: 'note',
      text: expect.stringMatching(/^stopped: 3 of 5 runs are finished and kept in/),
    });
    expect(stopped.at(-1)).toMatchObject({ kind: 'comparison', runs: { finished: 3, of: 5 } });
    const part: Document = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8'));
    expect(part.summary.map((s) => s.method)).toEqual(['untrained', 'SMT', 'LoRA']);
    const lines = await begin();
    expect(lines.at(-1)).toMatchObject({ kind: 'comparison', runs: { finished: 5, of: 5 } });
    expect(results(lines).map((r) => r.method)).toEqual(['DoRA', 'full']);
    const all: Document = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8'));
    expect(all.summary.map((s) => s.method)).toEqual(['untrained', 'SMT', 'LoRA', 'DoRA', 'full']);
    expect(all.results.find((r) => r.id === first[0].id)!.loss).toBe(first[0].loss);
    const [untrained, smt, lora] = all.summary;
    expect(Math.abs(lora.trainable / smt.trainable - 1)).toBeLessThan(0.25);
    expect(smt.loss.mean).not.toBe(untrained.loss.mean);
    expect(smt.device_bytes.train).toBeGreaterThan(4 * 260_032);
    const run = all.results.find((r) => r.method === 'SMT')!;
    expect(run.blocks!.moved.reduce((sum, b) => sum + b.share, 0)).toBeCloseTo(1, 9);
    expect(run.blocks!.moved).toHaveLength(run.trainable / 256);
    expect(run.guard!.after).not.toBe(run.guard!.before);
    expect(readFileSync(join(out, 'report.html'), 'utf8')).toMatch(/^<!doctype html>[\s\S]*uPlot/);

    // flags win over the recipe: another model and base, one seed for the list
    writeFileSync(
      where,
      JSON.stringify({
        ...recipe,
        common: { ...recipe.common, model: 'gone' },
        seeds: [1, 2],
        methods: [{ name: 'LoRA', method: 'lora' }],
      }),
    );
    const { model } = recipe.common;
    const o = withDefaults({ out: join(folder, 'flags'), model, seed: 7, base: 'q8_0', tune: 'off' });
    const told: Line[] = [];
    await compareVerb({ o, files: [where], report: (line) => told.push(line), signal: new AbortController().signal });
    expect(results(told)).toMatchObject([{ method: 'LoRA', seed: 7 }]);
    const flags: Document = JSON.parse(readFileSync(join(folder, 'flags/results.json'), 'utf8'));
    expect(flags.results.map((r) => r.settings.base)).toEqual(['q8_0', 'q8_0']);
    expect(flags.recipe).toMatchObject({ seeds: [7], common: { model, base: 'q8_0' } });

    writeFileSync(where, JSON.stringify({ ...recipe, common: { ...recipe.common, steps: 3 } }));
    await expect(begin()).rejects.toThrow(/other settings for untrained: name another --out/);
    rmSync(folder, { recursive: true });
  });

  test('held-out rows drawn by another seed, other seconds or answers are not mixed with what is kept', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'compare-'));
    const recipe = {
      title: 'T',
      common: {
        model: join(shared, 'data/models/stories260K-hf'),
        data: [join(shared, 'data/datasets/aesop/fables.jsonl')],
        ...{ eval: '3%', maxLength: 16, batch: 2, steps: 1, targets: ['q'], schedule: 'constant' },
      },
      seeds: [1, 2],
      seconds: 900,
      answers: 1,
      methods: [{ name: 'LoRA', method: 'lora' }],
    };
    const [where, out] = [join(folder, 'recipe.json'), join(folder, 'out')];
    const begin = async (changes: object = {}) => {
      writeFileSync(where, JSON.stringify({ ...recipe, ...changes }));
      const lines: Line[] = [];
      const task = { files: [where], report: (line: Line) => void lines.push(line), signal: new AbortController().signal };
      await compareVerb({ ...task, o: withDefaults({ out }) });
      return lines.flatMap((l) => (l.kind === 'result' ? [l.seed] : []));
    };
    const other = /got other settings for untrained: name another --out, or remove that folder/;
    const refused = async (...changes: object[]) => {
      for (const change of changes) await expect(begin(change), JSON.stringify(change)).rejects.toThrow(other);
    };
    expect(await begin()).toEqual([1, 2]);
    await refused({ seeds: [2, 1] }, { seeds: [2] }, { answers: 2 }, { answers: 0 }, { seconds: 800 }, { seconds: undefined });
    expect(await begin({ seeds: [1, 2, 3] })).toEqual([3]);

    // as earlier versions kept them: the time alone is not known
    for (const name of readdirSync(join(out, 'runs'))) {
      const run = JSON.parse(readFileSync(join(out, 'runs', name), 'utf8'));
      const { seconds, answered, drawnBy, ...settings } = run.settings;
      expect({ seconds, answered, drawnBy }).toEqual({ seconds: 900, answered: 1, drawnBy: 1 });
      writeFileSync(join(out, 'runs', name), JSON.stringify({ ...run, settings }));
    }
    await refused({ seeds: [2, 1] }, { answers: 2 });
    expect(await begin({ seeds: [1, 2, 3] })).toEqual([]);
    rmSync(folder, { recursive: true });
  });
});
