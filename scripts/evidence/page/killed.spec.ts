// The whole browser killed (SIGKILL, every process of it) at random moments of a run on the page: before anything is saved, while it is
// saved, and while it trains on behind that. Opened again on the same profile it goes on to the bytes of a run left alone, or where
// nothing had been saved it begins anew; and nothing half written stays. KILLS: how many (20). SEED: of the moments.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, test as base, expect, type Page } from '@playwright/test';
import { below, random } from '../../../src/random.ts';
import { begin, bench, goesOn, hold, points, release, resultOf, start } from '../../../test/e2e/keeping.ts';

const KILLS = Number(process.env.KILLS ?? 20);
const SEED = Number(process.env.SEED ?? 20261126);
const MOMENTS = ['before it is saved', 'while it is saved', 'behind what is saved', 'while it is saved again'] as const;

type Moment = (typeof MOMENTS)[number];
type Open = () => Promise<{ context: BrowserContext; page: Page }>;

/** A profile of its own each, and a way to open a browser on it. */
const test = base.extend<{ profile: string; open: Open }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright wants a pattern
  profile: async ({}, use) => {
    const profile = mkdtempSync(join(tmpdir(), 'blocktune-profile-'));
    await use(profile);
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  },
  open: async ({ profile, playwright, launchOptions, baseURL }, use, info) => {
    let last: BrowserContext | undefined;
    await use(async () => {
      // left by the one that was killed
      for (const name of readdirSync(profile)) if (name.startsWith('Singleton')) rmSync(join(profile, name), { force: true });
      last = await playwright.chromium.launchPersistentContext(profile, { ...launchOptions, baseURL });
      return { context: last, page: last.pages()[0] ?? (await last.newPage()) };
    });
    if (info.status !== info.expectedStatus) console.log(await last?.pages()[0]?.locator('main').textContent().catch(String));
    await last?.close();
  },
});

let whole: Record<string, string>;
test.beforeAll(async ({ browser }) => {
  const page = await browser.newPage();
  await bench(page);
  await start(page);
  whole = await resultOf(page);
  await page.close();
});

const next = random(SEED);
/** What the run had before it was killed, and how long after that it was. */
const kills = Array.from({ length: KILLS }, (_, k) => ({ k, moment: MOMENTS[k % MOMENTS.length], ms: below(400, next) }));

for (const { k, moment, ms } of kills)
  test(`kill ${k}: ${ms} ms after it stood ${moment}`, async ({ profile, open }) => {
    const first = await open();
    const saved = await reach(first.page, moment);
    await first.page.waitForTimeout(ms);
    kill(profile);
    await first.context.close().catch(() => {});

    const { page } = await open();
    await page.goto('./#own');
    const offer = page.getByTestId('unfinished');
    await expect(page.getByTestId('adapter')).not.toHaveText(/looking/, { timeout: 30_000 });
    if (saved !== null) await expect(offer).toContainText('as it was at step', { timeout: 30_000 });
    else await page.waitForTimeout(2000); // it is looked for
    const offered = saved !== null || (await offer.isVisible());
    if (offered) {
      if (saved !== null) expect(stepIn((await offer.textContent())!)).toBeGreaterThanOrEqual(saved);
      await page.getByTestId('go-on').click();
    } else {
      await bench(page);
      await start(page);
    }
    expect(await resultOf(page)).toEqual(whole);
    expect(await halfWritten(page)).toEqual([]);
    console.log(JSON.stringify({ moment, ms, saved, goneOn: offered }));
  });

/** Brings a run to a moment. Answers the step that is surely saved, or null. */
async function reach(page: Page, moment: Moment): Promise<number | null> {
  await begin(page);
  if (moment === 'before it is saved') return null;
  if (moment === 'while it is saved') {
    await page.getByTestId('own-pause').click();
    return null;
  }
  const step = await hold(page);
  await release(page);
  await goesOn(page);
  if (moment === 'while it is saved again') await page.getByTestId('own-pause').click();
  expect(await points(page)).toBeGreaterThan(step);
  return step;
}

const stepIn = (text: string) => Number(/at step (\d+)/.exec(text)![1]);

/** Kills every process of the browser that has this profile: its own group. */
function kill(profile: string): void {
  const own = readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, 'utf8');
      return words.includes(`--user-data-dir=${profile}`) && !words.includes('--type=');
    } catch {
      return false; // it has ended
    }
  });
  expect(own).toHaveLength(1);
  process.kill(-Number(own[0]), 'SIGKILL');
}

/** Files in the browser's own file system that are not whole. */
function halfWritten(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const found: string[] = [];
    const look = async (folder: FileSystemDirectoryHandle, path: string): Promise<void> => {
      for await (const [name, handle] of (
        folder as unknown as { entries(): AsyncIterable<[string, FileSystemHandle]> }
      ).entries())
        if (handle.kind === 'directory') await look(handle as FileSystemDirectoryHandle, `${path}${name}/`);
        else if (/partial|crswap/.test(name)) found.push(path + name);
    };
    await look(await navigator.storage.getDirectory(), '');
    return found;
  });
}
