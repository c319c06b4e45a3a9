// Do others run what `export --format onnx` writes? Every family in every dtype in Python's onnxruntime, checked by onnx, against
// PyTorch's logits: prefill and token by token over the cache, the four bits against onnxruntime's own quantizer; and in
// transformers.js, installed into a temporary folder, the same greedy text as here. Needs a python3 (PYTHON, if another) with onnx and
// onnxruntime, and npm with a registry; where one is lacking it says so, and that half is no evidence. A word: a model (folder or GGUF)
// for transformers.js beside the small ones. Writes the tables of docs/exports.md.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deno, root } from './tables/differential.mjs';

const PAGE = join(root, 'docs/exports.md');
const python = process.env.PYTHON ?? 'python3';
/** Largest difference of a logit from PyTorch's; four bits may be far off where weights are random. */
const MOST = { f32: 1e-3, f16: 0.1, q4: Number.POSITIVE_INFINITY };

export function run([model]) {
  const folder = mkdtempSync(join(tmpdir(), 'blocktune-onnx-'));
  try {
    return inPython(folder) + inTransformersJs(folder, model) ? 1 : 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function inPython(folder) {
  if (spawnSync(python, ['-c', 'import onnx, onnxruntime']).status !== 0) {
    console.log(`skipped: ${python} has no onnx and onnxruntime (pip install onnx onnxruntime)`);
    return 0;
  }
  inDeno('scripts/evidence/onnx/goldens.ts', folder);
  const found = lines(execFileSync(python, ['scripts/evidence/onnx/check.py', folder], { cwd: root, encoding: 'utf8' }));
  const off = found.filter(({ dtype, prefill, decode, levels }) => !(Math.max(prefill, decode) <= MOST[dtype]) || levels > 0);
  const figure = (x) => x.toExponential(1);
  put(
    'onnxruntime',
    ['family', 'dtype', 'logits up to', 'prefill', 'token by token', "levels that are not the quantizer's"],
    found.map((f) => [f.family, f.dtype, f.size.toFixed(1), figure(f.prefill), figure(f.decode), f.levels ?? '']),
  );
  return off.length;
}

function inTransformersJs(folder, model) {
  const words = ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '@huggingface/transformers'];
  if (spawnSync('npm', words, { cwd: folder, stdio: ['ignore', 2, 'inherit'] }).status !== 0) {
    console.log('skipped: npm cannot install @huggingface/transformers here');
    return 0;
  }
  writeFileSync(join(folder, 'run.mjs'), readFileSync(join(root, 'scripts/evidence/onnx/transformers.mjs')));
  const cases = lines(inDeno('scripts/evidence/onnx/models.ts', folder, ...(model ? [model] : [])));
  const found = cases.map((one) => {
    const got = JSON.parse(execFileSync('node', ['run.mjs', JSON.stringify(one)], { cwd: folder, encoding: 'utf8' }));
    const same = got.ids.findIndex((id, i) => id !== one.ids[i]);
    return { ...one, prompted: got.prompt.join() === one.prompt.join(), same: same < 0 ? one.ids.length : same };
  });
  put(
    'transformers.js',
    ['model', 'dtype', 'same prompt ids', 'same greedy tokens'],
    found.map((f) => [f.name, f.dtype, f.prompted ? 'yes' : 'no', `${f.same} of ${f.ids.length}`]),
  );
  return found.filter((f) => !f.prompted || (f.dtype === 'f32' && f.same < f.ids.length)).length;
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
