// How fast a run goes in a tab that is hidden, in turn with one that is shown; how soon it begins; and that the page stays free meanwhile.
import { expect, type Page, test } from '@playwright/test';
import { openBrowser } from './tabs.ts';

const PHASE_MS = 15_000;
const TURNS = 3;

test('a hidden tab trains at 0.9 of its speed or more', async ({ baseURL, launchOptions }) => {
  const browser = openBrowser(launchOptions.executablePath!);
  try {
    const run = await browser.tab(`${baseURL}/?steps=100000&warmup=1&eval=1`);
    const other = await browser.tab('about:blank');
    await run.show();
    const until = async (expression: string) => {
      await expect.poll(() => run.value<boolean>(expression).catch(() => false), { timeout: 120_000 }).toBe(true);
    };
    await until(`document.querySelector('[data-testid=start]')?.disabled === false`);
    await run.value(`document.querySelector('[data-testid=start]').click()`);
    const points = () => run.value<number>(`Number(document.querySelector('.chart')?.dataset.points ?? 0)`);
    await until(`Number(document.querySelector('.chart')?.dataset.points ?? 0) > 10`);
    const steps = { visible: 0, hidden: 0 };
    for (let turn = 0; turn < TURNS; turn++)
      for (const [state, tab] of [
        ['visible', run],
        ['hidden', other],
      ] as const) {
        await tab.show();
        await until(`document.visibilityState === '${state}'`);
        const from = await points();
        await new Promise((done) => setTimeout(done, PHASE_MS));
        steps[state] += (await points()) - from;
      }
    console.log(`steps in ${(TURNS * PHASE_MS) / 1000} s each: ${JSON.stringify(steps)}`);
    expect(steps.hidden).toBeGreaterThanOrEqual(0.9 * steps.visible);
  } finally {
    await browser.close();
  }
});

const START = '[data-testid=start]';

/** Presses the button as soon as it can be, and answers ms from the first paint to the first step, and tasks over 50 ms in training. */
async function begun(page: Page): Promise<{ ms: number; long: number[] }> {
  await page.addInitScript((start) => {
    const seen = { long: [] as number[], first: 0 };
    Object.assign(globalThis, { seen });
    new PerformanceObserver((list) => {
      for (const e of list.getEntries()) if (seen.first) seen.long.push(Math.round(e.duration));
    }).observe({ type: 'longtask' });
    const timer = setInterval(() => {
      const button = document.querySelector<HTMLButtonElement>(start);
      if (button && !button.disabled && button.textContent?.startsWith('Fine-tune the')) button.click();
      if (Number(document.querySelector<HTMLElement>('.chart')?.dataset.points ?? 0) < 1) return;
      seen.first = performance.now();
      clearInterval(timer);
    }, 5);
  }, START);
  await page.goto('./?steps=200&warmup=1&eval=1');
  await expect.poll(() => page.evaluate(() => (globalThis as any).seen.first), { timeout: 120_000 }).toBeGreaterThan(0);
  await expect
    .poll(async () => Number(await page.locator('.chart').getAttribute('data-points')), { timeout: 120_000 })
    .toBeGreaterThan(100);
  return page.evaluate(() => {
    const { first, long } = (globalThis as any).seen;
    return { ms: first - performance.getEntriesByName('first-paint')[0].startTime, long };
  });
}

test('once cached the built-in model trains within 5 s of the first paint, and no task of the page takes 50 ms meanwhile', async ({
  page,
}) => {
  await begun(page);
  const { ms, long } = await begun(page);
  console.log(`first paint to first step: ${Math.round(ms)} ms; tasks over 50 ms in training: ${JSON.stringify(long)}`);
  expect(long).toEqual([]);
  expect(ms).toBeLessThan(5000);
});
