// LoRA and DoRA as runs: against PEFT's own curves, and what must hold of accumulation, recomputation, dropout and beginnings.

import { describe, expect, test } from 'vitest';
import { batches } from '../../src/data/batches.ts';
import { pack } from '../../src/data/pack.ts';
import type { Row } from '../../src/data/rows.ts';
import { scoreRows, sizesOf } from '../../src/eval/likelihood.ts';
import { planningOf } from '../../src/gpu/limits.ts';
import { prepare } from '../../src/gpu/run.ts';
import { allocate, free, newScope } from '../../src/gpu/scope.ts';
import { read, write } from '../../src/gpu/tensor.ts';
import { loadAdapter } from '../../src/io/adapter.ts';
import type { PeftAdapter } from '../../src/io/adapter-peft.ts';
import { blobFolder } from '../../src/io/bytes.ts';
import { configFromHf } from '../../src/io/config.ts';
import { methodOf } from '../../src/methods/index.ts';
import { dora, lora, type RankSettings } from '../../src/methods/lora.ts';
import type { Method, MuonScale } from '../../src/methods/method.ts';
import { SMT_DEFAULTS } from '../../src/methods/smt/method.ts';
import { type Decoder, matrixNamed } from '../../src/models/decoder.ts';
import { begin } from '../../src/ops/optimizer/trained.ts';
import { planTraining } from '../../src/train/plans.ts';
import { train } from '../../src/train/step.ts';
import '../compare.ts';
import { type Family, loadGolden } from '../goldens/load.ts';
import muon from '../goldens/muon.json';
import { testGpu } from '../gpu/harness.ts';
import { baseIn, decoderOf, rowsOf, tinyDecoder } from '../models/tiny.ts';

const gpu = await testGpu();

interface Settings {
  lr: number;
  betas: [number, number];
  eps: number;
  weight_decay: number;
  clip: number;
}

const PLAIN: Settings = { lr: 1e-2, betas: [0.9, 0.999], eps: 1e-6, weight_decay: 0, clip: 1 };
const RANKING: RankSettings = { rank: 4, alpha: 8, dropout: 0, seed: 1, targets: ['q_proj', 'v_proj', 'down_proj'] };

interface Made {
  loss: number[];
  grad_norm: number[];
  /** Each row's log-probability after the run. */
  after: number[];
  planned: number;
  allocated: number;
  /** What was trained, as the adapter that it is saved as. */
  adapter: PeftAdapter;
}

interface RunSettings {
  batch?: number;
  accumulate?: number;
  recompute?: boolean;
  settings?: Settings;
  muon?: MuonScale;
}

/** A run as the product lays it out. Nothing of it stays on the device. */
async function run(
  decoder: Decoder,
  method: Method,
  rows: Row[],
  steps: number,
  { batch = 4, accumulate = 1, recompute = false, settings = PLAIN, muon }: RunSettings = {},
): Promise<Made> {
  const planning = planningOf(gpu.limits);
  const attached = method.attach(decoder, {
    decays: settings.weight_decay > 0,
    muon,
    software: gpu.limits.software,
    most: gpu.limits.maxBinding,
  });
  const order = batches({ n_rows: rows.length, batch, accumulate, shuffle: false, seed: 0 });
  const all = Array.from({ length: order.steps_per_epoch }, (_, t) => order.step(t)).flat();
  const packed = all.map((micro) => pack(micro.map((i) => rows[i])));
  const sizes = { N: Math.max(...packed.map((b) => b.n)), M: Math.max(...packed.map((b) => b.m)) };
  const held = sizesOf(rows, batch);
  const before = gpu.memory.bytes;
  const optimizer = { ...settings, weightDecay: settings.weight_decay, recompute };
  const phase = planTraining(decoder, attached, { ...optimizer, sizes }, planning, held);
  const scope = newScope(gpu.scope);
  for (const t of attached.tensors) allocate(scope, t.home!);
  const machine = await prepare(gpu, phase.plan, scope);
  begin(gpu.memory, attached.trained);
  write(gpu.memory, phase.state, new Uint8Array(phase.state.bytes));
  const base = { ...baseIn(gpu, decoder), sha256: async () => '' };
  await attached.fill(base);
  const made = { loss: [] as number[], grad_norm: [] as number[] };
  const { sorted } = attached;
  const loop = { gpu, machine, phase, rows, batches: order, steps, lrAt: () => settings.lr, sorted };
  await train(loop, (line) => {
    if (line.kind !== 'step') return;
    made.loss.push(line.loss);
    made.grad_norm.push(line.grad_norm);
  });
  const scored = await scoreRows(gpu, { machine, stream: phase.stream, sizes: held }, rows, batch);
  const weights = phase.plan.residents.filter((h) => h.role === 'weights' || h.name === 'rope').reduce((n, h) => n + h.bytes, 0);
  const adapter = (await attached.adapter(base, true)) as PeftAdapter;
  const allocated = gpu.memory.bytes - before;
  free(scope);
  return { ...made, after: scored.map((s) => s.logprob), planned: phase.plan.bytes.total - weights, allocated, adapter };
}

// --- PEFT -------------------------------------------------------------------------------------------------------------

const files = import.meta.glob<string>('../goldens/peft/*/*', { query: '?url&inline', import: 'default' });

async function peftGolden(
  name: string,
): Promise<{ adapter: PeftAdapter; golden: { options: Settings; start: number[]; eval: number[] } & Made }> {
  const blob = async (file: string) => (await fetch(await files[`../goldens/peft/${name}/${file}`]())).blob();
  const names = ['adapter_config.json', 'adapter_model.safetensors'];
  const folder = blobFolder(new Map(await Promise.all(names.map(async (n) => [n, await blob(n)] as const))));
  const golden = JSON.parse(await (await blob('golden.json')).text());
  return { adapter: (await loadAdapter(folder)) as PeftAdapter, golden };
}

describe.each([
  ['llama-bias', 'lora'],
  ['llama-bias', 'dora'],
  ['qwen3', 'rslora'],
  ['qwen3', 'dora'],
] as [Family, string][])('%s %s as PEFT trains it', (family, kind) => {
  test('ten steps and what comes out', async () => {
    const { adapter, golden } = await peftGolden(`${family}-${kind}`);
    const { files: of, weights, rows: raw, batch } = await loadGolden(family);
    const config = configFromHf(JSON.parse(new TextDecoder().decode(of['config.json'])));
    const fresh = () => decoderOf(gpu, config, (w) => weights.get(w.name)!.data as Float32Array<ArrayBuffer>);
    const rows = raw.map(({ input_ids, labels }) => ({
      ids: Int32Array.from(input_ids),
      labels: Int32Array.from(labels),
      promptLength: 0,
    }));
    const settings = { ...SMT_DEFAULTS, ...RANKING, dropout: adapter.dropout };
    const o = methodOf(adapter).adapters!.from(adapter, settings);
    const start = await run(fresh(), o, rows, 0, { batch, settings: golden.options });
    expect(start.after).toBeCloseL2(golden.start, 1e-5);
    const got = await run(fresh(), o, rows, 10, { batch, settings: golden.options });
    expect(got.loss).toBeCloseL2(golden.loss, 1e-5);
    expect(got.grad_norm).toBeCloseL2(golden.grad_norm, 1e-5);
    expect(got.after).toBeCloseL2(golden.eval, 1e-5);
    const { options, ...curve } = muon.peft[`${family}-${kind}` as keyof typeof muon.peft];
    const orthogonal = await run(fresh(), o, rows, 10, { batch, settings: options as unknown as Settings, muon: 'block' });
    expect(orthogonal.loss).toBeCloseL2(curve.loss, 1e-5);
    expect(orthogonal.grad_norm).toBeCloseL2(curve.grad_norm, 1e-5);
    expect(orthogonal.after).toBeCloseL2(curve.eval, 1e-5);
    expect(orthogonal.allocated).toBe(orthogonal.planned);
  });
});

// --- what must hold ---------------------------------------------------------------------------------------------------

const ROWS = rowsOf([9, 14, 5, 11, 7, 16, 8, 6]);

describe.each([
  ['lora', lora],
  ['dora', dora],
])('%s', (_, make) => {
  const o = make(RANKING);

  test('begins as the base, and learns', async () => {
    const base = await run(tinyDecoder(gpu), lora({ ...RANKING, rank: 1, targets: ['v_proj'] }), ROWS, 0);
    const begun = await run(tinyDecoder(gpu), o, ROWS, 0);
    expect(begun.after).toBeCloseL2(base.after, 1e-6);
    const tuned = await run(tinyDecoder(gpu), o, ROWS, 8);
    expect(tuned.loss[7]).toBeLessThan(0.95 * tuned.loss[1]); // the same rows, three passes later
  });

  test('planned bytes are allocated bytes', async () => {
    const { planned, allocated } = await run(tinyDecoder(gpu), o, ROWS, 1);
    expect(allocated).toBe(planned);
  });

  test('accumulation equals the large batch', async () => {
    const whole = await run(tinyDecoder(gpu), o, ROWS, 4, { batch: 4 });
    const parts = await run(tinyDecoder(gpu), o, ROWS, 4, { batch: 1, accumulate: 4 });
    expect(parts.loss).toBeCloseL2(whole.loss, 1e-6);
    expect(parts.grad_norm).toBeCloseL2(whole.grad_norm, 1e-5);
  });

  test.each([0, 0.4])('recomputing layers changes no bit, dropout %d', async (dropout) => {
    const kept = await run(tinyDecoder(gpu), make({ ...RANKING, dropout }), ROWS, 3);
    const again = await run(tinyDecoder(gpu), make({ ...RANKING, dropout }), ROWS, 3, { recompute: true });
    expect(again.loss).toEqual(kept.loss);
    expect(again.grad_norm).toEqual(kept.grad_norm);
  });

  test('dropout: the same seed repeats its bits, another does not, and evaluation drops nothing', async () => {
    const half = { ...RANKING, dropout: 0.5 };
    const [a, b, c] = [
      await run(tinyDecoder(gpu), make(half), ROWS, 3),
      await run(tinyDecoder(gpu), make(half), ROWS, 3),
      await run(tinyDecoder(gpu), make({ ...half, seed: 2 }), ROWS, 3),
    ];
    expect(b).toMatchObject({ loss: a.loss, grad_norm: a.grad_norm, after: a.after });
    expect(c.grad_norm[1]).not.toBe(a.grad_norm[1]);
    const evaluated = await run(tinyDecoder(gpu), make(half), ROWS, 0);
    const plain = await run(tinyDecoder(gpu), o, ROWS, 0);
    expect(evaluated.after).toEqual(plain.after);
  });
});

test('A is uniform within 1 / sqrt(cols), another for every matrix and seed; B is zero', async () => {
  const { adapter } = await run(tinyDecoder(gpu), lora({ ...RANKING, rank: 16 }), ROWS, 0);
  const A = adapter.matrices.map((m) => m.A);
  const bound = 1 / Math.sqrt(adapter.matrices[0].shape[1]);
  expect(Math.max(...A[0].map(Math.abs))).toBeLessThanOrEqual(bound);
  expect(Math.max(...A[0].map(Math.abs))).toBeGreaterThan(0.95 * bound);
  expect(Math.abs(A[0].reduce((s, v) => s + v, 0) / A[0].length)).toBeLessThan(0.1 * bound);
  expect(A[0].reduce((s, v) => s + v * v, 0) / A[0].length / bound ** 2).toBeCloseTo(1 / 3, 1);
  expect(A[1]).not.toEqual(A[0]);
  const other = await run(tinyDecoder(gpu), lora({ ...RANKING, rank: 16, seed: 5 }), ROWS, 0);
  expect(other.adapter.matrices[0].A).not.toEqual(A[0]);
  expect(adapter.matrices).toHaveLength(2 * RANKING.targets.length);
  for (const m of adapter.matrices) expect(m.B.every((v) => v === 0)).toBe(true);
});

test('magnitudes begin at the row norms', async () => {
  const decoder = tinyDecoder(gpu);
  const { adapter } = await run(decoder, dora(RANKING), ROWS, 0);
  const { name, magnitude } = adapter.matrices[0];
  const weight = matrixNamed(decoder, name);
  const W = await read(gpu.memory, weight.windows[0].q);
  const norms = Float64Array.from({ length: weight.rows }, (_, r) =>
    Math.hypot(...W.subarray(r * weight.cols, (r + 1) * weight.cols)),
  );
  expect(magnitude!).toBeAllclose(norms, { rtol: 1e-6 });
});

test('a rank as large as the smaller side is taken; a larger one names the matrix and the cure', () => {
  const decoder = tinyDecoder(gpu); // k_proj is 16 x 32
  const ofRank = (rank: number) => lora({ ...RANKING, targets: ['k_proj'], rank });
  expect(() => ofRank(16).check(decoder)).not.toThrow();
  expect(ofRank(16).attach(decoder, { decays: false, software: true, most: 1 << 27 }).of).toBe(2 * 16 * 32);
  const reason = /at most 16 for model\.layers\.0\.self_attn\.k_proj\.weight \[16, 32\], got `rank` 17\. Use `rank` 16/;
  expect(() => ofRank(17).check(decoder)).toThrow(reason);
  expect(() => ofRank(17).attach(decoder, { decays: false, software: true, most: 1 << 27 })).toThrow(reason); // nobody need have asked before
});
