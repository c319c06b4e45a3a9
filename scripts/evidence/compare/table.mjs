// What a comparison on a real model says, from its finished runs: a method at a size is told by the rate that was best on the first seed.
// node scripts/evidence/compare/table.mjs FOLDER writes the page again from what is there and what docs/results/smollm2.json has.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../tables/differential.mjs';

const PAGE = join(root, 'docs/compare.md');
const RESULTS = join(root, 'docs/results/smollm2.json');
const BESIDE = 'LoRA';

const read = (path) => JSON.parse(readFileSync(path, 'utf8'));
const published = () => (existsSync(RESULTS) ? read(RESULTS) : []);

/** Figures of every finished run under FOLDER/TASK/out/runs, with the device that results.json tells of. */
export function finished(folder, tasks) {
  return tasks.flatMap((task) => {
    const out = join(folder, task, 'out');
    if (!existsSync(join(out, 'results.json'))) return [];
    const { device } = read(join(out, 'results.json'));
    return readdirSync(join(out, 'runs')).map((name) => {
      const r = read(join(out, 'runs', name));
      const { method, size, seed, lr, trainable, loss, steps, device_bytes } = r;
      return {
        task,
        method,
        size,
        seed,
        lr,
        trainable,
        loss,
        forgot: r.guard.after - r.guard.before,
        steps,
        bytes: device_bytes.peak,
        device,
      };
    });
  });
}

/** Whether every run of a recipe's method is published: all rates on the first seed, the best of them on the others. */
export function isComplete(task, { sizes, seeds }, { name, lr }) {
  const own = published().filter((r) => r.task === task && r.method === name);
  const cells = own.some((r) => r.size === null) ? ['all'] : sizes;
  return cells.every((size) => {
    const [method] = methodsOf(own.filter((r) => sizeOf(r) === size));
    return method?.tried === lr.length && method.runs.length === seeds.length;
  });
}

/** Writes page and results: what is published, and these runs, which win. */
export function writeTable(made) {
  for (const { task, method, loss } of made.filter((r) => r.method === 'untrained')) {
    const known = published().find((r) => r.task === task && r.method === method)?.loss ?? loss;
    if (Math.abs(loss / known - 1) > 0.01)
      throw new Error(
        `expected the model and rows of ${RESULTS}, on ${task} a loss of ${known.toFixed(3)} untrained, got ${loss.toFixed(3)}; to begin anew remove that file`,
      );
  }
  const idOf = (r) => [r.task, r.method, r.size, r.seed, r.lr].join('|');
  const runs = [...new Map([...published(), ...made].map((r) => [idOf(r), r])).values()];
  mkdirSync(join(root, 'docs/results'), { recursive: true });
  writeFileSync(RESULTS, `[\n${runs.map((r) => JSON.stringify(r)).join(',\n')}\n]\n`);
  const cells = cellsOf(runs);
  const heads = ['task', 'size', 'method', 'lr', 'held-out loss, seeds 0 1 2', 'mean', `beside ${BESIDE}`, 'forgot', 'MB'];
  const text = [[...heads], heads.map(() => '-'), ...cells.flatMap(rowsOf)].map((row) => `| ${row.join(' | ')} |`).join('\n');
  const devices = [...new Set(runs.map((r) => r.device))].map(
    (name) => `${runs.filter((r) => r.device === name).length} on ${name}`,
  );
  const told = `${text}\n\n${[...sentences(cells), atOneRate(runs, 'SMT, fair, Muon strip', 'SMT, fair'), atOneRate(runs, 'blocks by lot, Muon strip', 'SMT, fair, Muon strip'), `${runs.length} runs: ${devices.join(', ')}.`].join(' ')}`;
  console.log(told);
  const [from, to] = ['<!-- smollm2 -->', '<!-- /smollm2 -->'];
  const page = readFileSync(PAGE, 'utf8');
  if (!page.includes(from) || !page.includes(to)) throw new Error(`expected ${from} and ${to} in ${PAGE}, got neither`);
  writeFileSync(PAGE, `${page.slice(0, page.indexOf(from))}${from}\n${told}\n${page.slice(page.indexOf(to))}`);
}

/** A cell: a task at a size, and its methods with their runs at the best rate, by seed. */
function cellsOf(runs) {
  const untrained = (task) => runs.find((r) => r.task === task && r.method === 'untrained').loss;
  const keys = [...new Set(runs.filter((r) => r.method !== 'untrained').map((r) => `${r.task}|${sizeOf(r)}`))];
  return keys.sort().map((key) => {
    const [task, size] = key.split('|');
    const own = runs.filter((r) => r.task === task && r.method !== 'untrained' && sizeOf(r) === size);
    return { task, size, untrained: untrained(task), methods: methodsOf(own).sort((a, b) => mean(a) - mean(b)) };
  });
}

/** Full fine-tuning has no size of its own. */
const sizeOf = ({ size }) => size ?? 'all';

/** The methods of one cell, each with its runs at the rate that was best on the first seed. */
function methodsOf(own) {
  return [...new Set(own.map((r) => r.method))].map((method) => {
    const of = own.filter((r) => r.method === method);
    const tried = of.filter((r) => r.seed === 0);
    const best = tried.reduce((a, b) => (b.loss < a.loss ? b : a));
    return { method, tried: tried.length, runs: of.filter((r) => r.lr === best.lr).sort((a, b) => a.seed - b.seed) };
  });
}

function rowsOf({ task, size, untrained, methods }) {
  const lora = methods.find((m) => m.method === BESIDE);
  return methods.map(({ method, tried, runs }, i) => [
    i ? '' : `${task} (untrained ${untrained.toFixed(2)})`,
    i ? '' : size.replace('%t', ' %'),
    tried < 3 ? `${method} (${tried} of 3 rates)` : method,
    runs[0].lr,
    runs.map((r) => r.loss.toFixed(3)).join(' '),
    mean({ runs }).toFixed(3),
    method === BESIDE ? '' : apart(gapsOf({ runs }, lora)),
    signed(runs.reduce((sum, r) => sum + r.forgot, 0) / runs.length, 2),
    Math.round(runs.reduce((sum, r) => sum + r.bytes, 0) / runs.length / 1e6),
  ]);
}

/** Two methods seed by seed over all cells in which both have three; of several others the one with the lowest mean in a cell. */
function sentences(cells) {
  const [now, lot] = ['SMT, fair, Muon strip', 'blocks by lot, Muon strip'];
  const pairs = [
    [now, 'SMT as published'],
    [now, BESIDE],
    [now, BESIDE, `${BESIDE}, Muon`],
    ['SMT as published', BESIDE],
    [lot, now],
    [lot, BESIDE, `${BESIDE}, Muon`],
  ];
  return pairs.map(([one, ...names]) => {
    const other = names.length > 1 ? `the better of ${names.join(' and ')}` : names[0];
    const both = cells.flatMap(({ methods }) => {
      const a = methods.find((m) => m.method === one);
      const b = methods.find((m) => names.includes(m.method)); // in order of their means
      return a?.runs.length === 3 && b?.runs.length === 3 ? [{ gaps: gapsOf(a, b), spread: spread(b) }] : [];
    });
    const gaps = both.flatMap((x) => x.gaps);
    const less = gaps.filter((g) => g < 0).length;
    const within = both.filter((x) => x.gaps.reduce((a, b) => a + b) / 3 <= x.spread).length;
    return (
      `${one} beside ${other}: lower on ${less} of ${gaps.length} seeds (sign test p ${signTest(less, gaps.length).toPrecision(1)}), ` +
      `in mean no further above than the other's own spread in ${within} of ${both.length} cells.`
    );
  });
}

/** Two methods run by run, wherever both have one of the same cell, seed and rate. */
function atOneRate(runs, one, other) {
  const of = (method) => runs.filter((r) => r.method === method);
  const alike = (a, b) => ['task', 'size', 'seed', 'lr'].every((key) => a[key] === b[key]);
  const pairs = of(one).flatMap((a) => of(other).flatMap((b) => (alike(a, b) ? [[a, b]] : [])));
  const less = (key) => pairs.filter(([a, b]) => a[key] < b[key]).length;
  return `${one} beside ${other} at the same rate and seed: a lower loss in ${less('loss')} and less forgotten in ${less('forgot')} of ${pairs.length} runs.`;
}

const gapsOf = (a, b) => a.runs.flatMap((r) => (b?.runs ?? []).filter((x) => x.seed === r.seed).map((x) => r.loss - x.loss));
const mean = ({ runs }) => runs.reduce((sum, r) => sum + r.loss, 0) / runs.length;
const spread = ({ runs }) => Math.max(...runs.map((r) => r.loss)) - Math.min(...runs.map((r) => r.loss));
const signed = (x, digits = 3) => `${x < 0 ? '-' : '+'}${Math.abs(x).toFixed(digits)}`;

/** Mean of paired differences, with its standard error. */
function apart(gaps) {
  if (!gaps.length) return '';
  const m = gaps.reduce((a, b) => a + b) / gaps.length;
  if (gaps.length < 2) return signed(m);
  const variance = gaps.reduce((sum, g) => sum + (g - m) ** 2, 0) / (gaps.length - 1);
  return `${signed(m)} ± ${Math.sqrt(variance / gaps.length).toFixed(3)}`;
}

/** Two-sided: how likely a fair coin is at least as far from half. */
function signTest(k, n) {
  const from = Math.max(k, n - k);
  let sum = 0;
  for (let i = from, c = choose(n, from); i <= n; c = (c * (n - i)) / (i + 1), i++) sum += c;
  return Math.min(1, (2 * sum) / 2 ** n);
}

const choose = (n, k) => Array.from({ length: k }, (_, i) => (n - i) / (i + 1)).reduce((a, b) => a * b, 1);

if (import.meta.filename === process.argv[1]) writeTable(finished(process.argv[2], ['banking', 'sms', 'instructions']));
