// A person's own model and data on the page: what they are, rows as the model sees them, and what cannot be read. Runs on them are
// own-run.spec.ts.
import { cpSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import { blocktune, writeModel } from '../cli/tiny.ts';
import { faults, strangers, violations } from './helpers.ts';
import { at, bench, HOSTILE, model, rows } from './own.ts';

interface Seen {
  index: number;
  ids: number[];
  learned: boolean[];
}

/** The rows that the viewer shows, page by page, by what is tinted: inside of a mark. */
async function seen(page: Page): Promise<Seen[]> {
  const all: Seen[] = [];
  const list = page.getByTestId('rows');
  for (;;) {
    await expect(list.locator(`li[data-index="${all.length}"]`)).toBeVisible();
    all.push(
      ...(await list.locator('li').evaluateAll((items) =>
        items.map((li) => {
          const tokens = [...li.querySelectorAll<HTMLElement>('.token')];
          return {
            index: Number(li.dataset.index),
            ids: tokens.map((t) => Number(t.dataset.id)),
            learned: tokens.map((t) => t.closest('mark') !== null),
          };
        }),
      )),
    );
    const later = page.getByRole('button', { name: 'Later' });
    if (await later.isDisabled()) return all;
    await later.click();
  }
}

test('the model and the rows are told as they are, and tokens are tinted by what is learned', async ({ page }) => {
  const broken = faults(page);
  const abroad = strangers(page);
  await bench(page);
  await expect(page.getByTestId('model-facts')).toContainText('llama, 2 layers, hidden size 32');
  await expect(page.getByTestId('model-facts')).toContainText('f32');
  await expect(page.getByTestId('columns')).toContainText('as detected');
  await page.getByLabel('Longest row, tokens').fill('48');
  await expect(page.getByTestId('nothing-learned')).toContainText('1 row of 23');

  const { lines } = await blocktune(['rows', '--model', model, '--data', rows, '--max-length', '48', '--json']);
  const wanted = lines.map(({ index, ids, labels }) => ({ index, ids, learned: labels.map((l: number) => l !== -100) }));
  expect(await seen(page)).toEqual(wanted);

  await expect(page.getByTestId('unused')).toContainText('id (23 rows)');
  await expect(page.getByTestId('unused')).toContainText(`${HOSTILE} (1 row)`); // as text, and nothing else
  await expect(page.getByTestId('lengths')).toContainText('1 row is cut at 48');
  await page.getByRole('button', { name: 'Show them' }).click();
  await expect(page.getByTestId('rows').locator('li')).toHaveCount(1);
  await expect(page.getByTestId('rows')).toContainText('nothing learned');
  await expect(page.getByTestId('rows').locator('mark')).toHaveCount(0);
  await expect(page.getByTestId('rows').locator('.special').first()).toHaveText('<bos>');

  // columns corrected: what was the answer is asked, what was asked is learned
  await page.getByLabel('prompt', { exact: true }).selectOption('answer');
  await page.getByLabel('completion', { exact: true }).selectOption('question');
  await expect(page.getByTestId('data-facts')).toContainText('prompt=answer, completion=question');
  expect(await violations(page)).toEqual([]);
  expect([broken(), abroad()]).toEqual([[], []]);
});

test('what cannot be read is said with its cure, and the page stays usable', async ({ page }) => {
  await bench(page, null);
  const fault = page.getByTestId('data-fault');
  const give = (name: string, text: string) =>
    page.getByTestId('data-files').setInputFiles({ name, mimeType: 'text/plain', buffer: Buffer.from(text) });
  await give('broken.jsonl', '{"prompt":"a","completion":"b"}\n{oops\n');
  await expect(fault).toContainText('row 2');
  await expect(fault).not.toContainText('--');
  await page.getByRole('button', { name: 'Leave unsound rows out' }).click();
  await expect(page.getByTestId('data-facts')).toContainText('1 unsound row left out');
  await give('odd.csv', 'x,y\n1,2\n');
  await expect(fault).toContainText('“Columns”');
  await page.getByLabel('prompt', { exact: true }).selectOption('x');
  await page.getByLabel('completion', { exact: true }).selectOption('y');
  await expect(page.getByTestId('data-facts')).toBeVisible();
  await page.getByTestId('data-files').setInputFiles('test/fixtures/data/types.parquet'); // its reader is loaded only now
  await page.getByLabel('text', { exact: true }).selectOption('d16');
  await page.getByRole('button', { name: 'Leave unsound rows out' }).click();
  await expect(page.getByTestId('rows')).toContainText('1234567890123456789012345678.0123456789');
  await give('song.mp3', 'x');
  await expect(page.getByTestId('refused')).toContainText('neither a model nor data');
  const torch = at('torch');
  mkdirSync(torch);
  cpSync(`${model}/config.json`, `${torch}/config.json`);
  writeFileSync(`${torch}/pytorch_model.bin`, 'x');
  await page.getByTestId('model-folder').setInputFiles(torch);
  await expect(page.getByTestId('model-fault')).toContainText('convert pytorch_model.bin to safetensors');
  const strange = writeModel(at('strange'), { model_type: 'mamba' });
  await page.getByTestId('model-folder').setInputFiles(strange);
  await expect(page.getByTestId('model-fault')).toContainText('mamba');
  await page.getByTestId('model-built-in').click();
  await expect(page.getByTestId('model-facts')).toContainText('453');
  await page.getByText('Paste rows').click();
  await page.getByLabel('Rows, pasted').fill('prompt,completion\nThe owl, the fox,x\n');
  await expect(page.getByLabel('Read as')).toHaveValue('csv');
  await page.getByLabel('Rows, pasted').fill('The owl can sing.\nThe fox can not.');
  await page.getByRole('button', { name: 'Use these rows' }).click();
  await expect(page.getByTestId('data-facts')).toContainText('2 rows of text');
});

test('what is chosen in vain takes nothing away, and of two choices the last one counts', async ({ page }) => {
  await bench(page);
  await page.getByTestId('data-files').setInputFiles({ name: 'none.jsonl', mimeType: 'text/plain', buffer: Buffer.from('') });
  await expect(page.getByTestId('refused')).toContainText('got an empty file');
  await expect(page.getByTestId('data-facts')).toContainText('rows.jsonl');
  await page.getByTestId('model-folder').setInputFiles(writeModel(at('other'), { model_type: 'mamba' }));
  await expect(page.getByTestId('model-fault')).toContainText('mamba');
  await expect(page.getByTestId('model-facts')).toContainText('Tiny model');
  await expect(page.getByTestId('own-start')).toBeEnabled();

  await page.route('**/task/train.jsonl', async (route) => {
    await page.waitForTimeout(1500);
    await route.continue();
  });
  const late = page.waitForResponse('**/task/train.jsonl');
  await page.getByTestId('data-built-in').click();
  await page.getByTestId('data-files').setInputFiles(rows);
  await late;
  await page.waitForTimeout(700); // it would be read by now
  await expect(page.getByTestId('data-facts')).toContainText('rows.jsonl');
});

test('a model by its address is read from there, and from nowhere else; it is kept, opened without its server, and deleted', async ({
  page,
}) => {
  const abroad = strangers(page);
  const server = 'https://models.example/**';
  await page.route(server, (route) => {
    const path = join(model, new URL(route.request().url()).pathname.replace('/tiny/', ''));
    const headers = { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*' };
    return existsSync(path) ? route.fulfill({ path, headers }) : route.fulfill({ status: 404, headers });
  });
  await page.goto('./#own');
  const address = page.getByLabel('Hub name or address');
  await address.fill('https://models.example/none/');
  await page.getByRole('button', { name: 'Open' }).click();
  await expect(page.getByTestId('model-fault')).toContainText('https://models.example/none/');
  await address.fill('https://models.example/tiny/');
  await page.getByRole('button', { name: 'Open' }).click();
  await expect(page.getByTestId('model-facts')).toContainText('llama, 2 layers');
  expect(abroad().length).toBeGreaterThan(0);
  expect(abroad().filter((url) => !url.startsWith('https://models.example/'))).toEqual([]);

  await page.unroute(server);
  await page.route(server, (route) => route.abort());
  await page.reload();
  const kept = page.getByTestId('kept-models');
  const size = statSync(join(model, 'model.safetensors')).size;
  await expect(kept.locator('li')).toHaveCount(1, { timeout: 30_000 });
  expect(Number(/([\d.]+).KB/.exec((await kept.textContent())!)![1])).toBeGreaterThanOrEqual(Math.floor(size / 1000));
  await kept.getByRole('button', { name: /^Open/ }).click();
  await expect(page.getByTestId('model-facts')).toContainText('llama, 2 layers');
  await expect(kept.getByRole('button', { name: /^Delete/ })).toBeDisabled(); // it is read from there
  await page.getByTestId('model-built-in').click();
  await expect(page.getByTestId('model-facts')).toContainText('453');
  await kept.getByRole('button', { name: /^Delete/ }).click();
  await expect(kept).toHaveCount(0);
});

test.describe('dark', () => {
  test.use({ colorScheme: 'dark' });
  for (const width of [360, 1920])
    test(`fits ${width} pixels, and axe finds nothing serious`, async ({ page }) => {
      await page.setViewportSize({ width, height: 900 });
      await bench(page);
      await expect(page.getByTestId('plan')).toBeVisible();
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      expect(await violations(page)).toEqual([]);
    });
});
