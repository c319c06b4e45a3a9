// A run on the page outlives the page: it goes on from the browser's own file system to the bytes of a run left alone. Lost GPUs and
// full quotas are evidence (scripts/evidence/page/kept.spec.ts).
import { expect, type Page, test } from '@playwright/test';
import { arrives, faults } from './helpers.ts';
import { begin, bench, hold, points, resultOf, STEPS, sumsOf } from './keeping.ts';

test('held and loaded anew it offers itself, and goes on to the bytes of one left alone', async ({ page, browser }) => {
  const other = await browser.newContext();
  const alone = await other.newPage();
  await bench(alone);
  await alone.getByTestId('own-start').click();
  const whole = await resultOf(alone);
  await other.close();

  const broken = faults(page);
  await begin(page);
  const step = await hold(page);
  const first = await page.getByTestId('loss-first').textContent();
  await page.reload();
  const offer = page.getByTestId('unfinished');
  await expect(offer).toContainText(`Tiny model on rows.jsonl is kept in this browser, as it was at step ${step}`, {
    timeout: 30_000,
  });
  await page.getByTestId('go-on').click();
  expect(await resultOf(page)).toEqual(whole);
  expect(await points(page)).toBe(STEPS); // of the whole run
  expect(await page.getByTestId('loss-first').textContent()).toBe(first);
  await expect(offer).toHaveCount(0);
  await page.reload(); // its result was taken: there is nothing left to go on with
  await expect(page.getByTestId('adapter')).not.toHaveText(/looking/);
  await page.waitForTimeout(500);
  await expect(offer).toHaveCount(0);
  expect(broken()).toEqual([]);
});

test('so does the built-in task, stopped and loaded anew', async ({ page, browser }) => {
  const task = './?steps=24&warmup=1&eval=1';
  const open = async (p: Page) => {
    await p.goto(task);
    await expect(p.getByTestId('start')).toBeEnabled({ timeout: 30_000 });
  };
  const result = async (p: Page) => {
    await arrives(p, 'summary', 200_000);
    return sumsOf(p, p.getByTestId('adapter-panel').getByRole('link', { name: 'Download' }));
  };
  const other = await browser.newContext();
  const alone = await other.newPage();
  await open(alone);
  await alone.getByTestId('start').click();
  const whole = await result(alone);
  const losses = await Promise.all(['loss-first', 'loss-last'].map((which) => alone.getByTestId(which).textContent()));
  await other.close();

  const broken = faults(page);
  await open(page);
  await page.getByTestId('start').click();
  await arrives(page, 'loss-last', 60_000);
  await page.getByRole('button', { name: 'Stop' }).click();
  await expect(page.getByTestId('status')).toContainText('Stopped', { timeout: 30_000 });
  await open(page);
  const offer = page.getByTestId('unfinished');
  await expect(offer).toContainText(/is kept in this browser, as it was at step [1-9]/, { timeout: 30_000 });
  await page.getByTestId('go-on').click();
  expect(await result(page)).toEqual(whole);
  expect(await Promise.all(['loss-first', 'loss-last'].map((which) => page.getByTestId(which).textContent()))).toEqual(losses);
  await expect(page.locator('.chart')).toHaveAttribute('data-points', '24');
  await expect(offer).toHaveCount(0);
  expect(broken()).toEqual([]);
});
