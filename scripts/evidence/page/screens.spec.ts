// Walks both ways in, in both themes and three widths: a picture of every part, and what must hold of each.
import { expect, type Page, test } from '@playwright/test';
import { violations } from '../../../test/e2e/helpers.ts';
import { traceTasks } from './tasks.ts';

const OUT = 'out/page';
/** Parts that are not drawn yet where they have nothing to show. */
const PARTS = ['model', 'data', 'tokens', 'recipe', 'plan', 'blocks', 'run', 'own-loss', 'own-answers', 'take-home', 'talk'];
/** A task of the main thread that works longer than this would be felt. */
const LONG_MS = 50;
/** Of what is seen, times how far: a tenth of what Web Vitals call good. */
const MOST_SHIFT = 0.01;

for (const colorScheme of ['light', 'dark'] as const)
  for (const width of [360, 1280, 1920])
    test.describe(`${colorScheme}, ${width} pixels`, () => {
      test.use({ colorScheme, viewport: { width, height: 900 } });
      /** These are the pictures of the README. */
      const ofReadme = colorScheme === 'light' && width === 1280;
      const name = (part: string) => `${OUT}/${part}-${colorScheme}-${width}.png`;

      async function shown(page: Page, screen: string): Promise<void> {
        for (const map of await page.locator('.map canvas').all())
          await expect(map).toHaveAttribute('data-frames', /\d/, { timeout: 60_000 });
        await page.screenshot({ path: name(screen), fullPage: true });
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
        expect(await violations(page)).toEqual([]);
      }

      test('the built-in task', async ({ page }) => {
        await page.goto(ofReadme ? './' : './?steps=24&warmup=3&eval=2');
        await expect(page.getByTestId('start')).toBeEnabled({ timeout: 60_000 });
        await shown(page, 'built-in');
        await page.getByTestId('start').click();
        await expect(page.getByTestId('summary')).toBeVisible({ timeout: 540_000 });
        await shown(page, 'built-in-done');
        if (ofReadme) await page.screenshot({ path: 'docs/page.png', fullPage: true, clip: await around(page, 'main') });
      });

      test('one’s own model and data', async ({ page, browser }) => {
        await watch(page);
        await page.goto('./#own');
        await expect(page.getByTestId('adapter')).not.toHaveText(/looking/);
        await shown(page, 'own');
        await prepare(page);
        await shown(page, 'own-ready');
        await page.getByTestId('own-start').click();
        const chart = page.locator('[data-testid="own-loss"] .chart');
        await expect.poll(async () => Number(await chart.getAttribute('data-points')), { timeout: 300_000 }).toBeGreaterThan(2);
        await restart(page); // of what is measured: panels have come, and from here on nothing may move
        const tasks = await traceTasks(browser, page);
        const asks = () => /Ask again/.test(document.querySelector('[data-testid="own-status"]')!.textContent!);
        await page.waitForFunction(asks, undefined, { timeout: 300_000, polling: 'raf' }); // it may be over in half a second
        const { shift, moved } = await measured(page);
        const [busiest, ...less] = await tasks();
        const told = `of ${less.length + 1} tasks the busiest ${busiest.busy.toFixed(0)} ms, by the clock ${busiest.took.toFixed(0)}`;
        console.log(`${colorScheme} ${width}: layout shift ${shift.toFixed(4)}, ${told}`);
        expect(shift, moved.join('\n')).toBeLessThan(MOST_SHIFT);
        expect(less.length).toBeGreaterThan(100);
        expect(busiest.busy).toBeLessThan(LONG_MS);
        await expect(page.getByTestId('own-status')).toHaveText(/^Done/, { timeout: 300_000 });
        await page.getByTestId('make-result').click();
        await expect(page.getByTestId('take-home').getByRole('link').first()).toBeVisible();
        await shown(page, 'own-done');
        if (ofReadme) await page.getByTestId('tokens').screenshot({ path: 'docs/page-rows.png' });
        if (ofReadme) await page.locator('.pair').screenshot({ path: 'docs/page-recipe.png' });
        for (const part of PARTS) await page.getByTestId(part).screenshot({ path: name(part) });
      });
    });

/** Where an element lies on the page, with a margin. */
async function around(page: Page, selector: string, margin = 16) {
  const { x, y, width, height } = (await page.locator(selector).boundingBox())!;
  return { x: x - margin, y: y - margin, width: width + 2 * margin, height: height + 2 * margin };
}

/** The built-in model and task as one's own, and a short recipe that learns something. */
async function prepare(page: Page): Promise<void> {
  await page.getByTestId('model-built-in').click();
  await page.getByTestId('data-built-in').click();
  await expect(page.getByTestId('rows').locator('li').first()).toBeVisible({ timeout: 60_000 });
  await page.getByLabel('Budget').fill('5%t');
  await page.getByLabel('Matrices that may train').fill('all');
  await page.getByLabel('Learning rate', { exact: true }).fill('5e-3');
  await page.getByLabel('Steps', { exact: true }).fill('40');
  await page.getByLabel('Rows a micro-batch').fill('16');
  await page.getByText('All settings', { exact: true }).click();
  await page.getByLabel('Micro-batches of the warm-up').fill('4');
  await page.getByLabel('Steps between evaluations').fill('10');
  await page.getByText('All settings', { exact: true }).click();
  await expect(page.getByTestId('own-start')).toBeEnabled({ timeout: 60_000 });
}

const watch = (page: Page) =>
  page.addInitScript(() => {
    const seen = { shift: 0, moved: [] as string[] };
    Object.assign(globalThis, { seen });
    const named = (node: Element) => {
      const part = node.closest('[data-testid]')?.getAttribute('data-testid');
      return `${part ?? ''} ${node.nodeName}.${node.className}`;
    };
    const how = ({ node, previousRect: a, currentRect: b }: any) =>
      `${node ? named(node.nodeType === 1 ? node : node.parentElement) : 'what is gone'} from ${a.top}, ${a.height} high, to ${b.top}, ${b.height} high`;
    new PerformanceObserver((list) => {
      for (const e of list.getEntries() as any[]) {
        if (e.hadRecentInput) continue;
        seen.shift += e.value;
        seen.moved.push(`${e.value.toFixed(4)}: ${e.sources.map(how).join('; ')}`);
      }
    }).observe({ type: 'layout-shift', buffered: true });
  });
const restart = (page: Page) => page.evaluate(() => Object.assign((globalThis as any).seen, { shift: 0, moved: [] }));
const measured = (page: Page): Promise<{ shift: number; moved: string[] }> => page.evaluate(() => (globalThis as any).seen);
