// The page of a comparison: what it says, that it needs nothing else, and that no name breaks out of its place.
import { describe, expect, test } from 'vitest';
import type { Document } from '../../src/commands/compare/document.ts';
import { parseRecipe } from '../../src/commands/compare/recipe.ts';
import { reportPage } from '../../src/commands/compare/report.ts';
import { summarize } from '../../src/commands/compare/result.ts';
import { result } from './results.ts';

describe('the page', () => {
  const results = ['5%t', '10%t'].flatMap((size, i) => [
    result('A & <b>', 0, 0.1, 3 - i, size),
    result('B', 0, 0.1, 4 - i, size),
  ]);
  const d: Document = {
    title: 'A </script> title',
    about: '',
    model: { name: 'm', parameters: 1000, layers: 2, modules: { q_proj: [32, 32], v_proj: [16, 32] } },
    rows: { train: 3, held: 2, guard: 1, asked: 2 },
    recipe: parseRecipe({ title: 'T', methods: [{ name: 'A & <b>' }, { name: 'B' }] }),
    device: 'D',
    version: '0',
    date: '2026-01-02T03:04:05.000Z',
    runs: { finished: 4, of: 4 },
    summary: summarize(results),
    results,
  };
  const page = reportPage(d);
  test('says every method, escaped, and its figures', async () => {
    const html = page;
    expect(html).toContain('<h1>A &lt;/script> title</h1>');
    expect(html).toContain('A &amp; &lt;b>');
    expect(html).toContain('3.0000');
    expect(html.match(/<svg/g)).toHaveLength(4);
  });
  test('nothing that a recipe, a model or a device is called breaks out of its place', async () => {
    const evil = `"'><script>alert(1)</script><!--<script></title></pre></style><img src=x onerror=alert(2)>`;
    const all = [result(evil, 0, 0.1, 3, evil), result(evil, 0, 0.1, 2, '5%t')];
    const made = {
      ...d,
      title: evil,
      about: evil,
      device: evil,
      version: evil,
      model: { ...d.model, name: evil, modules: { [evil]: [32, 32] } },
    };
    for (const r of all) r.blocks!.moved[0].module = evil;
    const recipe = { ...d.recipe, title: evil, common: { data: [evil] } };
    const html = reportPage({ ...made, recipe, results: all, summary: summarize(all) } as unknown as Document);
    // what a browser takes for tags: ours alone
    const [, json] = html.match(/id="data">(.*?)<\/script>/s)!;
    expect(JSON.parse(json).methods).toEqual([evil]);
    const visible = html.replace(json, '').replace(/<(style|script)>.*?<\/\1>/gs, '');
    expect(visible.match(/<(script|img|!--)/g)).toEqual(['<script']); // the data
    const tags = [...visible.matchAll(/<\/?([a-z0-9]+)((?:\s+[\w:-]+(?:="[^"<]*")?)*)\s*\/?>/g)];
    expect(tags).toHaveLength(visible.match(/</g)!.length - 1); // and the doctype
    expect(tags.flatMap(([, , attributes]) => attributes.match(/\son\w+=/g) ?? [])).toEqual([]);
  });
  test('says of a comparison that was stopped how much of it there is, if only the untrained model', () => {
    expect(page).not.toContain('Stopped');
    const untrained = [{ ...result('untrained', 0, 0, 3), size: null, trainable: 0, blocks: null }];
    const html = reportPage({ ...d, runs: { finished: 0, of: 4 }, results: untrained, summary: summarize(untrained) });
    expect(html).toContain('Stopped: of 0 of 4 runs');
    expect(html).toContain('untrained');
  });
  test('needs nothing but itself', async () => {
    expect(page.replace(/\/\*.*?\*\//gs, '')).not.toMatch(/https?:|src=|<link|@import|url\(/);
    expect(page).toContain('var uPlot');
  });
  test('holds the charts as data: a line a method, a point a size', async () => {
    const [, json] = page.match(/id="data">(.*?)<\/script>/s)!;
    const { methods, figures } = JSON.parse(json);
    expect(methods).toEqual(['A & <b>', 'B']);
    expect(figures.map((f: { title: string }) => f.title)).toEqual([
      'Held-out loss',
      'Exact answers',
      'Forgetting',
      'Loss by step at 5 % of the targets',
      'Loss by step at 10 % of the targets',
    ]);
    expect(figures[0].series[1].points.map((p: { x: number; y: number }) => [p.x, p.y])).toEqual([
      [0.05, 4],
      [0.1, 3],
    ]);
  });
});
