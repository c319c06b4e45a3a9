// A run on the page outlives its GPU and a full quota, with the bytes of a run left alone.
import { test as base, expect, type Page } from '@playwright/test';
import { blocktune } from '../../../test/cli/tiny.ts';
import { violations } from '../../../test/e2e/helpers.ts';
import { at, begin, bench, goesOn, hold, killGpu, model, release, resultOf, rows, STEPS } from '../../../test/e2e/keeping.ts';

const OUT = 'out/page';

/** In a browser of its own each: Chromium counts how often its GPU process died. */
const test = base.extend({
  context: async ({ playwright, launchOptions, baseURL }, use) => {
    const browser = await playwright.chromium.launch(launchOptions);
    await use(await browser.newContext({ baseURL }));
    await browser.close();
  },
});

let whole: Record<string, string>;
test.beforeAll(async ({ browser }) => {
  const page = await browser.newPage();
  await bench(page);
  await page.getByTestId('own-start').click();
  whole = await resultOf(page, at('result'));
  await page.close();
});

test('the receipt that a run leaves is replayed to the bit by the command line', async () => {
  const ran = await blocktune([
    ...['replay', at('result/receipt.json'), '--model', model, '--data', rows],
    ...['--runtime', 'chrome', '--json'],
  ]);
  expect(ran.lines.at(-1)).toMatchObject({ kind: 'replay', equal: true, steps: STEPS });
});

const warning = (page: Page, words: string) => page.getByTestId('run-warning').filter({ hasText: words });

test('its GPU process killed: it goes on to the same bytes', async ({ page, context }) => {
  await begin(page);
  await hold(page);
  await killGpu(context);
  await release(page);
  await expect(warning(page, 'It is opened again')).toBeVisible({ timeout: 60_000 });
  expect(await resultOf(page)).toEqual(whole);
});

// after a second loss within two minutes Chromium offers no adapter for two more, or until the page is loaded anew by hand
for (const how of ['waited for', 'loaded anew'])
  test(`its GPU process killed twice, then ${how}: it goes on to the same bytes`, async ({ page, context }) => {
    await begin(page);
    await hold(page);
    await killGpu(context);
    await release(page);
    await expect(warning(page, 'It is opened again')).toBeVisible({ timeout: 60_000 });
    await goesOn(page);
    const step = await hold(page);
    await killGpu(context);
    await release(page);
    await expect(warning(page, 'Reload this page to have it at once')).toBeVisible({ timeout: 60_000 });
    await page.screenshot({ path: `${OUT}/own-withheld.png`, fullPage: true });
    if (how === 'loaded anew') {
      await page.reload();
      await expect(page.getByTestId('unfinished')).toContainText(`as it was at step ${step}`, { timeout: 30_000 });
      for (const colorScheme of ['light', 'dark'] as const)
        for (const width of [360, 1280]) {
          await page.emulateMedia({ colorScheme });
          await page.setViewportSize({ width, height: 900 });
          await page.screenshot({ path: `${OUT}/own-offer-${colorScheme}-${width}.png` });
          expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
          expect(await violations(page)).toEqual([]);
        }
      await page.getByTestId('go-on').click();
    }
    expect(await resultOf(page)).toEqual(whole);
  });

test('no room in the browser: it is said, the run goes on, and is saved once there is room', async ({ page, context }) => {
  await begin(page);
  const before = await hold(page);
  const session = await context.newCDPSession(page);
  const { origin } = new URL(page.url());
  const quota = (quotaSize?: number) => session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize });
  await quota(1000);
  await release(page);
  await goesOn(page);
  await hold(page);
  await expect(warning(page, 'No room in the browser for the checkpoint of step')).toContainText(
    `step-${String(before).padStart(8, '0')} stays`,
  );
  await page.screenshot({ path: `${OUT}/own-no-room.png`, fullPage: true });
  await quota();
  await release(page);
  await goesOn(page);
  await hold(page);
  await expect(warning(page, 'There is room again: the checkpoint of step')).toBeVisible();
  await release(page);
  expect(await resultOf(page)).toEqual(whole);
});
