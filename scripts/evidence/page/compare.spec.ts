// All methods at one size, for as long as the first takes: no other takes longer than that and a step, and all answer the same prompts.
import { expect, test } from '@playwright/test';
import { bench } from '../../../test/e2e/keeping.ts';

test('the others have as long as the first takes', async ({ page }) => {
  await bench(page);
  await page.getByLabel('Steps', { exact: true }).fill('60');
  await page.getByLabel('Prompts to ask').fill('1');
  await page.getByTestId('own-start').click();
  const status = page.getByTestId('own-status');
  await expect(status).toHaveText(/^Done/, { timeout: 300_000 });
  await page.getByTestId('compare-time').click();
  await expect(status).not.toHaveText(/^Done/);
  await expect(page.getByTestId('compare-time')).toBeEnabled({ timeout: 500_000 });
  await expect(page.getByTestId('runs')).not.toContainText('more to come');
  await expect(status).toHaveText(/^Done/);

  const lines = await page.getByTestId('runs').locator('table.runs tbody tr').allInnerTexts();
  console.log(lines.map((line) => line.replace(/\s+/g, ' ')).join('\n'));
  const compared = lines.slice(1);
  expect(compared.length).toBeGreaterThan(2);
  expect(compared.every((line) => line.includes('in the same time'))).toBe(true);
  const seconds = compared.map((line) => Number(/([\d.]+)\s*s\s*$/.exec(line.trim())![1]));
  for (const time of seconds.slice(1)) expect(Math.abs(time - seconds[0])).toBeLessThan(0.25 * seconds[0] + 0.5);
  await expect(page.getByTestId('side-by-side').locator('thead th')).toHaveCount(2 + lines.length);
  await page.getByTestId('runs').screenshot({ path: 'out/page/runs.png' });
});
