// What the tests of the command line need: the command itself, a folder of their own, and a tiny model with the built-in
// tokenizer and random weights, in which any file can be spoiled.

import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { configFromHf } from '../../src/io/config.ts';
import { tensorShapes } from '../../src/io/tensors.ts';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const shared = process.env.BLOCKTUNE_SHARED ?? join(root, '../shared');

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
  /** Standard output as JSON lines. */
  lines: any[];
}

interface Stopping {
  env?: Record<string, string>;
  /** Lines of standard output after which it is sent `signal`. */
  interruptAfter?: number;
  signal?: NodeJS.Signals;
}

/** Runs `blocktune WORDS...` from the checkout. */
export function blocktune(
  words: string[],
  { env = {}, interruptAfter = Infinity, signal = 'SIGINT' }: Stopping = {},
): Promise<Ended> {
  const child = spawn('node', [join(root, 'scripts/blocktune.mjs'), ...words], {
    cwd: root,
    env: { ...process.env, XDG_RUNTIME_DIR: tmpdir(), ...env },
  });
  let [stdout, stderr, asked] = ['', '', false];
  child.stdout.on('data', (part) => {
    stdout += part;
    if (!asked && stdout.split('\n').length > interruptAfter) asked = child.kill(signal);
  });
  child.stderr.on('data', (part) => (stderr += part));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    // Deno takes an exit code of 130, or any of a child that it has signalled, for the signal itself
    child.on('close', (code, by) => resolve({ code: by === signal ? 130 : code, stdout, stderr, lines: jsonLines(stdout) }));
  });
}

function jsonLines(text: string): any[] {
  const lines = text.split('\n').filter(Boolean);
  return lines.every((line) => line.startsWith('{')) ? lines.map((line) => JSON.parse(line)) : [];
}

/** A new folder; `free` removes it. */
export function newFolder(): { path: string; at: (...parts: string[]) => string; free: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'blocktune-test-'));
  return { path, at: (...parts) => join(path, ...parts), free: () => rmSync(path, { recursive: true, force: true }) };
}

const CONFIG = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 8,
  hidden_act: 'silu',
  max_position_embeddings: 256,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
  bos_token_id: 0,
  eos_token_id: 1,
  torch_dtype: 'float32',
};

/** Writes a model folder: the built-in tokenizer, a config with `changes`, random f32 weights that fit it. */
export function writeModel(path: string, changes: Record<string, unknown> = {}): string {
  mkdirSync(path, { recursive: true });
  for (const name of ['tokenizer.json', 'tokenizer_config.json'])
    cpSync(join(root, 'demo/built-in/model', name), join(path, name));
  const { vocab } = JSON.parse(readFileSync(join(path, 'tokenizer.json'), 'utf8')).model;
  const config = { ...CONFIG, vocab_size: Object.keys(vocab).length, ...changes };
  writeFileSync(join(path, 'config.json'), JSON.stringify(config));
  writeFileSync(join(path, 'model.safetensors'), weights(config));
  return path;
}

function weights(config: Record<string, unknown>): Uint8Array {
  const shapes = [...tensorShapes(configFromHf({ ...config, model_type: 'llama', architectures: undefined }))];
  const header: Record<string, unknown> = {};
  let at = 0;
  for (const [name, shape] of shapes) {
    const bytes = 4 * shape.reduce((a, b) => a * b, 1);
    header[name] = { dtype: 'F32', shape, data_offsets: [at, at + bytes] };
    at += bytes;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil(text.length / 8) * 8;
  const file = new Uint8Array(8 + padded + at).fill(0x20, 8, 8 + padded);
  new DataView(file.buffer).setBigUint64(0, BigInt(padded), true);
  file.set(text, 8);
  let state = 1;
  const values = new Float32Array(file.buffer, 8 + padded);
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = (state / 2 ** 32 - 0.5) / 4;
  }
  return file;
}

/** Writes rows as JSON lines; answers the path. */
export function writeRows(path: string, rows: unknown[]): string {
  writeFileSync(path, `${rows.map((row) => JSON.stringify(row)).join('\n')}\n`);
  return path;
}
