import { describe, expect, test } from 'vitest';
import { publishedRate } from '../../src/methods/smt/rate.ts';
import { parseCommand } from '../../src/options/args.ts';
import { PRESETS, withPreset } from '../../src/options/presets.ts';
import { faultOf } from '../../src/options/rules.ts';
import { KEYS, type Key, type Options, withDefaults } from '../../src/options/table.ts';
import { looksLikeSize, parseSize } from '../../src/size.ts';

describe('a preset', () => {
  test('smt-paper fills the released settings', () => {
    expect(withDefaults({ preset: 'smt-paper' })).toMatchObject({
      method: 'smt',
      targets: ['q', 'k', 'v'],
      block: 256,
      budget: '0.84%',
      score: 'absofmean',
      warmup: 'full',
      warmupSteps: 100,
      lr: 9.65e-6,
      betas: [0.9, 0.95],
      clip: 1,
      lrWarmup: 0,
      epochs: 3,
      batch: 4,
      accumulate: 16,
      maxLength: 2048,
      seed: 1234,
    });
  });
  test('smft fills those of the package, and leaves the rest to the defaults', () => {
    expect(withDefaults({ preset: 'smft' })).toMatchObject({
      budget: '1%t',
      score: 'absmean',
      warmup: 'frozen',
      lr: 2e-3,
      batch: 4,
      seed: 0,
    });
  });
  test.each(PRESETS)('%s has sound values of options that there are', (preset) => {
    const { preset: _, ...filled } = withPreset<Options>({ preset });
    expect(Object.keys(filled).filter((key) => !KEYS.includes(key as Key))).toEqual([]);
    expect(Object.entries(filled).map(([key, value]) => faultOf(key as Key, value))).toEqual(
      Object.keys(filled).map(() => undefined),
    );
  });
  test('what is given wins', () => {
    const given: Options = { preset: 'smt-paper', score: 'l2', lr: 1e-3, targets: ['v'], warmup: 'frozen' };
    expect(withDefaults(given)).toMatchObject({ ...given, block: 256, given });
  });
  test.each([
    ['1%t', 2e-3],
    ['5%t', 2e-3],
    ['10%t', 2e-4],
    ['50%t', 2e-4],
    ['863b', 2e-3],
  ])('smft with a budget of %s has a peak of %s', (budget, lr) => {
    expect(withDefaults({ preset: 'smft', budget }).lr).toBe(lr);
  });
  test('steps stand instead of its epochs', () => {
    const o = withDefaults({ preset: 'smt-paper', steps: 5 });
    expect([o.steps, o.epochs]).toEqual([5, undefined]);
  });
  test('a selection stands instead of its warm-up', () => {
    expect(withDefaults({ preset: 'smt-paper', selection: 'F' })).toMatchObject({
      warmup: 'frozen',
      score: 'absmean',
      lr: 9.65e-6,
    });
  });
  test.each([
    ['train --preset smft --method lora', /--preset with --method smt, got --method lora/],
    ['train --preset smtf', /one of smt-paper smft/],
    ['train --preset smft --adapter A', /--adapter or --preset/],
    ['select --stability --preset smt-paper', /--stability with blocks chosen by a frozen warm-up, got --warmup full/],
    ['select --stability --select random', /got --select random/],
  ])('%s is refused', (line, reason) => {
    expect(parseCommand(line.split(' '))).toMatchObject({ kind: 'usage', text: expect.stringMatching(reason) });
  });
  test('smt-paper writes a model, so that --dtype is right with it', () => {
    expect(parseCommand('train --preset smt-paper --dtype f16'.split(' '))).toMatchObject({ kind: 'run' });
  });
});

describe('the learning rate', () => {
  test.each([
    [0.01, 2e-3],
    [0.05, 2e-3],
    [0.051, 2e-4],
    [0.1, 2e-4],
  ])('published where %s of the targets train: %s', (share, lr) => {
    expect(publishedRate(share)).toBe(lr);
  });
});

describe('a size', () => {
  test.each([
    ['6GB', 6e9],
    ['900MiB', 900 * 2 ** 20],
    ['1.5 k', 1500],
    ['800000', 800000],
    ['2ti', 2 * 2 ** 40],
  ])('%s', (text, bytes) => {
    expect([looksLikeSize(text), parseSize(text)]).toEqual([true, bytes]);
  });
  test.each(['', '0', 'GB', '-1GB', '1XB', '1e9', '0.5'])('%j is none', (text) => {
    expect(looksLikeSize(text)).toBe(false);
  });
});
