// The result taken home from the page in the formats of other programs, each opened again and compared before it is offered. That its
// bytes are the command line's is evidence (scripts/evidence/page/export.spec.ts).
import { expect, test } from '@playwright/test';
import { free, held, RUN, taken, trained } from './exporting.ts';
import { faults, strangers, violations } from './helpers.ts';
import { unzipped } from './unzip.ts';

test.afterAll(free);

test('blocks leave as GGUF and as ONNX, checked', async ({ page }) => {
  const broken = faults(page);
  const abroad = strangers(page);
  await trained(page, 'smt');
  expect((await taken(page, 'gguf', 'Tiny-model-tuned-f32.gguf')).subarray(0, 4).toString()).toBe('GGUF');
  await held(page, 'gguf', 1e-3);
  const onnx = unzipped(await taken(page, 'onnx', 'Tiny-model-tuned-onnx-f32.zip'));
  expect([...onnx.keys()]).toContain('Tiny-model-tuned-onnx-f32/onnx/model.onnx');
  const said = (await page.getByTestId('checked-onnx').textContent())!;
  expect(said).toMatch(RUN);
  expect(Number(RUN.exec(said)![1])).toBeLessThan(1e-3);

  const rank = page.getByLabel('LoRA rank');
  await rank.fill('33');
  await expect(page.getByTestId('fault-peft')).toContainText('Expected at most 32, the model’s hidden size, got 33');
  await expect(page.getByTestId('make-peft')).toBeDisabled();
  await rank.fill('12');
  const lora = unzipped(await taken(page, 'peft', 'Tiny-model-tuned-peft-r12.zip'));
  const config = JSON.parse(lora.get('Tiny-model-tuned-peft-r12/adapter_config.json')!.toString());
  expect([config.r, config.lora_alpha]).toEqual([12, 12]);
  await expect(page.getByTestId('export-peft')).toContainText(/Rank 12 loses [\d.]+ % of what was trained/);
  expect(await violations(page)).toEqual([]);
  expect([broken(), abroad()]).toEqual([[], []]);
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
  const fault = page.getByTestId('fault-gguf');
  await page.getByTestId('make-gguf').click();
  await page.getByRole('button', { name: 'Stop: GGUF' }).click();
  await expect(fault).toContainText('got stopped: nothing of it is left', { timeout: 60_000 });
  expect(await left()).toEqual([]);

  const values = page.getByTestId('export-gguf').getByLabel('Values');
  await values.selectOption('q4_0');
  await page.getByTestId('make-gguf').click();
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
