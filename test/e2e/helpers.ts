// What the tests of the page share: what it complains of, where it asks, and what axe finds.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, type Page } from '@playwright/test';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Waits for a part of the page; trouble in its stead fails at once, with the page's own words. */
export async function arrives(page: Page, part: string, timeout: number): Promise<void> {
  const trouble = page.getByTestId('trouble');
  await expect(page.getByTestId(part).or(trouble)).toBeVisible({ timeout });
  expect(await trouble.allTextContents()).toEqual([]);
}

/** What the page complained of. */
export function faults(page: Page): () => string[] {
  const found: string[] = [];
  page.on('pageerror', (e) => found.push(e.message));
  page.on('console', (m) => m.type() === 'error' && found.push(m.text()));
  return () => found;
}

/** Addresses that the page asked of other hosts than its own. */
export function strangers(page: Page): () => string[] {
  const found: string[] = [];
  const own = /^(https?:\/\/localhost:\d+\/|data:|blob:)/;
  page.on('request', (r) => !own.test(r.url()) && found.push(r.url()));
  return () => found;
}

/** Serious and critical violations that axe finds, each with the elements it is about. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const found = await page.evaluate(() => (globalThis as any).axe.run(document, { resultTypes: ['violations'] }));
  return found.violations
    .filter((v: any) => ['serious', 'critical'].includes(v.impact))
    .map((v: any) => `${v.id}: ${v.nodes.map((n: any) => `${n.target} ${n.failureSummary.split('\n')[1] ?? ''}`).join('; ')}`);
}
