// Runs on a person's own model and data: a recipe that fits, blocks chosen, each method, held and stopped.
import { readFileSync } from 'node:fs';
import { expect, type Page, test } from '@playwright/test';
import { faults, strangers, violations } from './helpers.ts';
import { bench } from './own.ts';

test('each method trains, and its result can be taken home', async ({ page }) => {
  test.slow();
  const broken = faults(page);
  const abroad = strangers(page);
  await bench(page);
  await page.getByLabel('Steps', { exact: true }).fill('4');
  await page.getByLabel('Prompts to ask').fill('1');
  const methods = await page.locator('input[name="method"]').evaluateAll((all) => all.map((x) => (x as HTMLInputElement).value));
  expect(methods).toEqual(expect.arrayContaining(['smt', 'full', 'lora', 'dora', 'smt+lora', 'topk-layers']));
  for (const method of methods) {
    await page.locator(`input[name="method"][value="${method}"]`).check();
    const budget = page.getByLabel('Budget');
    if (await budget.isVisible()) await budget.fill('30%t');
    await expect(page.getByTestId('plan-figures')).toBeVisible();
    await expect(page.getByTestId('own-start')).toBeEnabled();
    await page.getByTestId('own-start').click();
    await expect(page.getByTestId('own-status')).not.toHaveText(/^Done/); // the run before
    await expect(page.getByTestId('own-status')).toHaveText(/^Done|ended early/, { timeout: 90_000 });
    await expect(page.getByTestId('own-status')).toHaveText(/^Done/);
    await expect(page.locator('[data-testid="own-loss"] .chart')).toHaveAttribute('data-points', '4');
    await expect(page.getByTestId('explained')).toHaveCount(method.startsWith('smt') ? 1 : 0);
    await expect(page.getByTestId('held-last')).toHaveText(/^\d+\.\d{3}$/);
    await page.getByTestId('make-result').click();
    await expect(page.getByTestId('take-home').getByRole('link').first()).toBeVisible();
    const names = await page.getByTestId('take-home').locator('.file').allTextContents();
    expect(names.join(' ')).toContain('.safetensors');
  }
  await expect(page.getByTestId('runs').locator('table.runs tbody tr')).toHaveCount(methods.length);
  const answers = page.getByTestId('side-by-side');
  await expect(answers.locator('thead th')).toHaveText(['Prompt', 'Base', ...methods.map((name, i) => `${i + 1}. ${name}`)]);
  await expect(answers.locator('tbody td .answer')).toHaveCount(methods.length + 1);
  expect(await violations(page)).toEqual([]);
  expect([broken(), abroad()]).toEqual([[], []]);
});

test('blocks are scored, chosen again as the budget is drawn, and trained as chosen', async ({ page }) => {
  const broken = faults(page);
  await bench(page);
  await page.getByLabel('Steps', { exact: true }).fill('3');
  await page.getByLabel('Prompts to ask').fill('0');
  await page.getByLabel('Budget', { exact: true }).fill('30%t');
  await page.getByTestId('score').click({ delay: 400 }); // under which the plan is made anew: the press counts
  const figures = page.getByTestId('choice');
  await expect(figures).toContainText('25 %', { timeout: 60_000 }); // four of sixteen blocks
  const map = page.getByTestId('blocks').locator('canvas');
  const before = Number(await map.getAttribute('data-blocks'));
  const slider = page.getByLabel('Budget, of the matrices that may train');
  await slider.fill('0'); // one block is the least
  await expect(map).toHaveAttribute('data-blocks', '1');
  await slider.fill('50');
  await expect.poll(async () => Number(await map.getAttribute('data-blocks'))).toBeGreaterThan(1.5 * before);
  await expect(figures).toContainText(`In common with the choice before, of ${before}`);
  await expect(page.getByLabel('Budget', { exact: true })).toHaveValue('63%t'); // the recipe says so too
  const chosen = await map.getAttribute('data-blocks');
  await expect(page.getByTestId('own-start')).toBeEnabled();
  await page.getByTestId('own-start').click();
  await expect(page.getByTestId('own-status')).toHaveText(/^Done/, { timeout: 90_000 });
  await expect(map).toHaveAttribute('data-moved', chosen!);
  await expect(page.getByTestId('run')).not.toContainText('Warm up'); // the scores were known
  const off = page.getByTestId('ablation').locator('.hint');
  await map.focus(); // by keys on the map
  await page.keyboard.press('.');
  await expect(page.getByTestId('map-caption')).toContainText(`1st of ${chosen} that train`);
  await page.keyboard.press('Enter');
  await expect(off).toContainText(`1 of ${chosen} blocks are off`);
  await expect(page.getByTestId('map-caption')).toContainText('switched off in Talk');
  await page.keyboard.press('Enter');
  await page.getByText('As a table').click(); // and by its table
  await page
    .getByTestId('map-table')
    .getByRole('button', { name: /blocks of layer 0/ })
    .first()
    .press('Enter');
  const block = page
    .getByTestId('map-blocks')
    .getByRole('button', { name: /^Row \d+, column \d+/ })
    .first();
  await block.press('Enter');
  await expect(block).toHaveAttribute('aria-pressed', 'true');
  await expect(off).toContainText(`1 of ${chosen} blocks are off`);
  await page.getByRole('button', { name: 'Layer 0', exact: true }).click();
  await page.getByLabel('Your own prompt').fill('The owl is here.');
  await page.getByRole('button', { name: 'Ask', exact: true }).dblclick(); // the second click is none on Stop
  await expect(page.getByTestId('without')).toHaveText(/held-out loss \d\.\d{4} with all, \d\.\d{4} without/, {
    timeout: 30_000,
  });
  expect(await violations(page)).toEqual([]);
  expect(broken()).toEqual([]);
});

test('an adapter that left the page answers there again, each token with its probability', async ({ page }) => {
  const broken = faults(page);
  await bench(page);
  await page.getByRole('radio', { name: /^lora$/ }).check();
  await page.getByLabel('Steps', { exact: true }).fill('3');
  await page.getByLabel('Prompts to ask').fill('0');
  await page.getByTestId('own-start').click();
  await expect(page.getByTestId('own-status')).toHaveText(/^Done/, { timeout: 90_000 });
  const ask = async () => {
    await page.getByLabel('Your own prompt').fill('The owl is here.');
    await page.getByRole('button', { name: 'Ask', exact: true }).click();
    const tuned = page.getByTestId('talk').locator('.replies li').first().locator('p').nth(2);
    const tokens = tuned.locator('[data-p]');
    await expect(tokens.first()).toHaveAttribute('data-p', /^\d+\.\d %$/, { timeout: 30_000 });
    return [await tuned.textContent(), await tokens.evaluateAll((all) => all.map((x) => (x as HTMLElement).dataset.p))] as const;
  };
  const [text, chances] = await ask();
  expect(text).toMatch(/^Tuned ./);

  await page.getByTestId('make-result').click();
  const links = page.getByTestId('take-home').getByRole('link');
  await expect(links).toHaveCount(3);
  const files: { name: string; mimeType: string; buffer: Buffer }[] = [];
  for (const link of await links.all()) {
    const [download] = await Promise.all([page.waitForEvent('download'), link.click()]);
    const buffer = readFileSync(await download.path());
    files.push({ name: download.suggestedFilename(), mimeType: 'application/octet-stream', buffer });
  }
  const give = (of: typeof files) => page.getByTestId('adapter-files').setInputFiles(of);
  await give(files.filter(({ name }) => name === 'adapter_config.json'));
  await expect(page.getByTestId('talk')).toContainText('Drop both of its files');
  await give(files);
  const adapter = page.getByTestId('talk').getByLabel('Adapter', { exact: true });
  await expect(adapter).toHaveValue('unnamed');
  expect(await ask()).toEqual([text!.replace('Tuned', 'unnamed'), chances]);
  await adapter.selectOption('1. lora');
  expect(await ask()).toEqual([text!.replace('Tuned', '1. lora'), chances]);
  expect(await violations(page)).toEqual([]);
  expect(broken()).toEqual([]);
});

test('a run can be held, goes on, and is stopped', async ({ page }) => {
  await bench(page);
  await page.getByRole('radio', { name: /^lora/ }).check();
  await page.getByLabel('Steps', { exact: true }).fill('4000');
  await page.getByLabel('Prompts to ask').fill('0');
  await page.getByTestId('own-start').click({ delay: 400 }); // under which the plan is made anew: the press waits for it
  const chart = page.locator('[data-testid="own-loss"] .chart');
  const points = async () => Number(await chart.getAttribute('data-points'));
  await expect.poll(points, { timeout: 60_000 }).toBeGreaterThan(2);
  await expect(page).toHaveTitle(/% · blocktune/);
  for (const other of ['model-built-in', 'model-folder', 'data-built-in', 'data-files'])
    await expect(page.getByTestId(other)).toBeDisabled(); // it would be opened when the run has ended, which nobody could stop
  await drop(page, 'more.jsonl');
  await expect(page.getByTestId('refused')).toContainText('A run is under way');
  await page.getByTestId('own-pause').click();
  await expect(page.getByTestId('own-status')).toHaveText(/^Held/);
  await page.waitForTimeout(1500); // what was on its way arrives
  const held = await points();
  await page.waitForTimeout(700);
  expect(await points()).toBe(held);
  await page.getByTestId('own-pause').click();
  await expect.poll(points).toBeGreaterThan(held);
  await page.getByTestId('own-stop').click();
  await expect(page.getByTestId('own-status')).toHaveText(/^Stopped after \d/, { timeout: 20_000 });
  await page.getByTestId('make-result').click();
  await expect(page.getByTestId('take-home').getByRole('link')).toHaveCount(3);

  await page.getByTestId('compare').dblclick(); // is one comparison, and one press ends it
  await page.waitForTimeout(500); // Stop is none within a double click
  await page.getByTestId('own-stop').click();
  await expect(page.getByTestId('own-status')).toHaveText(/^Stopped/, { timeout: 20_000 });
  await page.waitForTimeout(1500);
  await expect(page.getByTestId('own-status')).toHaveText(/^Stopped/);
});

test('what does not fit is made to fit, and the recipe says it', async ({ page }) => {
  await bench(page);
  await page.getByLabel('Budget').fill('30%t');
  const total = page.getByTestId('plan-total');
  await expect(total).toHaveText(/^[\d.]+.[KM]B$/);
  const [, n, unit] = (await total.textContent())!.match(/^([\d.]+).([KM]B)$/)!;
  const limit = `${(0.8 * Number(n)).toFixed(2)}${unit}`; // a recipe may name any
  const loadRecipe = (recipe: object) =>
    page
      .getByTestId('recipe-file')
      .setInputFiles({ name: 'r.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(recipe)) });
  await page.getByText('Copy, save or load the recipe').click();
  await loadRecipe({ budget: '30%t', memory: limit, recompute: 'off' });
  await expect(page.getByTestId('over')).toContainText('does not fit into');
  await expect(page.getByTestId('own-start')).toBeDisabled();
  await page.getByTestId('make-fit').click();
  await expect(page.getByTestId('fitted')).toBeVisible();
  await expect(page.getByTestId('over')).toHaveCount(0);
  await expect(page.getByTestId('own-start')).toBeEnabled();
  const recipe = JSON.parse((await page.getByTestId('recipe-json').textContent())!);
  expect(recipe).toMatchObject({ memory: limit, recompute: 'on', budget: '30%t' });
  expect(recipe.batch * recipe.accumulate).toBeGreaterThanOrEqual(4);
  await expect(page.getByTestId('command')).toContainText('--data rows.jsonl');
  await page.getByLabel('Time of a step on').selectOption('M2');
  await expect(page.getByTestId('expected')).toHaveText(/ a step, .* in all/);
  await loadRecipe({ steps: 1e12 }); // is planned all the same
  await expect(page.getByTestId('plan')).toContainText('1,000,000,000,000 steps');
  await loadRecipe({ stepz: 1 });
  await expect(page.getByTestId('recipe-fault')).toContainText('stepz is no option');
  await expect(page.getByTestId('own-start')).toBeEnabled();
});

/** Drops a file on the page. */
const drop = (page: Page, name: string) =>
  page.evaluate((name) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File(['{}'], name));
    dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true }));
  }, name);
