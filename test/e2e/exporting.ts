// What the tests of the page's exports share: a tiny model that is trained, exports that are made and downloaded. No test in here.
import { readFileSync } from 'node:fs';
import { expect, type Page } from '@playwright/test';
import { newFolder, writeModel, writeRows } from '../cli/tiny.ts';

export const { at, free } = newFolder();
export const model = writeModel(at('Tiny model'));
export const rows = writeRows(
  at('rows.jsonl'),
  Array.from({ length: 24 }, (_, i) => ({
    prompt: `The ${['cow', 'dog', 'owl'][i % 3]} is here. ${i}`,
    completion: ' It sings.',
  })),
);

/** Trains the tiny model by a method for a few steps that are felt. */
export async function trained(page: Page, method: string, settings: Record<string, string> = {}): Promise<void> {
  await page.goto('./#own');
  await page.getByTestId('model-folder').setInputFiles(model);
  await expect(page.getByTestId('model-facts')).toBeVisible({ timeout: 30_000 });
  await page.getByTestId('data-files').setInputFiles(rows);
  await expect(page.getByTestId('data-facts')).toBeVisible({ timeout: 30_000 });
  await page.locator(`input[name="method"][value="${method}"]`).check();
  const all = { Steps: '6', 'Prompts to ask': '0', 'Learning rate': '0.02', ...settings };
  for (const [label, value] of Object.entries(all)) await page.getByLabel(label, { exact: true }).fill(value);
  const budget = page.getByLabel('Budget');
  if (await budget.isVisible()) await budget.fill('30%t');
  await page.waitForTimeout(400); // what was filled in last is planned soon, not at once
  await expect(page.getByTestId('own-start')).toBeEnabled({ timeout: 30_000 });
  await page.getByTestId('own-start').click();
  await expect(page.getByTestId('own-status')).toHaveText(/^Done/, { timeout: 90_000 });
}

/** Exports, waits for the check, downloads; answers the bytes. */
export async function taken(page: Page, format: string, name: string): Promise<Buffer> {
  const part = page.getByTestId(`export-${format}`);
  await page.getByTestId(`make-${format}`).click();
  const link = part.getByRole('link');
  await expect(link.or(part.getByRole('alert'))).toBeVisible({ timeout: 60_000 });
  expect(await part.getByRole('alert').allTextContents()).toEqual([]);
  const coming = page.waitForEvent('download');
  await link.click();
  const download = await coming;
  expect(download.suggestedFilename()).toBe(name);
  return readFileSync(await download.path());
}

const CHECKED =
  /^Opened again and compared on \d+ rows: log-probabilities are within (\S+) nats of the tuned model’s; the untrained model’s are up to (\S+) away\.$/;

/** Of an ONNX export, what onnxruntime-web said of it. */
export const RUN =
  /^Run in onnxruntime-web on \d+ rows of yours: logits are within (\S+) of the tuned model’s\. Compared on \d+ rows: /;

/** What the check of an export came to. */
export async function held(page: Page, format: string, within: number): Promise<void> {
  const said = (await page.getByTestId(`checked-${format}`).textContent())!;
  expect(said).toMatch(CHECKED);
  const [, tuned, base] = CHECKED.exec(said)!;
  expect(Number(tuned)).toBeLessThan(within);
  expect(Number(base)).toBeGreaterThan(10 * within);
}
