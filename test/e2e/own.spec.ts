// A person's own model and data on the page: what they are, rows as the model sees them, a recipe, a plan, runs by each method.
import { cpSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import { blocktune, newFolder, writeModel, writeRows } from '../cli/tiny.ts';
import { faults, strangers, violations } from './helpers.ts';

const { at, free } = newFolder();
const model = writeModel(at('Tiny model'));
const HOSTILE = '<img src=x onerror=alert(1)>';
const rows = writeRows(at('rows.jsonl'), [
  ...Array.from({ length: 22 }, (_, i) => ({
    question: `The ${['cow', 'dog', 'owl'][i % 3]} is here. ${i}`,
    answer: ' It can sing – é!',
    id: i,
  })),
  { question: `A long prompt ${'that goes on '.repeat(12)}`, answer: ' never learned', id: 99, [HOSTILE]: 'b' },
]);
test.afterAll(free);

/** Opens the second way in, with a model and data chosen. */
async function bench(page: Page, data: string | null = rows): Promise<void> {
  await page.goto('./#own');
  await page.getByTestId('model-folder').setInputFiles(model);
  await expect(page.getByTestId('model-facts')).toBeVisible({ timeout: 30_000 });
  if (!data) return;
  await page.getByTestId('data-files').setInputFiles(data);
  await expect(page.getByTestId('data-facts')).toBeVisible({ timeout: 30_000 });
}

interface Seen {
  index: number;
  ids: number[];
  learned: boolean[];
}

/** The rows that the viewer shows, page by page, by what is tinted: inside of a mark. */
async function seen(page: Page): Promise<Seen[]> {
  const all: Seen[] = [];
  const list = page.getByTestId('rows');
  for (;;) {
    await expect(list.locator(`li[data-index="${all.length}"]`)).toBeVisible();
    all.push(
      ...(await list.locator('li').evaluateAll((items) =>
        items.map((li) => {
          const tokens = [...li.querySelectorAll<HTMLElement>('.token')];
          return {
            index: Number(li.dataset.index),
            ids: tokens.map((t) => Number(t.dataset.id)),
            learned: tokens.map((t) => t.closest('mark') !== null),
          };
        }),
      )),
    );
    const later = page.getByRole('button', { name: 'Later' });
    if (await later.isDisabled()) return all;
    await later.click();
  }
}

test('the model and the rows are told as they are, and tokens are tinted by what is learned', async ({ page }) => {
  const broken = faults(page);
  const abroad = strangers(page);
  await bench(page);
  await expect(page.getByTestId('model-facts')).toContainText('llama, 2 layers, hidden size 32');
  await expect(page.getByTestId('model-facts')).toContainText('f32');
  await expect(page.getByTestId('columns')).toContainText('as detected');
  await page.getByLabel('Longest row, tokens').fill('48');
  await expect(page.getByTestId('nothing-learned')).toContainText('1 row of 23');

  const { lines } = await blocktune(['rows', '--model', model, '--data', rows, '--max-length', '48', '--json']);
  const wanted = lines.map(({ index, ids, labels }) => ({ index, ids, learned: labels.map((l: number) => l !== -100) }));
  expect(await seen(page)).toEqual(wanted);

  await expect(page.getByTestId('unused')).toContainText('id (23 rows)');
  await expect(page.getByTestId('unused')).toContainText(`${HOSTILE} (1 row)`); // as text, and nothing else
  await expect(page.getByTestId('lengths')).toContainText('1 row is cut at 48');
  await page.getByRole('button', { name: 'Show them' }).click();
  await expect(page.getByTestId('rows').locator('li')).toHaveCount(1);
  await expect(page.getByTestId('rows')).toContainText('nothing learned');
  await expect(page.getByTestId('rows').locator('mark')).toHaveCount(0);
  await expect(page.getByTestId('rows').locator('.special').first()).toHaveText('<bos>');

  // columns corrected: what was the answer is asked, what was asked is learned
  await page.getByLabel('prompt', { exact: true }).selectOption('answer');
  await page.getByLabel('completion', { exact: true }).selectOption('question');
  await expect(page.getByTestId('data-facts')).toContainText('prompt=answer, completion=question');
  expect(await violations(page)).toEqual([]);
  expect([broken(), abroad()]).toEqual([[], []]);
});

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
  await page.getByTestId('score').click();
  const figures = page.getByTestId('choice');
  await expect(figures).toContainText('25 %', { timeout: 60_000 }); // four of sixteen blocks
  const map = page.getByTestId('blocks').locator('canvas');
  const before = Number(await map.getAttribute('data-blocks'));
  await page.getByLabel('Budget, of the matrices that may train').fill('56');
  await expect.poll(async () => Number(await map.getAttribute('data-blocks'))).toBeGreaterThan(1.5 * before);
  await expect(figures).toContainText(`In common with the choice before, of ${before}`);
  await expect(page.getByLabel('Budget', { exact: true })).toHaveValue(/^63\.1%t$/); // the recipe says so too
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
  await page.getByRole('button', { name: 'Ask', exact: true }).click();
  await expect(page.getByTestId('without')).toHaveText(/held-out loss \d\.\d{4} with all, \d\.\d{4} without/, {
    timeout: 30_000,
  });
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
  await page.getByTestId('own-pause').click();
  await expect(page.getByTestId('own-status')).toHaveText(/^Held/);
  await page.waitForTimeout(700); // what was on its way arrives
  const held = await points();
  await page.waitForTimeout(700);
  expect(await points()).toBe(held);
  await page.getByTestId('own-pause').click();
  await expect.poll(points).toBeGreaterThan(held);
  await page.getByTestId('own-stop').click();
  await expect(page.getByTestId('own-status')).toHaveText(/^Stopped after \d/, { timeout: 20_000 });
  await page.getByTestId('make-result').click();
  await expect(page.getByTestId('take-home').getByRole('link')).toHaveCount(3);
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
  await loadRecipe({ stepz: 1 });
  await expect(page.getByTestId('recipe-fault')).toContainText('stepz is no option');
  await expect(page.getByTestId('own-start')).toBeEnabled();
});

test('what cannot be read is said with its cure, and the page stays usable', async ({ page }) => {
  await bench(page, null);
  const fault = page.getByTestId('data-fault');
  const give = (name: string, text: string) =>
    page.getByTestId('data-files').setInputFiles({ name, mimeType: 'text/plain', buffer: Buffer.from(text) });
  await give('broken.jsonl', '{"prompt":"a","completion":"b"}\n{oops\n');
  await expect(fault).toContainText('row 2');
  await expect(fault).not.toContainText('--');
  await page.getByRole('button', { name: 'Leave unsound rows out' }).click();
  await expect(page.getByTestId('data-facts')).toContainText('1 unsound row left out');
  await give('odd.csv', 'x,y\n1,2\n');
  await expect(fault).toContainText('“Columns”');
  await page.getByLabel('prompt', { exact: true }).selectOption('x');
  await page.getByLabel('completion', { exact: true }).selectOption('y');
  await expect(page.getByTestId('data-facts')).toBeVisible();
  await page.getByTestId('data-files').setInputFiles('test/fixtures/data/types.parquet'); // its reader is loaded only now
  await page.getByLabel('text', { exact: true }).selectOption('d16');
  await page.getByRole('button', { name: 'Leave unsound rows out' }).click();
  await expect(page.getByTestId('rows')).toContainText('1234567890123456789012345678.0123456789');
  await give('song.mp3', 'x');
  await expect(page.getByTestId('refused')).toContainText('neither a model nor data');
  const torch = at('torch');
  mkdirSync(torch);
  cpSync(`${model}/config.json`, `${torch}/config.json`);
  writeFileSync(`${torch}/pytorch_model.bin`, 'x');
  await page.getByTestId('model-folder').setInputFiles(torch);
  await expect(page.getByTestId('model-fault')).toContainText('convert pytorch_model.bin to safetensors');
  const strange = writeModel(at('strange'), { model_type: 'mamba' });
  await page.getByTestId('model-folder').setInputFiles(strange);
  await expect(page.getByTestId('model-fault')).toContainText('mamba');
  await page.getByTestId('model-built-in').click();
  await expect(page.getByTestId('model-facts')).toContainText('453');
  await page.getByText('Paste rows').click();
  await page.getByLabel('Rows, pasted').fill('prompt,completion\nThe owl, the fox,x\n');
  await expect(page.getByLabel('Read as')).toHaveValue('csv');
  await page.getByLabel('Rows, pasted').fill('The owl can sing.\nThe fox can not.');
  await page.getByRole('button', { name: 'Use these rows' }).click();
  await expect(page.getByTestId('data-facts')).toContainText('2 rows of text');
});

test('a model by its address is read from there, and from nowhere else; it is kept, opened without its server, and deleted', async ({
  page,
}) => {
  const abroad = strangers(page);
  const server = 'https://models.example/**';
  await page.route(server, (route) => {
    const path = join(model, new URL(route.request().url()).pathname.replace('/tiny/', ''));
    const headers = { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*' };
    return existsSync(path) ? route.fulfill({ path, headers }) : route.fulfill({ status: 404, headers });
  });
  await page.goto('./#own');
  const address = page.getByLabel('Hub name or address');
  await address.fill('https://models.example/none/');
  await page.getByRole('button', { name: 'Open' }).click();
  await expect(page.getByTestId('model-fault')).toContainText('https://models.example/none/');
  await address.fill('https://models.example/tiny/');
  await page.getByRole('button', { name: 'Open' }).click();
  await expect(page.getByTestId('model-facts')).toContainText('llama, 2 layers');
  expect(abroad().length).toBeGreaterThan(0);
  expect(abroad().filter((url) => !url.startsWith('https://models.example/'))).toEqual([]);

  await page.unroute(server);
  await page.route(server, (route) => route.abort());
  await page.reload();
  const kept = page.getByTestId('kept-models');
  const size = statSync(join(model, 'model.safetensors')).size;
  await expect(kept.locator('li')).toHaveCount(1, { timeout: 30_000 });
  expect(Number(/([\d.]+).KB/.exec((await kept.textContent())!)![1])).toBeGreaterThanOrEqual(Math.floor(size / 1000));
  await kept.getByRole('button', { name: /^Open/ }).click();
  await expect(page.getByTestId('model-facts')).toContainText('llama, 2 layers');
  await expect(kept.getByRole('button', { name: /^Delete/ })).toBeDisabled(); // it is read from there
  await page.getByTestId('model-built-in').click();
  await expect(page.getByTestId('model-facts')).toContainText('453');
  await kept.getByRole('button', { name: /^Delete/ }).click();
  await expect(kept).toHaveCount(0);
});

test.describe('dark', () => {
  test.use({ colorScheme: 'dark' });
  for (const width of [360, 1920])
    test(`fits ${width} pixels, and axe finds nothing serious`, async ({ page }) => {
      await page.setViewportSize({ width, height: 900 });
      await bench(page);
      await expect(page.getByTestId('plan')).toBeVisible();
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      expect(await violations(page)).toEqual([]);
    });
});
