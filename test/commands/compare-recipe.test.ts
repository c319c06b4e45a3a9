// A comparison's recipe: what it may hold, what is refused of it, and what its runs are kept as.
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { idOf } from '../../src/commands/compare/apart.ts';
import { parseRecipe, settle } from '../../src/commands/compare/recipe.ts';

describe('a recipe', () => {
  const least = { title: 'T', methods: [{ name: 'SMT' }] };
  test('has defaults', () => {
    expect(parseRecipe(least)).toMatchObject({
      about: '',
      sizes: [],
      seeds: [0],
      answers: 0,
      methods: [{ name: 'SMT', lrs: [undefined] }],
    });
  });
  test('may have common options that do not suit a method, which are left out for it', () => {
    const recipe = parseRecipe({
      ...least,
      common: { kappa: 2, share: 0.5, loraLr: 1e-3, dropout: 0.1, score: 'l2', targets: ['q'] },
      methods: [
        { name: 'S', select: 'random' },
        { name: 'L', method: 'lora' },
        { name: 'F', method: 'full' },
        { name: 'S+L', method: 'smt+lora', share: 0.3, loraLr: 2e-3 },
      ],
    });
    const given = recipe.methods.map((method) => settle(recipe, method, {}, undefined, 0).given);
    expect(given).toEqual([
      { select: 'random', kappa: 2, targets: ['q'], seed: 0 },
      { method: 'lora', dropout: 0.1, targets: ['q'], seed: 0 },
      { method: 'full', seed: 0 },
      { method: 'smt+lora', kappa: 2, share: 0.3, loraLr: 2e-3, dropout: 0.1, score: 'l2', targets: ['q'], seed: 0 },
    ]);
  });
  test('may have names that are alike but for a letter or digit, or in other letters', () => {
    const names = ['A', 'A 5%t', 'A2', '小', '大 b', 'A+B', 'A.B'];
    const recipe = parseRecipe({ ...least, sizes: ['5%t'], methods: names.map((name) => ({ name })) });
    expect(recipe.methods.map((m) => m.name)).toEqual(names);
  });
  test('may have sizes, seeds and rates that are near each other, and a rate in two methods', () => {
    const methods = [
      { name: 'A', lr: [1e-3, 1.1e-3] },
      { name: 'B', lr: [1e-3] },
    ];
    const { sizes, seeds } = parseRecipe({ ...least, sizes: ['5%', '5%t', '5b'], seeds: [1, 0, 10], methods });
    expect([sizes, seeds]).toEqual([
      ['5%', '5%t', '5b'],
      [1, 0, 10],
    ]);
  });
  test.each([
    [['SMT, Muon strip, and LoRA', '0.86%t', 3e-5, 2], 'smt-muon-strip-and-lora-0.86pctt-0.00003-2'],
    [['full', null, 1e-7, 0], 'full-1e-7-0'],
    [['大 b', '81b', 'auto', 10], '-b-81b-auto-10'],
  ] as const)('a run of %j is kept as %s, as ever', (parts, id) => {
    expect(idOf(...parts)).toBe(id);
  });
  test('gives every method the common options that mean something to it', () => {
    const recipe = parseRecipe({
      ...least,
      common: { budget: '5%t', score: 'l2', rank: 4, steps: 7 },
      methods: [{ name: 'L', method: 'lora', lr: [1, 2] }],
    });
    const [method] = recipe.methods;
    expect(settle(recipe, method, { rank: 3 }, method.lrs[1], 9)).toMatchObject({
      method: 'lora',
      rank: 3,
      lr: 2,
      seed: 9,
      steps: 7,
      score: 'absmean',
    });
  });
  test.each<[object, RegExp]>([
    [{ methods: [] }, /methods: expected at least one method/],
    [{ title: 3 }, /title: expected a title/],
    [{ sizess: [] }, /sizess/],
    [{ methods: [{ name: 'A' }, { name: 'A' }] }, /two methods are called A/],
    [{ methods: [{ name: '' }] }, /methods.0.name: expected every method to have a name, got an empty one; correct it/],
    [{ methods: [{ name: 'A' }, { name: ' \t' }] }, /methods.1.name: expected every method to have a name, got an empty one/],
    [
      { methods: [{ name: '小' }, { name: '大' }] },
      /小 and 大 would be kept in the same files, -...; name them apart by letters/,
    ],
    [{ methods: [{ name: 'A, b' }, { name: 'B' }, { name: 'a/B' }] }, /A, b and a\/B would be kept in the same files, a-b-.../],
    [
      { sizes: ['5%t'], methods: [{ name: 'A' }, { name: 'A 5%t', method: 'full' }] },
      /A and A 5%t would be kept in the same files, a-5pctt-.../,
    ],
    [{ methods: [{ name: 'A' }, { name: 'A!' }] }, /A and A! would be kept in the same files, a-\.\.\.;/],
    [{ methods: [{ name: 'untrained' }] }, /a method is called untrained, as the row of the base is/],
    [{ methods: [{ name: 'A', data: ['x'] }] }, /A has data, in which methods cannot differ/],
    [{ methods: [{ name: 'A', rnak: 3 }] }, /A has rnak/],
    [{ methods: [{ name: 'A', lr: [] }] }, /empty list of learning rates/],
    [{ methods: [{ name: 'A', lr: -1 }] }, /--lr to be auto or a number above 0/],
    [{ methods: [{ name: 'A', method: 'sft' }] }, /one of smt full lora dora/],
    [{ methods: [{ name: 'A' }, { name: 'L', method: 'lora', kappa: 2 }] }, /L has what train refuses: expected --kappa with/],
    [
      { methods: [{ name: 'L', method: 'lora', share: 0.5 }] },
      /--share with --method smt\+lora, got --method lora; leave it out/,
    ],
    [{ common: { method: 'dora' }, methods: [{ name: 'D', spread: 'fair' }] }, /D has what .* got --method dora; leave it out/],
    [{ methods: [{ name: 'S', loraLr: 1e-3 }] }, /S has what train refuses: expected --lora-lr with --method smt\+lora, got/],
    [{ methods: [{ name: 'S', share: 0.5 }] }, /S has what train refuses: expected --share with/],
    [{ methods: [{ name: 'S', dropout: 0.1 }] }, /S has what train refuses: expected --dropout with/],
    [{ methods: [{ name: 'S+L', method: 'smt+lora', rank: 4 }] }, /S\+L has what train refuses: expected --rank with/],
    [{ methods: [{ name: 'F', method: 'full', targets: ['q'] }] }, /F has what train refuses: expected --targets with/],
    [
      { common: { select: 'random' }, methods: [{ name: 'S', score: 'l2' }] },
      /S has what train refuses: expected --score with --select gradient, got --select random/,
    ],
    [{ common: { seed: 3 } }, /common has seed, which compare sets itself/],
    [{ common: { memory: '1GB' } }, /common has memory, of which compare makes nothing/],
    [{ methods: [{ name: 'A', selection: 'F' }] }, /A has selection, in which methods cannot differ/],
    [{ common: { json: true } }, /json is no option of train/],
    [{ sizes: ['attn=1%'] }, /has groups/],
    [{ sizes: ['5'] }, /expected a budget/],
    [{ sizes: ['5%t'], methods: [{ name: 'A', budget: '1%' }] }, /a budget beside sizes/],
    [{ seconds: 3 }, /"schedule": "constant"/],
    [{ seeds: [0, 3, 1, 3] }, /seeds have 3 twice, which would count as runs of their own; leave one out/],
    [{ sizes: ['5%t', '81b', '81B'] }, /sizes have 81B twice/],
    [{ sizes: ['5%t', '5.0%T'] }, /sizes have 5.0%T twice/],
    [{ methods: [{ name: 'A', lr: [1e-3, 2e-3, 0.001] }] }, /A has a rate of 0.001 twice, which would/],
    [{ methods: [{ name: 'A', lr: [{ toString: 1 }, { toString: 1 }] }] }, /--lr to be auto or a number above 0/],
    [{ seeds: [] }, /expected a seed, got none/],
    [{ methods: [{ name: 'A', lr: ['auto', 1e-3] }] }, /A has auto among its rates, which finds one itself; name it alone/],
    [{ methods: [{ name: 'A', method: 'full', lr: 'auto' }] }, /--lr to be a number with --method full/],
    [{ seconds: 3, common: { schedule: 'constant' }, methods: [{ name: 'A', lr: 'auto' }] }, /would not count its trials/],
  ])('with %j is refused', (wrong, reason) => {
    expect(() => parseRecipe({ ...least, ...wrong })).toThrow(reason);
  });
  test.each(readdirSync(resolve('docs/recipes')).filter((name) => name.endsWith('.json')))('%s of the docs is sound', (name) => {
    const json = JSON.parse(readFileSync(resolve('docs/recipes', name), 'utf8'));
    const { sizes, methods, seeds } = parseRecipe(json);
    expect([sizes.length, methods.length, seeds.length]).toEqual([json.sizes.length, json.methods.length, json.seeds.length]);
  });
});
