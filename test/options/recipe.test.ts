// Saved recipes: what a run was told comes back as it went, flags win, and what is unsound or contradicts is told.
import { describe, expect, test } from 'vitest';
import { parseCommand } from '../../src/options/args.ts';
import { readRecipe, recipeOf, recipeWithFlags } from '../../src/options/recipe.ts';
import { type Options, withDefaults } from '../../src/options/table.ts';

const given = (line: string): Options => {
  const parsed = parseCommand(['train', ...line.split(' ').filter(Boolean)]);
  if (parsed.kind !== 'run') throw new Error(JSON.stringify(parsed));
  return parsed.options;
};
/** What decides a run: all but what was given, and what belongs to one command. */
const decides = (o: Options) => {
  const { given: _, preset: __, out: ___, saveRecipe: ____, json: _____, ...settings } = withDefaults(o);
  return settings;
};

describe('a saved recipe', () => {
  test.each([
    '',
    '--method lora --rank 8 --data a b --betas 0.9,0.95 --lr 1e-4 --targets q,v',
    '--method full --dtype bf16 --steps 7',
    '--method dora --dropout 0.1',
    '--select magnitude --block 16 --eval 5% --patience 2',
    '--warmup full --score l2 --epochs 2',
    '--selection F --no-shuffle',
    '--preset smt-paper --accumulate 2',
    '--preset smft --budget 10%t --steps 3',
    '--memory 6GB --recompute on --model M --base q8_0 --guard G',
  ])('of "%s" gives the same settings, through JSON', (line) => {
    const o = given(line);
    const saved = JSON.parse(JSON.stringify(recipeOf('train', o)));
    const length = o.steps === undefined && o.epochs === undefined && !o.preset ? { epochs: 1 } : {}; // the default in words
    expect(decides(readRecipe('train', saved))).toEqual({ ...decides(o), ...length });
    expect(recipeOf('train', readRecipe('train', saved))).toEqual(saved);
  });
  test('has every default, whatever of it needs a place', () => {
    const { checkpointEvery, keep, ...saved } = recipeOf('train', given('--out O --checkpoint-every 2'));
    expect([checkpointEvery, keep]).toEqual([2, 2]);
    const { keep: usual, ...without } = recipeOf('train', given(''));
    expect(usual).toBe(2);
    expect(saved).toEqual(without);
  });
  test('names every default that means something to the run, and nothing of the command', () => {
    const saved = recipeOf('train', given('--method lora --json --quiet --out O --force --save-recipe F'));
    expect(saved).toMatchObject({
      method: 'lora',
      rank: 16,
      alpha: 32,
      betas: [0.9, 0.999],
      seed: 0,
      epochs: 1,
      batch: 4,
    });
    for (const key of ['json', 'quiet', 'out', 'force', 'saveRecipe', 'budget', 'warmup']) expect(saved).not.toHaveProperty(key);
  });
  test('of a run from an adapter leaves to the adapter what it decides', () => {
    const saved = recipeOf('train', given('--adapter A --steps 3'));
    expect(saved).toMatchObject({ adapter: 'A', steps: 3, batch: 4 });
    for (const key of ['method', 'rank', 'budget', 'targets', 'lr', 'optimizer', 'muonScale'])
      expect(saved).not.toHaveProperty(key);
  });
  test.each<[unknown, RegExp]>([
    [{ steps: 0 }, /--steps to be a whole number from 1, got 0/],
    [{ steps: '5' }, /got "5"/],
    [{ stepz: 5 }, /stepz is no option of train/],
    [{ perExample: true }, /perExample is no option of train/],
    [{ json: true }, /json is no option of train/],
    [{ steps: 5, epochs: 1 }, /--steps or --epochs/],
    [{ targets: ['q', 'q'] }, /some of q k v/],
    [{ lr: 0, batch: -1 }, /--batch.*;.*--lr|--lr.*;.*--batch/],
    [[], /sound recipe.*an object of options, got \[\]/],
    [null, /an object of options, got null/],
    ['steps', /an object of options, got "steps"/],
    [JSON.parse('{"__proto__": {"steps": 3}}'), /__proto__ is no option of train/],
  ])('%j is refused', (recipe, reason) => {
    expect(() => readRecipe('train', recipe)).toThrow(reason);
  });
  test('what a flag refuses for its verb, a recipe refuses', () => {
    expect(parseCommand(['eval', '--steps', '5'])).toMatchObject({ kind: 'usage' });
    expect(() => readRecipe('eval', { steps: 5 })).toThrow(/steps/);
  });
});

describe('flags beside a recipe', () => {
  const saved = recipeOf('train', given('--steps 100 --lr 1e-3 --data a'));
  const beside = (line: string, recipe: object = saved) => recipeWithFlags('train', recipe, given(line));
  test('win', () => {
    expect(beside('--lr 2e-3 --data b c --seed 4')).toEqual({ options: { ...saved, lr: 2e-3, data: ['b', 'c'], seed: 4 } });
  });
  test('say one length of the run for another', () => {
    const { steps: _, ...rest } = saved;
    expect(beside('--epochs 2')).toEqual({ options: { ...rest, epochs: 2 } });
  });
  test("of a preset win over the recipe's own", () => {
    expect(withDefaults(beside('--preset smft').options)).toMatchObject({ budget: '1%t', lr: 2e-3, steps: 100 });
  });
  test('that contradict it are told', () => {
    expect(beside('--method lora').clash).toMatch(/--budget with --method smt or smt\+lora, got --method lora/);
    expect(beside('--selection F').clash).toMatch(/--selection or --budget, got both/);
    expect(beside('', { checkpointEvery: 5 }).clash).toMatch(/--out beside --checkpoint-every/);
    expect(beside('--out O', { checkpointEvery: 5 }).clash).toBeUndefined();
  });
});
