// A comparison as one HTML page that opens from a disk: table, charts, block maps, settings. Its style, script and uPlot stand
// in the page, so that nothing is fetched.

import { type ComponentChildren as Content, h } from 'preact';
import { renderToString } from 'preact-render-to-string';
import uplot from '../../../node_modules/uplot/dist/uPlot.iife.min.js?raw' with { type: 'text' };
import uplotStyle from '../../../node_modules/uplot/dist/uPlot.min.css?raw' with { type: 'text' };
import type { OverSeeds, Summary } from '../../report.ts';
import { bytes, grouped, percent, shareWords } from '../../words.ts';
import { blockMap } from './block-map.ts';
import type { Document } from './document.ts';
import { curves, type Figure, firstRun, methodsOf, plateaus, sizeWords } from './figures.ts';
import client from './report.client.js?raw' with { type: 'text' };
import css from './report.css?raw' with { type: 'text' };
import type { Result } from './result.ts';

/** The page, with uPlot in it. */
export function reportPage(d: Document): string {
  const figures = [...plateaus(d), ...curves(d)];
  const data = { methods: methodsOf(d.summary), figures };
  const page = h(
    'html',
    { lang: 'en' },
    h(
      'head',
      null,
      h('meta', { charset: 'utf-8' }),
      h('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
      h('title', null, d.title),
      h('style', asItIs(uplotStyle + css)),
    ),
    h(
      'body',
      null,
      content(d, figures, data.methods),
      h('script', { type: 'application/json', id: 'data', ...asItIs(JSON.stringify(data).replaceAll('<', '\\u003c')) }),
      h('script', asItIs(uplot)),
      h('script', asItIs(client)),
    ),
  );
  return `<!doctype html>\n${renderToString(page)}\n`;
}

/** Styles and scripts of our own, and JSON without a <: the only texts of the page that are not escaped. */
const asItIs = (text: string) => ({ dangerouslySetInnerHTML: { __html: text } });

// --- parts ------------------------------------------------------------------------------------------------------------

function content(d: Document, figures: Figure[], methods: string[]): Content {
  const one = (f: Figure) => figure(f.title, h('div', { 'data-figure': figures.indexOf(f) }), f.caption);
  const [sized, learning] = [figures.filter((f) => f.kind === 'plateau'), figures.filter((f) => f.kind === 'curves')];
  const made = `blocktune ${d.version} on ${d.device}, ${d.date.slice(0, 16).replace('T', ' ')} UTC`;
  return h(
    'main',
    null,
    h('h1', null, d.title),
    h('p', null, d.about),
    small(facts(d)),
    h('h2', null, 'All together'),
    scroll(table(d, methods)),
    small(reading(d)),
    sized.length > 0 && [h('h2', null, 'Score against trainable share'), key(d, methods), charts(sized.map(one))],
    h('h2', null, 'Learning'),
    sized.length === 0 && key(d, methods),
    charts(learning.map(one)),
    maps(d, methods),
    h('h2', null, 'Settings'),
    small(made),
    folded('The recipe', h('pre', null, JSON.stringify(d.recipe, null, 2))),
    folded('Every run', scroll(allRuns(d.results))),
  );
}

const small = (text: string) => h('p', { class: 'soft small' }, text);
const scroll = (inside: Content) => h('div', { class: 'scroll' }, inside);
const charts = (all: Content[]) => h('div', { class: 'charts' }, all);
const folded = (title: string, inside: Content) => h('details', null, h('summary', null, title), inside);
const figure = (title: string, picture: Content, caption: string) =>
  h('figure', null, h('h3', null, title), picture, h('figcaption', null, caption));

function facts({ model, rows, recipe }: Document): string {
  const seeds = recipe.seeds.length === 1 ? 'one seed' : `${recipe.seeds.length} seeds`;
  const equal = recipe.seconds ? `${recipe.seconds} seconds each` : 'equal steps';
  return (
    `${model.name}, ${grouped(model.parameters)} parameters. ${rows.train} rows to learn, ${rows.held} held out` +
    `${rows.asked ? `, ${rows.asked} of them answered` : ''}${rows.guard ? `, ${rows.guard} guard rows` : ''}; ${seeds}, ${equal}.`
  );
}

function reading({ summary, recipe, runs }: Document): string {
  const parts = [
    ...(runs.finished < runs.of ? [`Stopped: of ${runs.finished} of ${runs.of} runs; rates and means are those of these.`] : []),
    'Loss in nats a target, mean over seeds with the smallest and largest below it; the best of each size stands out.',
    'Device bytes are the plan of the largest program of a run, the same numbers that are allocated.',
  ];
  if (recipe.methods.some((m) => m.lrs.length > 1))
    parts.push('The learning rate is the best by held-out loss on the first seed, for every method and size apart.');
  if (summary.some((s) => s.forgot)) parts.push('Forgot: rise of the loss on the guard rows.');
  return parts.join(' ');
}

function key({ summary }: Document, methods: string[]): Content {
  const shown = methods.filter((m) => summary.some((s) => s.method === m && s.trainable));
  return h(
    'div',
    { class: 'key' },
    shown.map((m) => h('span', null, dot(m, methods), m)),
  );
}

const dot = (method: string, methods: string[]) =>
  h('span', { class: 'dot', style: `background: var(${colourOf(method, methods)})` });

const colourOf = (method: string, methods: string[]) => `--c${methods.indexOf(method) % 8}`;

function table({ summary }: Document, methods: string[]): Content {
  const [exact, forgot] = [summary.some((s) => s.exact), summary.some((s) => s.forgot)];
  const columns: [head: string, of: (s: Summary, best: boolean) => Content][] = [
    ['method', (s) => [s.trainable ? dot(s.method, methods) : '', s.method]],
    ['trains', (s) => (s.trainable ? grouped(s.trainable) : '')],
    ['of targets', (s) => (s.trainable ? shareWords(s) : '')],
    ['lr', (s) => (s.lr ? s.lr.toExponential().replace('e+0', '') : '')],
    ['held-out loss', (s, best) => ranged(s.loss, (x) => x.toFixed(4), best)],
    ...(exact ? [['exact', (s) => (s.exact ? ranged(s.exact, percent) : '')] satisfies (typeof columns)[0]] : []),
    ...(forgot
      ? [['forgot', (s) => (s.forgot && s.trainable ? ranged(s.forgot, signed) : '')] satisfies (typeof columns)[0]]
      : []),
    ['device', (s) => (s.device_bytes.peak ? bytes(s.device_bytes.peak) : '')],
    ['tokens/s', (s) => (s.tokens_per_second ? s.tokens_per_second.toFixed(0) : '')],
    ['saved', (s) => (s.adapter_bytes ? bytes(s.adapter_bytes) : '')],
    ['time', (s) => (s.seconds ? `${s.seconds.toFixed(1)} s` : '')],
  ];
  const sizes = [...new Set(summary.map((s) => s.size))];
  const groups = sizes.map((size) => {
    const rows = summary.filter((s) => s.size === size);
    const best = rows.reduce((n, s) => Math.min(n, s.loss.mean), Number.POSITIVE_INFINITY);
    const title = size === null ? '' : `${sizeWords(size)}${size.endsWith('b') ? ', or as many parameters' : ''}`;
    return [
      size !== null && h('tr', { class: 'size' }, h('td', { colspan: columns.length }, title)),
      rows.map((s) =>
        row(
          'td',
          columns.map(([, of]) => of(s, size !== null && s.loss.mean === best)),
        ),
      ),
    ];
  });
  return tableOf(
    columns.map(([head]) => head),
    groups,
  );
}

const row = (tag: 'td' | 'th', cells: Content[]) =>
  h(
    'tr',
    null,
    cells.map((cell) => h(tag, null, cell)),
  );

const tableOf = (head: string[], rows: Content) => h('table', null, h('thead', null, row('th', head)), h('tbody', null, rows));

function ranged({ mean, min, max }: OverSeeds, words: (x: number) => string, best = false): Content {
  const shown = best ? h('b', null, words(mean)) : words(mean);
  return min === max ? shown : [shown, h('br', null), h('span', { class: 'range' }, `${words(min)} to ${words(max)}`)];
}

function maps(d: Document, methods: string[]): Content {
  const shown = d.summary.filter((s) => firstRun(d.results, s)?.blocks);
  if (!shown.length) return null;
  const one = (s: Summary) => {
    const run = firstRun(d.results, s);
    const title = [s.method, s.size && sizeWords(s.size)].filter(Boolean).join(', ');
    return figure(title, blockMap(run, d.model, colourOf(s.method, methods)), topModules(run));
  };
  const words =
    'Layers from top to bottom, matrices side by side, of the first seed. The stronger a block, the larger its share of the squared norm of the update.';
  return [h('h2', null, 'Which blocks'), small(words), h('div', { class: 'maps' }, shown.map(one))];
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

function allRuns(results: Result[]): Content {
  const head = ['run', 'lr', 'seed', 'steps', 'trains', 'held-out loss', 'exact', 'warm-up', 'training', 'tokens/s'];
  const cells = (r: Result) => [
    [r.method, r.size].filter(Boolean).join(' '),
    String(r.lr || ''),
    String(r.seed),
    String(r.steps),
    String(r.trainable),
    r.loss === null ? 'not finite' : r.loss.toFixed(5),
    r.exact ? `${r.exact.right} of ${r.exact.of}` : '',
    `${r.warmup_seconds.toFixed(1)} s`,
    `${r.seconds.toFixed(1)} s`,
    r.tokens_per_second.toFixed(0),
  ];
  return tableOf(
    head,
    results.map((r) => row('td', cells(r))),
  );
}

// --- words ------------------------------------------------------------------------------------------------------------

const signed = (x: number) => `${x >= 0 ? '+' : '−'}${Math.abs(x).toFixed(3)}`;
