// A run on the page outlives the page: it goes on from the browser's own file system to the bytes of a run left alone. Lost GPUs and
// full quotas are evidence (scripts/evidence/page/kept.spec.ts).
import { expect, test } from '@playwright/test';
import { faults } from './helpers.ts';
import { begin, bench, free, hold, points, resultOf, STEPS } from './keeping.ts';

test.afterAll(free);

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
  await page.reload();
  const offer = page.getByTestId('unfinished');
  await expect(offer).toContainText(`Tiny model on rows.jsonl is kept in this browser, as it was at step ${step}`, {
    timeout: 30_000,
  });
  await page.getByTestId('go-on').click();
  expect(await resultOf(page)).toEqual(whole);
  expect(await points(page)).toBe(STEPS - step);
  await expect(offer).toHaveCount(0);
  await page.reload(); // its result was taken: there is nothing left to go on with
  await expect(page.getByTestId('adapter')).not.toHaveText(/looking/);
  await page.waitForTimeout(500);
  await expect(offer).toHaveCount(0);
  expect(broken()).toEqual([]);
});
