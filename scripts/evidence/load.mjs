// Does a model of 3 GB get onto the device at no less than half the speed of reading its file into memory, and with less than 200 MB of
// the host's own? The hash that a run keeps of it is timed apart. The file is made of holes, the device is a real one: it wants 3 GB free. Each is measured in a process of its own, in
// turn. A word: how many layers of Llama-3.2-1B's shapes the model has (20).
import { execFileSync } from 'node:child_process';
import { ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { freemem, tmpdir } from 'node:os';
import { join } from 'node:path';

const deno = createRequire(import.meta.url)('deno/install_api.cjs').runInstall();
const ROUNDS = 3;
const LEAST = 0.5;
const MOST_MB = 200;

export function run([layers = '20']) {
  const folder = mkdtempSync(join(tmpdir(), 'blocktune-load-'));
  try {
    const bytes = makeModel(folder, Number(layers));
    if (freemem() < 1.2 * bytes)
      throw new Error(`expected ${(1.2 * bytes) / 1e9} GB free, got ${freemem() / 1e9}: ask for fewer layers`);
    const best = { read: Number.POSITIVE_INFINITY, load: Number.POSITIVE_INFINITY };
    let most = { heap: 0, external: 0 };
    for (let round = 0; round < ROUNDS; round++)
      for (const what of ['read', 'load']) {
        const { ms, heap, external } = measured(what, folder);
        best[what] = Math.min(best[what], ms);
        if (what === 'load') most = { heap: Math.max(most.heap, heap), external: Math.max(most.external, external) };
        console.log(
          `${what} ${ms.toFixed(0)} ms, heap ${(heap / 1e6).toFixed(0)} MB, external ${(external / 1e6).toFixed(0)} MB`,
        );
      }
    const { ms } = measured('hash', folder);
    console.log(`hash ${ms.toFixed(0)} ms: ${(bytes / ms / 1e6).toFixed(2)} GB/s, apart from loading and made beside the steps`);
    const ratio = best.read / best.load;
    const host = (most.heap + most.external) / 1e6;
    console.log(
      `${(bytes / 1e9).toFixed(2)} GB at ${(bytes / best.load / 1e6).toFixed(2)} GB/s: ${ratio.toFixed(2)} of the speed of reading, ${host.toFixed(0)} MB of the host's at most`,
    );
    return ratio >= LEAST && host < MOST_MB ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function measured(what, folder) {
  const env = { ...process.env, XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? tmpdir(), NO_COLOR: '1' };
  const script = new URL('./load/measure.ts', import.meta.url).pathname;
  return JSON.parse(execFileSync(deno, ['run', '-A', '--quiet', script, what, folder], { env, encoding: 'utf8' }));
}

/** A bf16 model of so many layers, all zeros; answers its bytes. */
function makeModel(folder, layers) {
  const [D, F, KV, V] = [2048, 8192, 512, 128256];
  const tensors = [['model.embed_tokens.weight', [V, D]]];
  for (let l = 0; l < layers; l++)
    for (const [name, shape] of [
      ['input_layernorm', [D]],
      ['self_attn.q_proj', [D, D]],
      ['self_attn.k_proj', [KV, D]],
      ['self_attn.v_proj', [KV, D]],
      ['self_attn.o_proj', [D, D]],
      ['post_attention_layernorm', [D]],
      ['mlp.gate_proj', [F, D]],
      ['mlp.up_proj', [F, D]],
      ['mlp.down_proj', [D, F]],
    ])
      tensors.push([`model.layers.${l}.${name}.weight`, shape]);
  tensors.push(['model.norm.weight', [D]]);
  const header = {};
  let at = 0;
  for (const [name, shape] of tensors) {
    const end = at + 2 * shape.reduce((a, b) => a * b);
    header[name] = { dtype: 'BF16', shape, data_offsets: [at, end] };
    at = end;
  }
  const text = JSON.stringify(header);
  const padded = text.padEnd(8 * Math.ceil(text.length / 8));
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(BigInt(padded.length));
  const file = openSync(join(folder, 'model.safetensors'), 'w');
  writeSync(file, Buffer.concat([start, Buffer.from(padded)]));
  ftruncateSync(file, 8 + padded.length + at);
  const json = (name, value) => writeFileSync(join(folder, name), JSON.stringify(value));
  json('config.json', {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    ...{ hidden_size: D, intermediate_size: F, num_hidden_layers: layers, num_attention_heads: 32, num_key_value_heads: 8 },
    ...{ head_dim: 64, vocab_size: V, rms_norm_eps: 1e-5, rope_theta: 5e5, max_position_embeddings: 2048 },
    ...{ tie_word_embeddings: true, torch_dtype: 'bfloat16', bos_token_id: 0, eos_token_id: 1 },
  });
  json('tokenizer.json', { version: '1.0', added_tokens: [], model: { type: 'BPE', vocab: { a: 0, b: 1 }, merges: [] } });
  return at;
}
