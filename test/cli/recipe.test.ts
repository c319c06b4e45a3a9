// A run from the recipe that another run saved is that run: the same bits. Recipes that are unsound are told by name.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { blocktune, newFolder, writeModel, writeRows } from './tiny.ts';

const folder = newFolder();
const { at } = folder;
afterAll(folder.free);

const settings = '--targets all --budget 20%t --block 8 --warmup-steps 2 --batch 2 --lr 0.01 --steps 3 --tune off'.split(' ');

beforeAll(async () => {
  writeModel(at('model'));
  writeRows(
    at('rows.jsonl'),
    ['cow', 'dog', 'cat', 'owl'].map((w) => ({ prompt: `The ${w} is here.`, completion: ` The ${w} is not here.` })),
  );
  const words = ['train', '--model', at('model'), '--data', at('rows.jsonl'), ...settings];
  await blocktune([...words, '--out', at('one'), '--save-recipe', at('recipe.json')]);
});

const weights = (name: string) => readFileSync(at(name, 'adapter_model.safetensors'));

test('a run from the saved recipe gives the same bits, and saves the same recipe', async () => {
  const { code } = await blocktune(['train', at('recipe.json'), '--out', at('two'), '--save-recipe', at('again.json')]);
  expect(code).toBe(0);
  expect(weights('two').equals(weights('one'))).toBe(true);
  expect(readFileSync(at('again.json'), 'utf8')).toBe(readFileSync(at('recipe.json'), 'utf8'));
  expect(JSON.parse(readFileSync(at('recipe.json'), 'utf8'))).toMatchObject({ steps: 3, schedule: 'linear', seed: 0 });
});

test('a flag beside it wins', async () => {
  const { lines } = await blocktune(['train', at('recipe.json'), '--steps', '1', '--json']);
  expect(lines.filter((line) => line.kind === 'step')).toHaveLength(1);
});

describe('errors name the recipe', () => {
  test.each<[name: string, text: string, flags: string[], code: number, says: RegExp]>([
    ['an unknown key', '{"stepz": 5}', [], 1, /spoilt\.json: expected a sound recipe.*stepz is no option of train; correct it/],
    ['a wrong value', '{"steps": "5"}', [], 1, /spoilt\.json: .*--steps to be a whole number from 1, got "5"/],
    ['no JSON', '{"steps": ', [], 1, /spoilt\.json.*JSON/],
    ['flags that contradict it', '{"budget": "5%"}', ['--method', 'lora'], 2, /--budget with --method smt.*spoilt\.json/],
  ])('%s', async (_, text, flags, code, says) => {
    writeFileSync(at('spoilt.json'), text);
    const ended = await blocktune(['train', at('spoilt.json'), ...flags, '--json', '--save-recipe', at('none.json')]);
    expect(ended.stderr).toMatch(says);
    expect(ended.stderr.trim().split('\n')).toHaveLength(1);
    expect([ended.code, ended.stdout, existsSync(at('none.json'))]).toEqual([code, '', false]);
  });
  test('that is not there, and one that would be written over', async () => {
    expect((await blocktune(['train', at('nosuch.json')])).stderr).toMatch(/nosuch\.json/);
    const { code, stderr } = await blocktune(['train', '--save-recipe', at('recipe.json'), '--json']);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/expected nothing at .*recipe\.json, got an existing file/)]);
  });
});
