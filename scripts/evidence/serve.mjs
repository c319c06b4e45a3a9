// Do clients that know nothing of blocktune get from `serve` what they get from transformers? lm-evaluation-harness asks a golden, the
// built-in model and stories260K over HTTP and in PyTorch for the same local tasks; the openai package asks for everything that is
// answered here; and how long a server takes is held against `generate` and `eval`. Needs a python3 (PYTHON, if another) with lm_eval, its
// [api] packages, transformers, torch and openai; where it lacks them it says so and is no evidence. A word: a part (harness, client, times).
// Writes the tables of docs/serve.md.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { TASKS, writeTasks } from './serve/task.mjs';
import { deno, root } from './tables/differential.mjs';

const PAGE = join(root, 'docs/serve.md');
const python = process.env.PYTHON ?? 'python3';
const shared = resolve(root, process.env.BLOCKTUNE_SHARED ?? '../shared');
const ROWS = join(root, 'demo/built-in/task/keep.jsonl');
/** Log-likelihoods agree to this, in nats. */
const CLOSE = 1e-4;
/** Processors' time beside `generate` and `eval` at most. */
const MOST = { first: 1.2, many: 1.3 };
const PARTS = { harness, client, times };

export async function run([only]) {
  const lacking = spawnSync(python, ['-c', 'import lm_eval, openai, torch, transformers, aiohttp, tenacity']).status !== 0;
  if (lacking) {
    console.log(`skipped: ${python} has no lm_eval, openai, torch or transformers (pip install "lm_eval[api,hf]" openai)`);
    return 0;
  }
  const folder = mkdtempSync(join(tmpdir(), 'blocktune-serve-'));
  try {
    let wrong = 0;
    for (const [name, part] of Object.entries(PARTS)) if (!only || name === only) wrong += await part(folder, models(folder));
    return wrong ? 1 : 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Models in the layout of transformers; a row of each may have so many characters. */
function models(folder) {
  const golden = join(folder, 'golden');
  if (!existsSync(golden)) inDeno('scripts/evidence/serve/golden.ts', 'qwen3', golden);
  const stories = join(shared, 'data/models/stories260K-hf');
  return [
    { name: 'golden qwen3', place: golden, characters: 100, positions: 128 },
    { name: 'built-in', place: join(root, 'demo/built-in/model'), characters: 400, positions: 256 },
    ...(existsSync(stories) ? [{ name: 'stories260K', place: stories, characters: 400, positions: 512 }] : []),
  ];
}

// --- lm-evaluation-harness ---------------------------------------------------------------------------------------------

async function harness(folder, models) {
  const found = [];
  for (const model of models) {
    const { name, place, characters, positions } = model;
    const at = (part) => join(folder, `${name}-${part}`);
    writeTasks(at('tasks'), ROWS, { rows: 32, characters });
    await served(['--model', place], (url) => {
      const http = `model=base,base_url=${url}/v1/completions,num_concurrent=4,max_retries=1,tokenizer=${place}`;
      evaluated(at, 'over HTTP', [
        '--model',
        'local-completions',
        '--model_args',
        `${http},add_bos_token=True,max_length=${positions}`,
      ]);
    });
    const torch = `pretrained=${place},dtype=float32,add_bos_token=True,max_length=${positions - 1}`;
    evaluated(at, 'torch', ['--model', 'hf', '--model_args', torch, '--device', 'cpu', '--batch_size', '8']);
    found.push({ name, ...compared(at) });
  }
  put(
    'harness',
    [
      'model',
      'log-likelihoods',
      'largest difference',
      'same of "greedy"',
      'acc over HTTP',
      'acc in PyTorch',
      'acc_norm over HTTP',
      'acc_norm in PyTorch',
      'same texts',
      'exact_match over HTTP',
      'exact_match in PyTorch',
    ],
    found.map((f) => [
      f.name,
      f.sums,
      f.worst.toExponential(1),
      f.greedy,
      ...f.accuracies.slice(0, 4),
      f.texts,
      ...f.accuracies.slice(4),
    ]),
  );
  const same = ({ accuracies: a, sums, greedy }) =>
    greedy === `${sums} of ${sums}` && a.every((x, i) => i % 2 === 0 || x === a[i - 1]);
  return found.filter((f) => !(f.worst <= CLOSE) || !same(f)).length;
}

function evaluated(at, side, words) {
  const tasks = ['--tasks', TASKS.join(','), '--include_path', at('tasks'), '--output_path', at(side), '--log_samples'];
  const env = {
    ...process.env,
    HF_HUB_OFFLINE: '1',
    HF_DATASETS_OFFLINE: '1',
    TOKENIZERS_PARALLELISM: 'false',
    OMP_NUM_THREADS: '1',
  };
  const { status, stderr } = spawnSync(python, ['-m', 'lm_eval', ...words, ...tasks], {
    env,
    encoding: 'utf8',
    cwd: at('tasks'),
  });
  if (status !== 0) throw new Error(`expected lm_eval to end well, got ${status}: ${stderr.slice(-2000)}`);
}

function compared(at) {
  const [http, torch] = ['over HTTP', 'torch'].map((side) => ({
    results: JSON.parse(readFileSync(fileIn(at(side), 'results_'), 'utf8')).results,
    samples: Object.fromEntries(TASKS.map((task) => [task, samplesOf(fileIn(at(side), `samples_${task}_`))])),
  }));
  const [sums, others] = [http, torch].map(({ samples }) => samples.which_one.flatMap((s) => s.filtered_resps));
  // transformers spells an answer apart from its prompt, which loses a space between them
  const text = ({ filtered_resps }) => String(filtered_resps).trim();
  const said = http.samples.says_it.filter((s, i) => text(s) === text(torch.samples.says_it[i]));
  const metric = (task, name) => [http, torch].map(({ results }) => results[task][`${name},none`].toFixed(4));
  return {
    sums: sums.length,
    worst: Math.max(...sums.map(([x], i) => Math.abs(x - others[i][0]))),
    greedy: `${sums.filter(([, greedy], i) => greedy === others[i][1]).length} of ${sums.length}`,
    texts: `${said.length} of ${http.samples.says_it.length}`,
    accuracies: [...metric('which_one', 'acc'), ...metric('which_one', 'acc_norm'), ...metric('says_it', 'exact_match')],
  };
}

/** The file whose name begins so, below a folder. */
function fileIn(folder, begins) {
  const name = readdirSync(folder, { recursive: true }).find((path) => basename(path).startsWith(begins));
  return join(folder, name);
}

const samplesOf = (file) =>
  lines(readFileSync(file, 'utf8'))
    .sort((a, b) => a.doc_id - b.doc_id)
    .map((s) => ({ ...s, filtered_resps: s.filtered_resps.map((r) => (Array.isArray(r) ? [Number(r[0]), String(r[1])] : r)) }));

// --- openai --------------------------------------------------------------------------------------------------------------

async function client(folder, models) {
  const template = join(folder, 'chat.jinja');
  writeFileSync(
    template,
    '{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}',
  );
  const found = [];
  for (const { name, place } of models)
    await served(['--model', place, '--template', template], (url) => {
      const words = [join(root, 'scripts/evidence/serve/client.py'), url, 'Once upon a time'];
      found.push({ name, checks: lines(execFileSync(python, words, { encoding: 'utf8' })) });
    });
  const wrong = found.flatMap(({ name, checks }) =>
    checks.filter(({ ok }) => !ok).map(({ what, got }) => `${name}: ${what}: ${got}`),
  );
  for (const one of wrong) console.error(one);
  put(
    'openai',
    ['what is asked', ...found.map(({ name }) => name)],
    found[0].checks.map(({ what }, i) => [what, ...found.map(({ checks }) => (checks[i].ok ? 'right' : 'wrong'))]),
  );
  return wrong.length;
}

// --- times ---------------------------------------------------------------------------------------------------------------

function times(_, [, builtIn]) {
  const script = join(shared, 'get-smollm2');
  const smollm2 = existsSync(script) ? spawnSync(script, { encoding: 'utf8' }).stdout?.trim() : '';
  const all = [builtIn, ...(smollm2 ? [{ name: 'SmolLM2-135M', place: smollm2 }] : [])];
  const found = all.map(({ name, place }, i) => ({
    name,
    ...JSON.parse(inDeno('scripts/evidence/serve/measure.ts', place, ROWS, i ? '1' : '7')),
  }));
  const figure = (x) => x.toFixed(0);
  const said = (f) => [
    figure(f.ms),
    figure(f.beside),
    `${f.ratio.toFixed(2)} (${f.from.toFixed(2)} to ${f.to.toFixed(2)})`,
    f.cpu.toFixed(2),
  ];
  put(
    'times',
    [
      'model',
      'first token, ms',
      '`generate`, ms',
      'ratio',
      'of CPU',
      'requests answered',
      '32 at once, ms',
      '`eval`, ms',
      'ratio',
      'of CPU',
    ],
    found.map((f) => [f.name, ...said(f.first), `${f.many.rows} of 32`, ...said(f.many)]),
  );
  return found.filter(({ first, many }) => many.rows < 32 || first.cpu > MOST.first || many.cpu > MOST.many).length;
}

// --- helpers -------------------------------------------------------------------------------------------------------------

/** Starts the server, as the command line does, for as long as `use` takes. */
async function served(words, use) {
  const command = [join(root, 'scripts/blocktune.mjs'), 'serve', ...words, '--port', '0', '--json', '--tune', 'off'];
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit'] });
  const over = new Promise((end) => child.on('close', end));
  try {
    const url = await new Promise((there, failed) => {
      over.then((code) => failed(new Error(`expected serve to listen, got its end with ${code}`)));
      createInterface({ input: child.stdout }).on('line', (line) => {
        const { kind, url } = JSON.parse(line);
        if (kind === 'listening') there(url);
      });
    });
    await use(url);
  } finally {
    child.kill('SIGTERM');
    await over;
  }
}

function inDeno(script, ...words) {
  const env = { ...process.env, XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? tmpdir(), NO_COLOR: '1' };
  return execFileSync(deno, ['run', '-A', '--quiet', script, ...words], { cwd: root, env, encoding: 'utf8' });
}

const lines = (text) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

function put(part, heads, rows) {
  const table = [heads, heads.map(() => '-'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
  const [from, to] = [`<!-- ${part} -->`, `<!-- /${part} -->`];
  const page = readFileSync(PAGE, 'utf8');
  if (!page.includes(from) || !page.includes(to)) throw new Error(`expected ${from} and ${to} in ${PAGE}, got neither`);
  writeFileSync(PAGE, `${page.slice(0, page.indexOf(from))}${from}\n${table}\n${page.slice(page.indexOf(to))}`);
  console.log(table);
}
