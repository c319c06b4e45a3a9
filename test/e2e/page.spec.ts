// The page as a person meets it: the adapter named, one button, a loss that falls, blocks on the map, answers, an adapter to keep.
import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { expect, type Page, test } from '@playwright/test';
import { BUILT } from '../../playwright.config.ts';
import { arrives, faults, strangers, violations } from './helpers.ts';

/** A run short enough for a software adapter, and long enough to learn the skill's beginnings. */
const SHORT = './?steps=48&warmup=4&eval=4';

test('one press fine-tunes the built-in model', async ({ page }) => {
  const broken = faults(page);
  const abroad = strangers(page);
  await page.goto(SHORT);
  await expect(page.getByTestId('adapter')).toHaveText(/\w{3,}/);
  const start = page.getByTestId('start');
  await expect(start).toBeEnabled({ timeout: 30_000 });
  await expect(page.getByTestId('adapter')).not.toHaveText(/looking|no GPU/);
  await expect(page.getByTestId('blocks').locator('canvas')).toHaveAttribute('data-blocks', '0');
  await start.click();

  await arrives(page, 'summary', 200_000);

  const loss = async (which: string) => Number(await page.getByTestId(which).textContent());
  expect(await page.locator('.chart').getAttribute('data-points')).toBe('48');
  expect(await loss('loss-last')).toBeLessThan(0.5 * (await loss('loss-first')));

  await expect(page.getByTestId('memory')).toContainText('agree to the byte');
  expect(Number(await page.getByTestId('blocks').locator('canvas').getAttribute('data-blocks'))).toBeGreaterThan(0);
  expect(await colours(page)).toBeGreaterThan(4); // plates alone have the plate, the grid and the text
  const map = page.getByTestId('blocks').locator('canvas');
  await expect(map).toHaveAttribute('data-scored', '1584'); // every block of the model
  await expect(map).toHaveAttribute('data-moved', (await map.getAttribute('data-blocks'))!);

  const answers = await page.getByTestId('tuned-answer').allTextContents();
  expect(answers.length).toBeGreaterThan(0);
  expect(answers.filter((text) => !/✓|✗/.test(text))).toEqual([]);
  await expect(page.getByTestId('skill-new')).toContainText('0 of 4 before');
  await expect(page.getByTestId('skill-new')).toContainText(/[1-4] of 4 after/);

  const { header, config } = await adapter(page);
  const stored = Object.keys(header).filter((name) => name.endsWith('.blocks'));
  expect(stored.length).toBeGreaterThan(0);
  expect(header[stored[0]].shape.slice(1)).toEqual([config.block, config.block]);
  expect(config.method).toBe('smt');
  const blocks = stored.reduce((n, name) => n + header[name].shape[0], 0);
  expect(String(blocks)).toBe(await page.getByTestId('blocks').locator('canvas').getAttribute('data-blocks'));

  await page.getByLabel('Your own prompt').fill('Make it a question: The dog can run.');
  await page.getByRole('button', { name: 'Ask' }).click();
  await expect(page.locator('.replies li')).toContainText(['Tuned'], { timeout: 30_000 });
  expect(await violations(page)).toEqual([]);

  await page.getByTestId('as-own').click(); // by the same recipe, with all that can be done there
  await expect(page.getByTestId('data-facts')).toContainText('1,600 rows', { timeout: 30_000 });
  await expect(page.getByLabel('Budget', { exact: true })).toHaveValue('5%t');
  await expect(page.getByLabel('Steps', { exact: true })).toHaveValue('48');
  await expect(page.getByTestId('own-start')).toBeEnabled();
  expect([broken(), abroad()]).toEqual([[], []]);
});

test('a run can be stopped, and another one started', async ({ page }) => {
  const broken = faults(page);
  await page.goto('./?steps=500&warmup=2&eval=1');
  await expect(page.getByTestId('start')).toBeEnabled({ timeout: 30_000 });
  await page.getByTestId('start').click();
  await arrives(page, 'loss-last', 60_000);
  await page.getByRole('button', { name: 'Stop' }).click();
  await expect(page.getByTestId('status')).toContainText('Stopped', { timeout: 30_000 });
  await expect(page.getByTestId('start')).toBeEnabled();
  const first = await page.getByTestId('loss-first').textContent();
  await page.getByTestId('start').click();
  await expect(page.getByTestId('loss-first')).toHaveCount(0);
  await expect(page.getByTestId('loss-first')).toHaveText(first!, { timeout: 60_000 }); // from the same base, with the same seed
  expect(broken()).toEqual([]);
});

test('keys move the map', async ({ page }) => {
  await page.goto(SHORT);
  const canvas = page.getByTestId('blocks').locator('canvas');
  await expect(canvas).toHaveAttribute('data-frames', /[1-9]/, { timeout: 30_000 });
  const shot = () => canvas.evaluate((c: HTMLCanvasElement) => c.toDataURL());
  const whole = await shot();
  await canvas.focus();
  for (const key of ['+', 'ArrowRight']) await page.keyboard.press(key);
  await expect.poll(shot).not.toBe(whole);
  await page.keyboard.press('0');
  await expect.poll(shot).toBe(whole);

  // a block under the pointer has its name, and the table all of them
  const { height } = (await canvas.boundingBox())!;
  for (let y = 4; y < height; y += 6) {
    await canvas.hover({ position: { x: 60, y } });
    if (/^Layer \d/.test((await page.getByTestId('map-caption').textContent())!)) break;
  }
  await expect(page.getByTestId('map-caption')).toHaveText(/^Layer \d, \w+_proj, block row \d+, column \d+/);
  await page.getByText('As a table').click();
  await expect(page.getByTestId('map-table').locator('tbody tr')).toHaveCount(4);
});

test('all of the page’s code, but what an export alone loads, is under 250 kB by brotli', () => {
  const assets = readdirSync(join(BUILT, 'assets')).filter(
    (name) => /\.(js|css)$/.test(name) && !/^(ort|onnx|export)/.test(name),
  );
  expect(assets.join(' ')).toMatch(/worker/);
  const files = ['index.html', ...assets.map((name) => join('assets', name))];
  const bytes = files.map((file) => brotliCompressSync(readFileSync(join(BUILT, file))).length);
  expect(bytes.reduce((a, b) => a + b)).toBeLessThan(250_000);
});

test('what is loaded before anything is done is under 250 kB by gzip', async ({ page }) => {
  const sizes: Record<string, number> = {};
  page.on('response', async (r) => {
    const name = new URL(r.url()).pathname;
    if (/\.(js|css|html)$|\/$/.test(name)) sizes[name] = gzipSync(await r.body()).length;
  });
  await page.goto('./#own');
  await expect(page.getByTestId('adapter')).not.toHaveText(/looking/, { timeout: 30_000 });
  const names = Object.keys(sizes).join(' ');
  expect(names).toMatch(/worker/);
  expect(names).not.toMatch(/uPlot|gguf|parquet/);
  expect(Object.values(sizes).reduce((a, b) => a + b)).toBeLessThan(250_000);
});

test('a wrong address is said in words', async ({ page }) => {
  await page.goto('./?steps=many');
  await expect(page.getByTestId('trouble')).toContainText('Expected ?steps= to be a whole number');
});

test('a model that is not there is said in words, and can be tried again', async ({ page }) => {
  await page.route('**/model/model.safetensors', (route) => route.fulfill({ status: 404 }));
  await page.goto(SHORT);
  await expect(page.getByTestId('trouble')).toContainText('Expected model.safetensors', { timeout: 30_000 });
  await page.unroute('**/model/model.safetensors');
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByTestId('start')).toBeEnabled({ timeout: 30_000 });
});

test('a browser without WebGPU is told how to turn it on', async ({ page }) => {
  await page.addInitScript(() => Object.defineProperty(Navigator.prototype, 'gpu', { get: () => undefined }));
  await page.goto(SHORT);
  await expect(page.getByTestId('trouble')).toContainText('chrome://flags/#enable-unsafe-webgpu');
  await expect(page.getByTestId('start')).toHaveCount(0);
});

test('the page fits a narrow screen', async ({ page }) => {
  await page.setViewportSize({ width: 360, height: 740 });
  await page.goto(SHORT);
  await expect(page.getByTestId('start')).toBeEnabled({ timeout: 30_000 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
});

test('a lost GPU is said in words, and the run goes on', async ({ page, browser }) => {
  await page.goto('./?steps=500&warmup=1&eval=1');
  await expect(page.getByTestId('start')).toBeEnabled({ timeout: 30_000 });
  await page.getByTestId('start').click();
  await arrives(page, 'loss-last', 60_000);
  const first = await page.getByTestId('loss-first').textContent();
  const points = async () => Number(await page.locator('.chart').getAttribute('data-points'));
  const before = await points();
  const chromium = await browser.newBrowserCDPSession();
  await chromium.send('Browser.crashGpuProcess').catch(() => {}); // the answer may be lost with it
  await expect(page.getByTestId('warning')).toContainText('the run starts from its beginning', { timeout: 30_000 }); // nothing was saved within its first minute
  await expect.poll(points, { timeout: 60_000 }).toBeGreaterThan(before + 20);
  expect(await page.getByTestId('loss-first').textContent()).toBe(first);
  expect(await page.getByTestId('trouble').count()).toBe(0);
});

/** Different colours on the map. */
function colours(page: Page): Promise<number> {
  return page
    .getByTestId('blocks')
    .locator('canvas')
    .evaluate(
      (c: HTMLCanvasElement) =>
        new Set(new Uint32Array(c.getContext('2d')!.getImageData(0, 0, c.width, c.height).data.buffer)).size,
    );
}

/** The two files of the adapter, downloaded: the header of the tensors and the config. */
async function adapter(page: Page): Promise<{ header: Record<string, { shape: number[] }>; config: any }> {
  const fetched: Record<string, Buffer> = {};
  for (const link of await page.getByTestId('adapter-panel').getByRole('link', { name: 'Download' }).all()) {
    const [download] = await Promise.all([page.waitForEvent('download'), link.click()]);
    fetched[download.suggestedFilename()] = await readFile(await download.path());
  }
  const tensors = fetched['adapter_model.safetensors'];
  const length = Number(tensors.readBigUInt64LE(0));
  const header = JSON.parse(tensors.subarray(8, 8 + length).toString());
  const ends = Object.values(header).map((t: any) => t.data_offsets?.[1] ?? 0);
  expect(tensors.length).toBe(8 + length + Math.max(...ends));
  return { header, config: JSON.parse(fetched['adapter_config.json'].toString()) };
}
