// Does SMT hold its own on a real model? A recipe of docs/recipes over banking77's first 20 kinds of message, and the table of
// docs/compare.md from the runs that are finished: hours on a processor, and it goes on where it was stopped.
// Words: MODEL DATA FOLDER [RECIPE docs/recipes/smollm2-banking20.json]; DATA holds banking77's train.csv and test.csv.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { rowsOfBanking } from './compare/rows.mjs';
import { root } from './tables/differential.mjs';

const PAGE = join(root, 'docs/compare.md');
const HELD = 96;

export async function run([model, data, folder, recipe = join(root, 'docs/recipes/smollm2-banking20.json')]) {
  if (!folder) throw new Error('expected MODEL DATA FOLDER, got fewer words');
  mkdirSync(folder, { recursive: true });
  const at = (name) => join(folder, name);
  const write = (name, rows) =>
    existsSync(at(name)) || writeFileSync(at(name), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  write('train.jsonl', rowsOfBanking(join(data, 'train.csv')));
  write('held.jsonl', rowsOfBanking(join(data, 'test.csv')).slice(0, HELD));
  const asked = JSON.parse(readFileSync(recipe, 'utf8'));
  asked.common = { model: resolve(model), data: ['train.jsonl'], eval: 'held.jsonl', ...asked.common };
  writeFileSync(at('recipe.json'), JSON.stringify(asked, null, 1));
  const words = [join(root, 'scripts/blocktune.mjs'), 'compare', at('recipe.json'), '--out', at('out')];
  const child = spawn(process.execPath, words, { stdio: 'inherit' });
  process.on('SIGINT', () => {}); // the comparison stops by itself; what is finished makes the table
  const status = await new Promise((done) => child.on('close', done));
  writeTable(at('out/runs'), asked);
  return status;
}

/** A row a method: its losses seed by seed, and how far it is from LoRA on the same seeds. */
function writeTable(folder, { title, methods, seeds }) {
  const runs = readdirSync(folder).map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')));
  const of = (name) => runs.filter((r) => r.method === name).sort((a, b) => a.seed - b.seed);
  const lora = of('LoRA');
  const rows = methods.flatMap(({ name }) => {
    const own = of(name);
    if (!own.length) return [];
    const gaps = own.flatMap((r) => lora.filter((l) => l.seed === r.seed).map((l) => r.loss - l.loss));
    const apart =
      name === 'LoRA' || !gaps.length ? '' : `${signed(mean(gaps))}${gaps.length > 1 ? ` ± ${error(gaps).toFixed(3)}` : ''}`;
    const seconds = mean(own.map((r) => r.seconds / r.steps));
    const device = (own[0].device_bytes.peak / 1e6).toFixed(0);
    const losses = own.map((r) => r.loss.toFixed(3)).join(' ');
    return [
      [
        name,
        own[0].trainable.toLocaleString('en'),
        own[0].lr,
        losses,
        mean(own.map((r) => r.loss)).toFixed(3),
        apart,
        `${seconds.toFixed(1)} s`,
        `${device} MB`,
      ],
    ];
  });
  const untrained = runs.find((r) => r.method === 'untrained');
  const heads = [
    'method',
    'trains',
    'lr',
    `held-out loss, seeds ${seeds.join(' ')}`,
    'mean',
    'beside LoRA, same seeds',
    'a step',
    'device',
  ];
  const table = [heads, heads.map(() => '-'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
  const done = runs.length - (untrained ? 1 : 0);
  const head = `${title}. ${done} of ${methods.length * seeds.length} runs; untrained ${untrained?.loss.toFixed(3)}; ± one standard error of the paired differences.`;
  console.log(`${head}\n\n${table}`);
  const [from, to] = ['<!-- smollm2 -->', '<!-- /smollm2 -->'];
  const page = readFileSync(PAGE, 'utf8');
  if (!page.includes(from) || !page.includes(to)) throw new Error(`expected ${from} and ${to} in ${PAGE}, got neither`);
  writeFileSync(PAGE, `${page.slice(0, page.indexOf(from))}${from}\n${head}\n\n${table}\n${page.slice(page.indexOf(to))}`);
}

const mean = (x) => x.reduce((a, b) => a + b, 0) / x.length;
const error = (x) => Math.sqrt(x.reduce((s, v) => s + (v - mean(x)) ** 2, 0) / (x.length - 1) / x.length);
const signed = (x) => `${x < 0 ? '' : '+'}${x.toFixed(3)}`;
