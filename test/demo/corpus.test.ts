import { describe, expect, test } from 'vitest';
import { heldOut, oldSkill, pretrainRows, taskRows } from '../../demo/corpus.ts';
import recipe from '../../demo/recipe.json' with { type: 'json' };
import { newcomers } from '../../demo/world.ts';

const command = 'Make it a question: ';
const newcomer = new RegExp(`\\b(${[...newcomers.names, ...newcomers.animals].join('|')})`, 'i');

describe('the corpus', () => {
  test.each([
    ['pretraining', pretrainRows],
    ['task', taskRows],
  ])('%s rows: the same seed gives the same rows, another seed others', (_, rows) => {
    expect(rows(7, 60)).toEqual(rows(7, 60));
    expect(rows(7, 60)).not.toEqual(rows(8, 60));
  });

  test('is pinned: the built-in weights were pretrained on exactly this text', () => {
    expect(pretrainRows(recipe.pretrain.data.seed, 3)).toMatchInlineSnapshot(`
      [
        {
          "completion": " Leo is sad.",
          "prompt": "Zoe can paint. Leo is sad. How is Leo?",
        },
        {
          "completion": " Ben and Finn make a cake.",
          "prompt": "Ben and Finn make a cake. Tom sees the owl. The old cows like apples. What do Ben and Finn do?",
        },
        {
          "completion": " Zoe is sad.",
          "prompt": "Say it again: Zoe is sad.",
        },
      ]
    `);
  });

  test('every completion is a sentence that opens with its space', () => {
    const rows = [...pretrainRows(7, 2000), ...taskRows(1, 300), ...heldOut(), ...oldSkill()];
    expect(rows.filter((row) => !/^ [A-Z][^.?]*[.?]$/.test(row.completion))).toEqual([]);
    expect(rows.filter((row) => !/^[A-Z].*[.?]$/.test(row.prompt))).toEqual([]);
  });
});

describe('the task', () => {
  const train = taskRows(recipe.task.seed, recipe.task.rows);
  const lessons = train.filter((row) => row.prompt.startsWith(command));

  test('two rows in three teach the new skill, all of them different', () => {
    expect(lessons.length).toBe(recipe.task.rows - Math.floor(recipe.task.rows / 3));
    expect(new Set(lessons.map((row) => row.prompt)).size).toBe(lessons.length);
  });

  test('no held-out row is trained on', () => {
    const held = new Set(heldOut().map((row) => row.prompt));
    expect(held.size).toBe(64);
    expect(lessons.filter((row) => held.has(row.prompt))).toEqual([]);
  });

  test('every second held-out row is about newcomers, no lesson is', () => {
    expect(
      heldOut()
        .map((row) => newcomer.test(row.prompt))
        .slice(0, 6),
    ).toEqual([false, true, false, true, false, true]);
    expect(heldOut().filter((row) => newcomer.test(row.prompt)).length).toBe(32);
    expect(lessons.filter((row) => newcomer.test(row.prompt))).toEqual([]);
  });

  test('the pretraining text never shows the new command', () => {
    expect(pretrainRows(7, 5000).filter((row) => row.prompt.includes(command))).toEqual([]);
  });

  test('no story or command that measures the old skills is trained on', () => {
    const unseen = new Set(oldSkill().map((row) => row.prompt));
    for (const prompt of unseen) if (/^What [^.]*$|^Where does a[^.]*$/.test(prompt)) unseen.delete(prompt);
    expect(unseen.size).toBeGreaterThan(40);
    expect([...pretrainRows(7, 5000), ...train].filter((row) => unseen.has(row.prompt))).toEqual([]);
  });
});
