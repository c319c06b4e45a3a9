// Do the programs that exports are for run them as we do? Each model is exported as the command line does it; llama.cpp then says the
// log-probabilities of a few rows and 64 greedy tokens, which are held against ours of the model that was exported. Needs a python3
// (PYTHON, if another) with llama-cpp-python; where it lacks that, it says so and is no evidence. And does PEFT make of blocks, exported
// as a LoRA, the model that they were trained to be? Needs peft and torch. A word: a model, or peft. Writes tables of docs/exports.md.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { deno, root } from './tables/differential.mjs';

const python = process.env.PYTHON ?? 'python3';
const TOKENS = 64;
/** Log-probabilities at f32 agree to this. */
const CLOSE = 1e-3;
const DTYPES = ['f32', 'f16', 'bf16', 'q8_0', 'q4_0', 'q4_1', 'q4_k_m'];

export function run([only]) {
  const folder = mkdtempSync(join(tmpdir(), 'blocktune-exports-'));
  try {
    return (only && only !== 'peft' ? 0 : inPeft(folder)) + (only === 'peft' ? 0 : inLlamaCpp(folder, only)) ? 1 : 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function inLlamaCpp(folder, only) {
  const lacking = spawnSync(python, ['-c', 'import llama_cpp'], { encoding: 'utf8' }).status !== 0;
  if (lacking) {
    console.log(`skipped: ${python} has no llama_cpp (pip install llama-cpp-python)`);
    return 0;
  }
  const results = models(folder)
    .filter(({ name }) => !only || name === only)
    .flatMap((model) => DTYPES.map((dtype) => held(folder, model, dtype)));
  const heads = [
    'model',
    'dtype',
    'bytes',
    `greedy tokens equal of ${TOKENS}`,
    'largest difference',
    'mean',
    'texts of other ids',
  ];
  const rows = results.map((r) => [r.name, r.dtype, r.bytes, r.same, r.worst, r.mean, r.ids]);
  write('llama.cpp', heads, rows, !only);
  const wrong = results.filter((r) => r.dtype === 'f32' && (r.worst > CLOSE || r.same < TOKENS || r.ids));
  for (const { name } of wrong) console.error(`${name}: not the same model in llama.cpp`);
  return wrong.length;
}

/** Blocks of a golden that were trained for some steps, as a LoRA in PEFT beside the model that they are merged into. */
function inPeft(folder) {
  if (spawnSync(python, ['-c', 'import peft, torch']).status !== 0) {
    console.log(`skipped: ${python} has no peft and torch (pip install peft torch)`);
    return 0;
  }
  const data = join(folder, 'rows.jsonl');
  const ids = (row) => Array.from({ length: 24 }, (_, i) => 3 + ((31 * row + 17 * i) % 90));
  writeFileSync(data, Array.from({ length: 16 }, (_, row) => `${JSON.stringify({ input_ids: ids(row) })}\n`).join(''));
  const results = models(folder)
    .filter(({ name }) => name === 'golden qwen3')
    .map(({ name, place }) => {
      const [adapter, lora, merged] = ['adapter', 'lora', 'merged'].map((part) => join(folder, `${name} ${part}`));
      const settings = [
        '--targets',
        'all',
        '--block',
        '8',
        '--budget',
        '20%t',
        '--warmup-steps',
        '2',
        '--lr',
        '1e-2',
        '--steps',
        '8',
      ];
      blocktune('train', '--model', place, '--data', data, ...settings, '--out', adapter);
      blocktune('export', '--model', place, '--adapter', adapter, '--format', 'peft', '--out', lora);
      blocktune('merge', '--model', place, '--adapter', adapter, '--dtype', 'f32', '--out', merged);
      return { name, ...asked(python, [join(root, 'scripts/evidence/exports/in-peft.py'), place, lora, merged]) };
    });
  const figure = (x) => x.toExponential(1);
  const rows = results.map((r) => [r.name, r.rank, figure(r.worst), figure(r.base)]);
  write('peft', ['model', 'rank', 'largest difference of a logit', "the base's"], rows, true);
  const wrong = results.filter((r) => !(r.worst <= CLOSE && r.base > 10 * r.worst));
  for (const { name } of wrong) console.error(`${name}: not the same model in PEFT`);
  return wrong.length;
}

const blocktune = (...words) =>
  execFileSync(process.execPath, [join(root, 'scripts/blocktune.mjs'), ...words, '--json', '--tune', 'off'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });

const ours = new Map();

function held(folder, { name, place }, dtype) {
  const file = join(folder, `${name}-${dtype}.gguf`);
  blocktune('export', '--model', place, '--format', 'gguf', '--dtype', dtype, '--out', file);
  if (!ours.has(place))
    ours.set(place, asked(deno, ['run', '-A', '--quiet', join(root, 'scripts/evidence/exports/ours.ts'), place, String(TOKENS)]));
  const expected = ours.get(place);
  const { rows, prompts, texts } = expected;
  const script = join(root, 'scripts/evidence/exports/llama.py');
  const got = asked(python, [script, file, JSON.stringify(rows), JSON.stringify(prompts), String(TOKENS), JSON.stringify(texts)]);
  const off = got.logprobs.flatMap((row, r) => row.map((x, i) => Math.abs(x - expected.logprobs[r][i])));
  const until = (a, b) => a.findIndex((id, i) => id !== b[i]);
  const same = Math.min(...got.greedy.map((ids, p) => until(ids, expected.greedy[p])).map((at) => (at < 0 ? TOKENS : at)));
  const ids = got.ids.filter((row, t) => row.join() !== expected.ids[t].join()).length;
  const bytes = statSync(file).size;
  rmSync(file);
  return { name, dtype, bytes, same, ids, worst: round(Math.max(...off)), mean: round(off.reduce((a, b) => a + b) / off.length) };
}

const round = (x) => Number(x.toPrecision(2));

function asked(program, words) {
  const env = { ...process.env, XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? tmpdir(), NO_COLOR: '1' };
  return JSON.parse(
    execFileSync(program, words, { env, encoding: 'utf8', maxBuffer: 1 << 30, stdio: ['ignore', 'pipe', 'inherit'] }),
  );
}

/** The goldens of every family, two with RoPE scaled by YaRN, with a tokenizer of bytes; and SmolLM2 where it is there. */
function models(folder) {
  const yarn = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 512 };
  const scaled = { 'llama3 yarn': yarn, 'qwen3 yarn': { ...yarn, attention_factor: 1.3 } };
  const found = ['llama3', 'llama-linear', 'mistral', 'qwen2', 'qwen3', ...Object.keys(scaled)].map((name) => {
    const place = join(folder, name);
    cpSync(join(root, 'test/goldens', name.split(' ')[0], 'model'), place, { recursive: true });
    const config = JSON.parse(readFileSync(join(place, 'config.json'), 'utf8'));
    if (scaled[name]) writeFileSync(join(place, 'config.json'), JSON.stringify({ ...config, rope_scaling: scaled[name] }));
    const { vocab_size } = config;
    const vocab = Object.fromEntries(
      Array.from({ length: vocab_size }, (_, id) => [String.fromCodePoint(33 + id + (id > 93 ? 67 : 0)), id]),
    );
    const pre_tokenizer = { type: 'ByteLevel', add_prefix_space: false, use_regex: false };
    const json = { version: '1.0', added_tokens: [], pre_tokenizer, model: { type: 'BPE', vocab, merges: [] } };
    writeFileSync(join(place, 'tokenizer.json'), JSON.stringify(json));
    return { name: `golden ${name}`, place };
  });
  const shared = resolve(root, process.env.BLOCKTUNE_SHARED ?? '../shared');
  const script = join(shared, 'get-smollm2');
  const smollm2 = existsSync(script) ? spawnSync(script, { encoding: 'utf8' }).stdout?.trim() : '';
  const stories = join(shared, 'data/models/stories260K-hf');
  return [
    ...found,
    ...(existsSync(stories) ? [{ name: 'stories260K', place: stories }] : []),
    ...(smollm2 ? [{ name: 'SmolLM2-135M', place: smollm2 }] : []),
  ];
}

/** Prints a table and, where it is whole, puts it into the page, between the comments that name it. */
function write(part, heads, rows, whole) {
  const table = [
    `| ${heads.join(' | ')} |`,
    `|${'-|'.repeat(heads.length)}`,
    ...rows.map((row) => `| ${row.join(' | ')} |`),
  ].join('\n');
  console.log(table);
  if (!whole) return;
  const page = join(root, 'docs/exports.md');
  const [from, to] = [`<!-- ${part} -->`, `<!-- /${part} -->`];
  const text = readFileSync(page, 'utf8');
  if (!text.includes(from) || !text.includes(to)) throw new Error(`expected ${from} and ${to} in ${page}, got neither`);
  writeFileSync(page, `${text.slice(0, text.indexOf(from))}${from}\n${table}\n${text.slice(text.indexOf(to))}`);
}
