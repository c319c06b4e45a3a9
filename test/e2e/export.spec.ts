// The result taken home from the page in the formats of other programs: what is downloaded is, byte for byte, what the command line
// exports of the same adapter, and it was opened again and compared before it is offered.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import { blocktune, newFolder, writeModel, writeRows } from '../cli/tiny.ts';
import { faults, strangers, violations } from './helpers.ts';
import { unzipped } from './unzip.ts';

const { at, free } = newFolder();
const model = writeModel(at('Tiny model'));
const rows = writeRows(
  at('rows.jsonl'),
  Array.from({ length: 24 }, (_, i) => ({
    prompt: `The ${['cow', 'dog', 'owl'][i % 3]} is here. ${i}`,
    completion: ' It sings.',
  })),
);
test.afterAll(free);

/** Trains the tiny model by a method for a few steps that are felt. */
async function trained(page: Page, method: string, settings: Record<string, string> = {}): Promise<void> {
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
  await expect(page.getByTestId('own-start')).toBeEnabled({ timeout: 30_000 });
  await page.getByTestId('own-start').click();
  await expect(page.getByTestId('own-status')).toHaveText(/^Done/, { timeout: 90_000 });
}

/** Exports, waits for the check, downloads; answers the bytes. */
async function taken(page: Page, format: string, name: string): Promise<Buffer> {
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

/** The run's own adapter, as a folder. */
async function adapterOf(page: Page, folder: string): Promise<string> {
  await page.getByTestId('make-result').click();
  const links = page.locator('.adapter a');
  await expect(links).toHaveCount(3);
  mkdirSync(folder);
  for (const link of await links.all()) {
    const coming = page.waitForEvent('download');
    await link.click();
    const download = await coming;
    writeFileSync(join(folder, download.suggestedFilename()), readFileSync(await download.path()));
  }
  return folder;
}

const CHECKED =
  /^Opened again and compared on \d+ rows: log-probabilities are within (\S+) nats of the tuned model’s; the untrained model’s are up to (\S+) away\.$/;

async function held(page: Page, format: string, within: number): Promise<void> {
  const said = (await page.getByTestId(`checked-${format}`).textContent())!;
  expect(said).toMatch(CHECKED);
  const [, tuned, base] = CHECKED.exec(said)!;
  expect(Number(tuned)).toBeLessThan(within);
  expect(Number(base)).toBeGreaterThan(10 * within);
}

test('blocks leave as the files that the command line exports, checked', async ({ page }) => {
  test.slow();
  const broken = faults(page);
  const abroad = strangers(page);
  await trained(page, 'smt');
  const adapter = await adapterOf(page, at('adapter'));
  const exported = (format: string, dtype: string, out: string) =>
    blocktune(['export', '--model', model, '--adapter', adapter, '--format', format, '--dtype', dtype, '--out', out, '--json']);

  const gguf = await taken(page, 'gguf', 'Tiny-model-tuned-f32.gguf');
  await held(page, 'gguf', 1e-3);
  await exported('gguf', 'f32', at('tuned.gguf'));
  expect(gguf.equals(readFileSync(at('tuned.gguf')))).toBe(true);

  await page.getByTestId('export-hf').getByLabel('Values').selectOption('bf16');
  const files = unzipped(await taken(page, 'hf', 'Tiny-model-tuned-hf-bf16.zip'));
  await exported('hf', 'bf16', at('tuned'));
  const names = ['model.safetensors', 'config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json'];
  expect([...files.keys()]).toEqual([...names, 'README.md'].map((name) => `Tiny-model-tuned-hf-bf16/${name}`));
  for (const name of names)
    expect(files.get(`Tiny-model-tuned-hf-bf16/${name}`)!.equals(readFileSync(at('tuned', name)))).toBe(true);
  expect(files.get('Tiny-model-tuned-hf-bf16/README.md')!.toString()).toContain('| data | rows.jsonl |');

  expect(await violations(page)).toEqual([]);
  expect([broken(), abroad()]).toEqual([[], []]);
});

test('a model that was trained whole leaves too, held against the one it was', async ({ page }) => {
  await trained(page, 'full', { 'Learning rate': '0.002' });
  await expect(page.getByTestId('export-peft')).toHaveCount(0);
  const gguf = await taken(page, 'gguf', 'Tiny-model-tuned-f32.gguf');
  expect(gguf.subarray(0, 4).toString()).toBe('GGUF');
  await held(page, 'gguf', 1e-3);
});

test('what cannot be written is said with its cure, nothing of it stays, and the page goes on', async ({ page }) => {
  await trained(page, 'smt', { Steps: '1', 'Learning rate': '1e-9' });
  const left = () =>
    page.evaluate(async () => {
      const names: string[] = [];
      const walk = async (directory: any) => {
        for await (const [name, handle] of directory.entries())
          if (handle.kind === 'file') names.push(name);
          else await walk(handle);
      };
      const root = await navigator.storage.getDirectory();
      await walk(await root.getDirectoryHandle('exports', { create: true }));
      return names;
    });
  const values = page.getByTestId('export-gguf').getByLabel('Values');
  await values.selectOption('q4_0');
  await page.getByTestId('make-gguf').click();
  const fault = page.getByTestId('fault-gguf');
  await expect(fault).toContainText(/got the untrained one: .* choose a finer “Values of the result”/, { timeout: 60_000 });
  expect(await left()).toEqual([]);

  const chromium = await page.context().newCDPSession(page);
  const quota = (quotaSize?: number) =>
    chromium.send('Storage.overrideQuotaForOrigin', { origin: new URL(page.url()).origin, quotaSize });
  await quota(20_000);
  await values.selectOption('f32');
  await page.getByTestId('make-gguf').click();
  await expect(fault).toContainText('Expected room for the export, got none', { timeout: 60_000 });
  expect(await left()).toEqual([]);
  await quota();
  await taken(page, 'gguf', 'Tiny-model-tuned-f32.gguf');
});

test('where a person may choose a place, it is written there, beside what is there', async ({ page }) => {
  await page.addInitScript(() => {
    const directory = async () => (await navigator.storage.getDirectory()).getDirectoryHandle('chosen', { create: true });
    Object.assign(globalThis, {
      showDirectoryPicker: directory,
      showSaveFilePicker: async ({ suggestedName }: { suggestedName: string }) =>
        (await directory()).getFileHandle(suggestedName, { create: true }),
    });
  });
  await trained(page, 'lora');
  for (const [format, at] of [
    ['gguf', 'Tiny-model-tuned-f32.gguf'],
    ['hf', 'chosen/Tiny-model-tuned-hf-f32'],
    ['hf', 'chosen/Tiny-model-tuned-hf-f32-2'],
  ]) {
    await page.getByTestId(`place-${format}`).click();
    await expect(page.getByTestId(`checked-${format}`)).toContainText(`Saved as ${at}. Opened again`, { timeout: 60_000 });
  }
  const sizes = await page.evaluate(async () => {
    const root = await (await navigator.storage.getDirectory()).getDirectoryHandle('chosen');
    const size = async (path: string[]) => {
      let folder = root;
      for (const name of path.slice(0, -1)) folder = await folder.getDirectoryHandle(name);
      return (await (await folder.getFileHandle(path.at(-1)!)).getFile()).size;
    };
    return Promise.all([
      size(['Tiny-model-tuned-f32.gguf']),
      size(['Tiny-model-tuned-hf-f32', 'model.safetensors']),
      size(['Tiny-model-tuned-hf-f32-2', 'model.safetensors']),
    ]);
  });
  expect(sizes[0]).toBeGreaterThan(50_000);
  expect(sizes[1]).toBe(sizes[2]);
});
