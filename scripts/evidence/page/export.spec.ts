// Exports of the page beside those of the command line, of the same adapter: the same bytes. A model that was trained whole, and places
// that a person chose.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import { blocktune } from '../../../test/cli/tiny.ts';
import { at, free, held, model, RUN, taken, trained } from '../../../test/e2e/exporting.ts';
import { faults, strangers, violations } from '../../../test/e2e/helpers.ts';
import { unzipped } from '../../../test/e2e/unzip.ts';

test.afterAll(free);

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

test('blocks leave as the files that the command line exports, checked', async ({ page }) => {
  test.slow();
  const broken = faults(page);
  const abroad = strangers(page);
  await trained(page, 'smt');
  const adapter = await adapterOf(page, at('adapter'));
  const exported = (format: string, dtype: string, out: string) =>
    blocktune([
      ...['export', '--model', model, '--adapter', adapter, '--format', format, '--out', out, '--json'],
      ...(dtype ? ['--dtype', dtype] : []),
    ]);

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

  const lora = unzipped(await taken(page, 'peft', 'Tiny-model-tuned-peft.zip'));
  await held(page, 'peft', 1e-3);
  await exported('peft', '', at('lora'));
  for (const name of ['adapter_model.safetensors', 'adapter_config.json'])
    expect(lora.get(`Tiny-model-tuned-peft/${name}`)!.equals(readFileSync(at('lora', name)))).toBe(true);

  const onnx = unzipped(await taken(page, 'onnx', 'Tiny-model-tuned-onnx-f32.zip'));
  const said = (await page.getByTestId('checked-onnx').textContent())!;
  expect(said).toMatch(RUN);
  const [, logits] = RUN.exec(said)!;
  expect(Number(logits)).toBeLessThan(1e-3);
  await exported('onnx', 'f32', at('onnx'));
  for (const name of ['onnx/model.onnx', 'config.json', 'tokenizer.json'])
    expect(onnx.get(`Tiny-model-tuned-onnx-f32/${name}`)!.equals(readFileSync(at('onnx', name)))).toBe(true);

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
