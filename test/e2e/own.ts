// What the tests of one's own model and data share: a tiny model and rows, and the second way in with both chosen. No test in here.
import process from 'node:process';
import { expect, type Page } from '@playwright/test';
import { newFolder, writeModel, writeRows } from '../cli/tiny.ts';

// several files of tests may run in one process, and share the folder
const { at, free } = newFolder();
process.once('exit', free);

export { at };
export const model = writeModel(at('Tiny model'));
export const HOSTILE = '<img src=x onerror=alert(1)>';
export const rows = writeRows(at('rows.jsonl'), [
  ...Array.from({ length: 22 }, (_, i) => ({
    question: `The ${['cow', 'dog', 'owl'][i % 3]} is here. ${i}`,
    answer: ' It can sing – é!',
    id: i,
  })),
  { question: `A long prompt ${'that goes on '.repeat(12)}`, answer: ' never learned', id: 99, [HOSTILE]: 'b' },
]);

/** Opens the second way in, with a model and data chosen. */
export async function bench(page: Page, data: string | null = rows): Promise<void> {
  await page.goto('./#own');
  await page.getByTestId('model-folder').setInputFiles(model);
  await expect(page.getByTestId('model-facts')).toBeVisible({ timeout: 30_000 });
  if (!data) return;
  await page.getByTestId('data-files').setInputFiles(data);
  await expect(page.getByTestId('data-facts')).toBeVisible({ timeout: 30_000 });
}
