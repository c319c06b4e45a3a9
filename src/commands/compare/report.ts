// A comparison as one HTML page that opens from a disk: table, charts, block maps, settings. Its style, script and uPlot stand
// in the page, so that nothing is fetched.

import { nodeFs } from '../../io/bytes.ts';
import { blockMap, curves, type Figure, firstRun, methodsOf, plateaus, sizeWords } from './figures.ts';
import type { Recipe } from './recipe.ts';
import client from './report.client.js?raw' with { type: 'text' };
import css from './report.css?raw' with { type: 'text' };
import type { Result, Spread, Summary } from './result.ts';

/** Everything that a comparison came to: what `results.json` holds. */
export interface Document {
  title: string;
  about: string;
  model: { name: string; parameters: number; layers: number; modules: Record<string, readonly [number, number]> };
  rows: { train: number; held: number; guard: number; asked: number };
  recipe: Recipe;
  device: string;
  version: string;
  date: string;
  summary: Summary[];
  results: Result[];
}

/** uPlot as the text of its script and its style. */
export interface Plotter {
  script: string;
  style: string;
}

/** The page. plotter: uPlot from the installed package where none is given. */
export async function reportPage(d: Document, plotter?: Plotter): Promise<string> {
  const uplot = plotter ?? (await installedPlotter());
  const [first, second] = [plateaus(d), curves(d)];
  const figures = [...first, ...second];
  const methods = methodsOf(d.summary);
  const data = JSON.stringify({ methods, figures }).replaceAll('<', '\\u003c');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${text(d.title)}</title>
<style>${uplot.style}${css}</style>
</head>
<body>
<main>
<h1>${text(d.title)}</h1>
<p>${text(d.about)}</p>
<p class="soft small">${facts(d)}</p>
<h2>All together</h2>
<div class="scroll">${table(d)}</div>
<p class="soft small" style="margin-top: 10px">${reading(d)}</p>
${first.length ? `<h2>Score against trainable share</h2>${key(d, methods)}<div class="charts">${first.map((f, i) => figure(f, i)).join('')}</div>` : ''}
<h2>Learning</h2>
${first.length ? '' : key(d, methods)}<div class="charts">${second.map((f, i) => figure(f, first.length + i)).join('')}</div>
${maps(d, methods)}
<h2>Settings</h2>
<p class="soft small">blocktune ${text(d.version)} on ${text(d.device)}, ${text(d.date.slice(0, 16).replace('T', ' '))} UTC</p>
<details><summary>The recipe</summary><pre>${text(JSON.stringify(d.recipe, null, 2))}</pre></details>
<details><summary>Every run</summary><div class="scroll">${allRuns(d.results)}</div></details>
</main>
<script type="application/json" id="data">${data}</script>
<script>${uplot.script}</script>
<script>${client}</script>
</body>
</html>
`;
}

/** uPlot from the nearest node_modules at or above these sources. */
async function installedPlotter(): Promise<Plotter> {
  const { readFile } = await nodeFs();
  const parts = decodeURIComponent(new URL('.', import.meta.url).pathname).split('/');
  for (let n = parts.length; n > 0; n--) {
    const dist = `${parts.slice(0, n).join('/')}/node_modules/uplot/dist`;
    const script = await readFile(`${dist}/uPlot.iife.min.js`, 'utf8').catch(() => undefined);
    if (script) return { script, style: await readFile(`${dist}/uPlot.min.css`, 'utf8') };
  }
  throw new Error('expected the package uplot for the charts of the report, got none: run npm install where blocktune is.');
}

// --- parts ------------------------------------------------------------------------------------------------------------

function facts({ model, rows, recipe }: Document): string {
  const seeds = recipe.seeds.length === 1 ? 'one seed' : `${recipe.seeds.length} seeds`;
  const equal = recipe.seconds ? `${recipe.seconds} seconds each` : 'equal steps';
  return text(
    `${model.name}, ${count(model.parameters)} parameters. ${rows.train} rows to learn, ${rows.held} held out` +
      `${rows.asked ? `, ${rows.asked} of them answered` : ''}${rows.guard ? `, ${rows.guard} guard rows` : ''}; ${seeds}, ${equal}.`,
  );
}

function reading({ summary, recipe }: Document): string {
  const parts = [
    'Loss in nats a target, mean over seeds with the smallest and largest below it; the best of each size stands out.',
    'Device bytes are the plan of the largest program of a run, the same numbers that are allocated.',
  ];
  if (recipe.methods.some((m) => m.lrs.length > 1))
    parts.push('The learning rate is the best by held-out loss on the first seed, for every method and size apart.');
  if (summary.some((s) => s.forgot)) parts.push('Forgot: rise of the loss on the guard rows.');
  return text(parts.join(' '));
}

function key({ summary }: Document, methods: string[]): string {
  const shown = methods.filter((m) => summary.some((s) => s.method === m && s.trainable));
  return `<div class="key">${shown.map((m) => `<span>${dot(m, methods)}${text(m)}</span>`).join('')}</div>`;
}

const dot = (method: string, methods: string[]) =>
  `<span class="dot" style="background: var(${colourOf(method, methods)})"></span>`;

const colourOf = (method: string, methods: string[]) => `--c${methods.indexOf(method) % 8}`;

function figure(f: Figure, i: number): string {
  return `<figure><h3>${text(f.title)}</h3><div data-figure="${i}"></div><figcaption>${text(f.caption)}</figcaption></figure>`;
}

function table(d: Document): string {
  const { summary } = d;
  const [exact, forgot] = [summary.some((s) => s.exact), summary.some((s) => s.forgot)];
  const head = [
    'method',
    'trains',
    'of targets',
    'lr',
    'held-out loss',
    exact && 'exact',
    forgot && 'forgot',
    'device',
    'tokens/s',
    'saved',
    'time',
  ];
  const columns = head.filter((h) => h !== false);
  const methods = methodsOf(summary);
  const row = (s: Summary, best: boolean) => [
    `${s.trainable ? dot(s.method, methods) : ''}${text(s.method)}`,
    s.trainable ? count(s.trainable) : '',
    s.trainable ? (s.share_targets > 1 ? 'everything' : percent(s.share_targets)) : '',
    s.lr ? s.lr.toExponential().replace('e+0', '') : '',
    ranged(s.loss, (x) => x.toFixed(4), best),
    ...(exact ? [s.exact ? ranged(s.exact, percent) : ''] : []),
    ...(forgot ? [s.forgot && s.trainable ? ranged(s.forgot, (x) => `${x >= 0 ? '+' : '−'}${Math.abs(x).toFixed(3)}`) : ''] : []),
    s.device_bytes.peak ? bytes(s.device_bytes.peak) : '',
    s.tokens_per_second ? s.tokens_per_second.toFixed(0) : '',
    s.adapter_bytes ? bytes(s.adapter_bytes) : '',
    s.seconds ? `${s.seconds.toFixed(1)} s` : '',
  ];
  const sizes = [...new Set(summary.map((s) => s.size))];
  const groups = sizes.map((size) => {
    const rows = summary.filter((s) => s.size === size);
    const best = Math.min(...rows.map((s) => s.loss.mean));
    const title =
      size === null
        ? ''
        : `<tr class="size"><td colspan="${columns.length}">${text(sizeWords(size))}${size.endsWith('b') ? ', or as many parameters' : ''}</td></tr>`;
    return title + rows.map((s) => `<tr>${cells('td', row(s, size !== null && s.loss.mean === best))}</tr>`).join('');
  });
  return `<table><thead><tr>${cells('th', columns)}</tr></thead><tbody>${groups.join('')}</tbody></table>`;
}

const cells = (tag: string, all: string[]) => all.map((c) => `<${tag}>${c}</${tag}>`).join('');

function ranged({ mean, min, max }: Spread, words: (x: number) => string, best = false): string {
  const shown = best ? `<b>${words(mean)}</b>` : words(mean);
  return min === max ? shown : `${shown}<br><span class="range">${words(min)} to ${words(max)}</span>`;
}

function maps(d: Document, methods: string[]): string {
  const shown = d.summary.filter((s) => firstRun(d.results, s)?.blocks);
  if (!shown.length) return '';
  const one = (s: Summary) => {
    const run = firstRun(d.results, s);
    const title = [s.method, s.size && sizeWords(s.size)].filter(Boolean).join(', ');
    return `<figure><h3>${text(title)}</h3>${blockMap(run, d.model, colourOf(s.method, methods))}<figcaption>${text(topModules(run))}</figcaption></figure>`;
  };
  return `<h2>Which blocks</h2><p class="soft small">Layers from top to bottom, matrices side by side, of the first seed. The stronger a block, the larger its share of the squared norm of the update.</p><div class="maps">${shown.map(one).join('')}</div>`;
}

/** "v 61 % of the update in 40 of 79 blocks, ..." for the three largest. */
function topModules({ blocks }: Result): string {
  const by = new Map<string, { n: number; share: number }>();
  for (const { module, share } of blocks!.moved) {
    const had = by.get(module) ?? { n: 0, share: 0 };
    by.set(module, { n: had.n + 1, share: had.share + share });
  }
  const top = [...by].sort((a, b) => b[1].share - a[1].share).slice(0, 3);
  return top.map(([m, { n, share }]) => `${m.replace('_proj', '')} ${n} blocks, ${percent(share)} of the update`).join('; ');
}

function allRuns(results: Result[]): string {
  const head = ['run', 'lr', 'seed', 'steps', 'trains', 'held-out loss', 'exact', 'warm-up', 'training', 'tokens/s'];
  const rows = results.map((r) => [
    text([r.method, r.size].filter(Boolean).join(' ')),
    String(r.lr || ''),
    String(r.seed),
    String(r.steps),
    String(r.trainable),
    r.loss === null ? 'not finite' : r.loss.toFixed(5),
    r.exact ? `${r.exact.right} of ${r.exact.of}` : '',
    `${r.warmup_seconds.toFixed(1)} s`,
    `${r.seconds.toFixed(1)} s`,
    r.tokens_per_second.toFixed(0),
  ]);
  return `<table><thead><tr>${cells('th', head)}</tr></thead><tbody>${rows.map((r) => `<tr>${cells('td', r)}</tr>`).join('')}</tbody></table>`;
}

// --- words ------------------------------------------------------------------------------------------------------------

const text = (s: string) => s.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
const percent = (x: number) => `${x >= 0.995 ? (100 * x).toFixed(0) : Number((100 * x).toPrecision(2))} %`;
const count = (n: number) => n.toLocaleString('en');
const bytes = (n: number) => (n < 1e6 ? `${(n / 1e3).toPrecision(3)} KB` : `${(n / 1e6).toPrecision(3)} MB`);
