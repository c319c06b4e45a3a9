// A model of the web is kept in the browser: what broke off is gone on with while its server says that it is the same, and begun anew
// where it is another; without room it is read from its server, and that is said.
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import { newFolder, writeModel } from '../../../test/cli/tiny.ts';

const OUT = 'out/page';
const PIECE = 2 ** 22;
const LARGE = { hidden_size: 256, intermediate_size: 1024, num_hidden_layers: 4, num_attention_heads: 4, head_dim: 64 };
const { at, free } = newFolder();
const model = writeModel(at('Large'), { ...LARGE, num_key_value_heads: 4 });
const weights = readFileSync(join(model, 'model.safetensors'));

/** What the server says of its files, how far it sends the weights, and what it was asked of them. */
const says = { etag: '"one"', until: weights.length };
let asked: [from: number, to: number][] = [];
const server = createServer((request, answer) => {
  const file = join(model, request.url!.slice(1));
  answer.setHeader('access-control-allow-origin', '*');
  answer.setHeader('access-control-expose-headers', 'etag, content-range');
  if (!existsSync(file)) return answer.writeHead(404).end();
  const bytes = readFileSync(file);
  const [from, last] = /(\d+)-(\d+)/.exec(request.headers.range!)!.slice(1).map(Number);
  const to = Math.min(last, bytes.length - 1);
  const ofWeights = file.endsWith('.safetensors');
  if (ofWeights) asked.push([from, to]);
  answer.writeHead(206, {
    etag: says.etag,
    'content-range': `bytes ${from}-${to}/${bytes.length}`,
    'content-length': to + 1 - from,
  });
  const end = ofWeights ? Math.min(to + 1, says.until) : to + 1;
  if (end <= to) return answer.write(bytes.subarray(from, Math.max(from, end)), () => answer.destroy());
  return answer.end(bytes.subarray(from, end));
});

test.beforeAll(() => new Promise<void>((done) => server.listen(0, '127.0.0.1', done)));
test.afterAll(() => {
  server.close();
  free();
});

/** Opens the model by its address, in a page loaded anew. */
async function open(page: Page): Promise<void> {
  asked = [];
  await page.goto('./#own');
  await page.reload();
  await expect(page.getByTestId('adapter')).not.toHaveText(/looking/);
  await page.getByLabel('Hub name or address').fill(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await page.getByRole('button', { name: 'Open', exact: true }).click();
}

/** Where the first bytes lie that were asked for beside those that say what the file is. */
const beyondHead = () => asked.find(([from]) => from > 0)?.[0];

const facts = (page: Page) => page.getByTestId('model-facts');
const kept = (page: Page) => page.getByTestId('kept-models');

test('what broke off is gone on with, and begun anew where it is another version', async ({ page }) => {
  expect(weights.length).toBeGreaterThan(3 * PIECE);
  says.until = 2.5 * PIECE;
  await open(page);
  await expect(page.getByTestId('model-fault')).toContainText('check the network', { timeout: 60_000 });
  await expect(kept(page)).toContainText('not whole yet');
  for (const colorScheme of ['light', 'dark'] as const)
    for (const width of [360, 1280]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      await page.getByTestId('model').screenshot({ path: `${OUT}/kept-models-${colorScheme}-${width}.png` });
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    }

  says.until = weights.length;
  await open(page);
  await expect(facts(page)).toBeVisible({ timeout: 60_000 });
  expect(beyondHead()).toBe(2 * PIECE);

  await open(page);
  await expect(facts(page)).toBeVisible({ timeout: 60_000 });
  expect(asked.every(([, to]) => to < 2 ** 16)).toBe(true); // all of it is there

  [says.etag, says.until] = ['"two"', 2.5 * PIECE];
  await open(page);
  await expect(page.getByTestId('model-fault')).toContainText('check the network', { timeout: 60_000 });
  says.until = weights.length;
  await open(page);
  await expect(facts(page)).toBeVisible({ timeout: 60_000 });
  expect(beyondHead()).toBe(2 * PIECE); // of the second version, whose first pieces came before
});

test('without room it is read from its server, and that is said', async ({ page, context }) => {
  await page.goto('./#own');
  const session = await context.newCDPSession(page);
  await session.send('Storage.overrideQuotaForOrigin', { origin: new URL(page.url()).origin, quotaSize: 6e6 });
  await open(page);
  await expect(facts(page)).toContainText('model.safetensors is not kept in this browser', { timeout: 60_000 });
});
