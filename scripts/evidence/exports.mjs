// Do the programs that exports are for run them as we do? Each model is exported as the command line does it; llama.cpp then says the
// log-probabilities of a few rows and 64 greedy tokens, which are held against ours of the model that was exported. Needs a python3
// (PYTHON, if another) with llama-cpp-python; where it lacks that, it says so and is no evidence. Writes a table of docs/exports.md.
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
  const lacking = spawnSync(python, ['-c', 'import llama_cpp'], { encoding: 'utf8' }).status !== 0;
  if (lacking) {
    console.log(`skipped: ${python} has no llama_cpp (pip install llama-cpp-python)`);
    return 0;
  }
  const folder = mkdtempSync(join(tmpdir(), 'blocktune-exports-'));
  try {
    const results = models(folder)
      .filter(({ name }) => !only || name === only)
      .flatMap((model) => DTYPES.map((dtype) => held(folder, model, dtype)));
    const rows = results.map((r) => `| ${r.name} | ${r.dtype} | ${r.bytes} | ${r.same} | ${r.worst} | ${r.mean} | ${r.ids} |`);
    const heads = [
      'model',
      'dtype',
      'bytes',
      `greedy tokens equal of ${TOKENS}`,
      'largest difference',
      'mean',
      'texts of other ids',
    ];
    const table = [`| ${heads.join(' | ')} |`, `|${'-|'.repeat(heads.length)}`, ...rows].join('\n');
    if (!only) write(table);
    console.log(table);
    const wrong = results.filter((r) => r.dtype === 'f32' && (r.worst > CLOSE || r.same < TOKENS || r.ids));
    for (const { name } of wrong) console.error(`${name}: not the same model in llama.cpp`);
    return wrong.length ? 1 : 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const ours = new Map();

function held(folder, { name, place }, dtype) {
  const file = join(folder, `${name}-${dtype}.gguf`);
  const words = ['export', '--model', place, '--format', 'gguf', '--dtype', dtype, '--out', file, '--json', '--tune', 'off'];
  execFileSync(process.execPath, [join(root, 'scripts/blocktune.mjs'), ...words], { stdio: ['ignore', 'ignore', 'inherit'] });
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

/** The goldens of every family, with a tokenizer of bytes; and SmolLM2 where it is there. */
function models(folder) {
  const found = ['llama3', 'llama-linear', 'mistral', 'qwen2', 'qwen3'].map((name) => {
    const place = join(folder, name);
    cpSync(join(root, 'test/goldens', name, 'model'), place, { recursive: true });
    const { vocab_size } = JSON.parse(readFileSync(join(place, 'config.json'), 'utf8'));
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

/** Puts the table into the page, between the comments that name it. */
function write(table) {
  const page = join(root, 'docs/exports.md');
  const [from, to] = ['<!-- llama.cpp -->', '<!-- /llama.cpp -->'];
  const text = readFileSync(page, 'utf8');
  writeFileSync(page, `${text.slice(0, text.indexOf(from))}${from}\n${table}\n${text.slice(text.indexOf(to))}`);
}
