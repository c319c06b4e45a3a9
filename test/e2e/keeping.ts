// What the tests of kept runs share: a run on a tiny model that is started, held, and whose result is summed. No test in here.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { type BrowserContext, expect, type Locator, type Page } from '@playwright/test';
import { newFolder, writeModel, writeRows } from '../cli/tiny.ts';

export const STEPS = 120;

// several files of tests may run in one process, and share the folder
const { at, free } = newFolder();
process.once('exit', free);
export const model = writeModel(at('Tiny model'));
export const rows = writeRows(
  at('rows.jsonl'),
  Array.from({ length: 12 }, (_, i) => ({
    prompt: `The ${['cow', 'dog', 'owl'][i % 3]} is here. ${i}`,
    completion: ' It can sing.',
  })),
);

export { at };

/** Opens model and data, and says what the run is. */
export async function bench(page: Page): Promise<void> {
  await page.goto('./#own');
  await page.getByTestId('model-folder').setInputFiles(model);
  await expect(page.getByTestId('model-facts')).toBeVisible({ timeout: 30_000 });
  await page.getByTestId('data-files').setInputFiles(rows);
  await expect(page.getByTestId('data-facts')).toBeVisible({ timeout: 30_000 });
  await page.getByRole('radio', { name: /^lora/ }).check();
  await page.getByLabel('Steps', { exact: true }).fill(String(STEPS));
  await page.getByLabel('Prompts to ask').fill('0');
  await expect(page.getByTestId('own-start')).toBeEnabled({ timeout: 30_000 });
}

/** Starts the run. */
export async function start(page: Page): Promise<void> {
  await page.getByTestId('own-start').click();
  await expect(page.getByTestId('own-status')).not.toHaveText(/^Ready/, { timeout: 30_000 });
}

/** Starts the run, and waits for some steps of it. */
export async function begin(page: Page): Promise<void> {
  await bench(page);
  await start(page);
  await goesOn(page);
}

/** Steps that the page has heard of. */
export const points = async (page: Page) =>
  Number(await page.locator('[data-testid="own-loss"] .chart').getAttribute('data-points', { timeout: 180_000 }));

/** Waits for a few steps more. */
export async function goesOn(page: Page): Promise<void> {
  const before = (await page.getByTestId('own-loss').count()) ? await points(page) : 0;
  await expect.poll(() => points(page), { timeout: 300_000 }).toBeGreaterThan(before + 2);
}

/** Holds the run, which saves itself. Answers the step that it stands at. */
export async function hold(page: Page): Promise<number> {
  await page.getByTestId('own-pause').click();
  await expect(page.getByTestId('own-status')).toHaveText(/^Held/);
  await page.waitForTimeout(1500); // what was on its way arrives, and is written
  const step = await points(page);
  expect(step).toBeLessThan(STEPS);
  return step;
}

export const release = (page: Page) => page.getByTestId('own-pause').click();

/** Waits for the end, and answers the sums of the files that the run leaves; `place`: a folder to put them in. */
export async function resultOf(page: Page, place?: string): Promise<Record<string, string>> {
  await expect(page.getByTestId('own-status')).toHaveText(/^Done|ended early/, { timeout: 300_000 });
  expect(await page.getByTestId('run-fault').allTextContents()).toEqual([]);
  await page.getByTestId('make-result').click();
  return sumsOf(page, page.getByTestId('take-home').getByRole('link'), place);
}

/** The sums of the files behind links. */
export async function sumsOf(page: Page, links: Locator, place?: string): Promise<Record<string, string>> {
  await expect(links.first()).toBeVisible();
  const sums: Record<string, string> = {};
  for (const link of await links.all()) {
    const [download] = await Promise.all([page.waitForEvent('download'), link.click()]);
    const bytes = readFileSync(await download.path());
    if (place) await download.saveAs(join(place, download.suggestedFilename()));
    sums[download.suggestedFilename()] = createHash('sha256').update(bytes).digest('hex');
  }
  expect(Object.keys(sums).sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors', 'receipt.json']);
  return sums;
}

/** Kills the GPU process of this browser. */
export async function killGpu(context: BrowserContext): Promise<void> {
  const session = await context.browser()!.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  const gpu = processInfo.filter(({ type }) => type === 'GPU');
  expect(gpu.length).toBeGreaterThan(0);
  for (const { id } of gpu) process.kill(id, 'SIGKILL');
}
