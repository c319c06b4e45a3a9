// Does tuning help on published tasks? A model, and the same trained on ARC-Easy by SMT, LoRA of equal size and everything, each answer by
// likelihood; the table of docs/evaluation.md. Hours on a processor: every stage goes on where it was stopped, and those done stay.
// Words: MODEL DATA FOLDER [ROWS 500] [STEPS 500] [METHODS smt,lora,full]; DATA holds the task files and ARC-Easy-train.json.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deno, root } from './tables/differential.mjs';

const TASKS = 'ARC-Easy,openbookqa';
const PAGE = join(root, 'docs/evaluation.md');
/** Rates for a run of some tens to some hundreds of steps; LoRA has about as many numbers as 0.84 % of SmolLM2-135M in blocks. */
const METHODS = {
  smt: ['--method', 'smt', '--lr', '5e-4', '--warmup-steps', '4'],
  lora: ['--method', 'lora', '--rank', '14', '--alpha', '28', '--lr', '1e-3'],
  full: ['--method', 'full', '--lr', '2e-5'],
};

export function run([model, data, folder, rows = '500', steps = '500', methods = 'smt,lora,full']) {
  if (!folder) throw new Error('expected MODEL DATA FOLDER, got fewer words');
  mkdirSync(folder, { recursive: true });
  const at = (name) => join(folder, name);
  if (!existsSync(at('train.jsonl'))) {
    const words = [
      'run',
      '-A',
      '--quiet',
      'scripts/evidence/evaluation/rows.ts',
      join(data, 'ARC-Easy-train.json'),
      at('train.jsonl'),
    ];
    if (spawnSync(deno, words, { cwd: root, stdio: 'inherit' }).status !== 0) throw new Error('expected training rows, got none');
  }
  const asked = ['--task', TASKS, '--data', data, '--rank', '--prompt-form', 'smt', '--limit', rows];
  stage(at, 'base', ['eval', '--model', model, ...asked, ...goingOn(at('base.jsonl'))]);
  writeTable(at);
  for (const method of methods.split(',')) {
    const whole = method === 'full';
    const settings = ['--data', at('train.jsonl'), '--steps', steps, '--batch', '4', ...METHODS[method]];
    stage(at, `${method} train`, ['train', '--model', model, ...settings, ...goingOn(at(method))]);
    const tuned = whole ? ['--model', at(method)] : ['--model', model, '--adapter', at(method)];
    const against = ['--against', at('base.jsonl'), '--trained-on', at('train.jsonl')];
    stage(at, method, ['eval', ...tuned, ...asked, ...against, ...goingOn(at(`${method}.jsonl`))]);
    writeTable(at);
  }
  return 0;
}

const goingOn = (out) => ['--out', out, ...(existsSync(out) ? ['--resume'] : [])];

/** Runs a command and keeps its lines; once done it is not run again. */
function stage(at, name, words) {
  const lines = at(`${name}.lines`);
  if (existsSync(lines)) return;
  console.log(`blocktune ${words.join(' ')}`);
  const command = [join(root, 'scripts/blocktune.mjs'), ...words, '--json'];
  const { status, stdout } = spawnSync('node', command, { stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`${name} ended with ${status}`);
  writeFileSync(lines, stdout);
}

const linesOf = (at, name) =>
  readFileSync(at(`${name}.lines`), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

const share = (x) => (100 * x).toFixed(1);

/** A row for each model that is done, a task a column. */
function writeTable(at) {
  const names = ['base', ...Object.keys(METHODS)].filter((name) => existsSync(at(`${name}.lines`)));
  const cells = names.map((name) => {
    const lines = linesOf(at, name);
    const trained = name === 'base' ? [] : linesOf(at, `${name} train`);
    const done = trained.find(({ kind }) => kind === 'done');
    const plan = trained.find(({ kind, program }) => kind === 'plan' && program === 'train');
    const tasks = lines.filter(({ kind, task }) => kind === 'task' && task !== 'average');
    const figures = tasks.map(({ task, accuracy, low, high }) => {
      const paired = lines.find((line) => line.kind === 'paired' && line.task === task);
      const p = paired ? `, +${paired.gained} -${paired.lost}, p ${paired.p.toPrecision(2)}` : '';
      return `${share(accuracy)} (${share(low)} to ${share(high)})${p}`;
    });
    const size = plan ? plan.trainable.toLocaleString('en') : '';
    const time = done ? `${done.steps} steps, ${(done.seconds / 60).toFixed(0)} min` : '';
    return [name, size, time, ...figures];
  });
  const tasks = linesOf(at, 'base').filter(({ kind, task }) => kind === 'task' && task !== 'average');
  const heads = ['', 'trains', 'training', ...tasks.map(({ task, rows }) => `${task} (${rows})`)];
  const table = [heads, heads.map(() => '-'), ...cells].map((row) => `| ${row.join(' | ')} |`).join('\n');
  console.log(table);
  const [from, to] = ['<!-- evaluation -->', '<!-- /evaluation -->'];
  const page = readFileSync(PAGE, 'utf8');
  if (!page.includes(from) || !page.includes(to)) throw new Error(`expected ${from} and ${to} in ${PAGE}, got neither`);
  writeFileSync(PAGE, `${page.slice(0, page.indexOf(from))}${from}\n${table}\n${page.slice(page.indexOf(to))}`);
}
