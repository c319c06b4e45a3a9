// The demo in short: fewer steps and prompts, and still the built-in model learns what it could not do, and shows it.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import recipe from '../../demo/recipe.json' with { type: 'json' };
import { builtInPlaces, demo } from '../../src/commands/demo.ts';
import { withDefaults } from '../../src/options/table.ts';
import type { Line } from '../../src/report.ts';
import { newFolder } from './tiny.ts';

const folder = newFolder();
const { at } = folder;
afterAll(folder.free);

/** The demo with the built-in recipe in `steps` steps and 12 prompts of each kind; what it reported. */
async function show(out: string, steps: number): Promise<Line[]> {
  const places = builtInPlaces();
  for (const kind of ['heldOut', 'keep'] as const) {
    const few = readFileSync(places[kind], 'utf8').split('\n').slice(0, 12).join('\n');
    writeFileSync((places[kind] = at(`${kind}.jsonl`)), few);
  }
  const lines: Line[] = [];
  const task = { files: [], report: (line: Line) => lines.push(line), signal: new AbortController().signal };
  await demo({ ...task, o: { ...withDefaults({ tune: 'off' }), out } }, { ...recipe.smt, steps }, places);
  return lines;
}

let lines: Line[];
beforeAll(async () => {
  lines = await show(at('adapter'), 60);
});

test('the skill is new, and learned', () => {
  const skills = lines.find((line) => line.kind === 'skills')!;
  const [held, old] = skills.scores;
  expect(held.before).toBeLessThanOrEqual(0.1 * held.of);
  expect(held.after).toBeGreaterThanOrEqual(0.5 * held.of);
  expect(old.after).toBeGreaterThanOrEqual(0.5 * old.of);
  expect(skills.examples.filter((e) => e.after.right && !e.before.right).length).toBeGreaterThan(0);
  expect(skills.examples[0].prompt).toMatch(/^Make it a question: /);
});

test('it tells the adapter, the memory, the warm-up, the blocks and the steps, in this order', () => {
  const kinds = lines.map((line) => line.kind);
  const order = ['device', 'plan', 'warmup', 'selection', 'step', 'skills', 'done'].map((kind) => kinds.indexOf(kind as 'step'));
  expect(order).toEqual([...order].sort((a, b) => a - b));
  expect(order[0]).toBeGreaterThanOrEqual(0);
});

test('an earlier adapter is written over, anything else is not', async () => {
  writeFileSync(join(at('adapter'), 'notes.txt'), 'mine');
  await expect(show(at('adapter'), 1)).rejects.toThrow(/expected an empty place .* got notes\.txt/);
  expect(readFileSync(join(at('adapter'), 'notes.txt'), 'utf8')).toBe('mine');
});
