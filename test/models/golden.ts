// The engine against PyTorch: logits, loss, every gradient, curves of steps, scores, continuations, of a family with one set of kernels.
// Their tests are files of a few families each: llvmpipe gives back no memory of a dispatch whose invocations wait for each other, as
// a tile's do (Mesa 22.3; 2 GB for a family whole), until its process ends. No test in here.
import { beforeAll, describe, expect, test } from 'vitest';
import { pack } from '../../src/data/pack.ts';
import type { Row } from '../../src/data/rows.ts';
import { planDecoding } from '../../src/eval/decoding.ts';
import { generateAll } from '../../src/eval/generate.ts';
import { planLikelihood, scoreRows, sizesOf } from '../../src/eval/likelihood.ts';
import { type Gpu, idle } from '../../src/gpu/device.ts';
import { planningOf } from '../../src/gpu/limits.ts';
import { plan } from '../../src/gpu/plan.ts';
import { copy } from '../../src/gpu/program.ts';
import { dispose, prepare, replay } from '../../src/gpu/run.ts';
import { read, resident } from '../../src/gpu/tensor.ts';
import { configFromHf } from '../../src/io/config.ts';
import { type Decoder, hiddenStates } from '../../src/models/decoder.ts';
import { feed } from '../../src/models/inputs.ts';
import type { Score } from '../../src/ops/blocks/score.ts';
import { linear } from '../../src/ops/matmul/linear.ts';
import { rmsnorm } from '../../src/ops/norm/rmsnorm.ts';
import { newStream } from '../../src/ops/stream/stream.ts';
import '../compare.ts';
import { type Family, type Golden, loadGolden } from '../goldens/load.ts';
import { gpuWith, type Kernels } from '../gpu/kernels.ts';
import { decoderOf, lossAndGradients, scores, startRun } from './tiny.ts';

const bound = 1e-5;
type Curve = keyof Golden['curves'];

/**
 * Tests of families with sets of kernels. `whole`: every curve and every kind of score, not one of each form; what is left out is the
 * same kernels in other numbers.
 */
export function testGoldens(cases: [Family, Kernels][], whole: boolean): void {
  const curves = whole ? (['full', 'smt8_all', 'smt8_qkv', 'smt16_qkv', 'smt16_all'] as const) : (['full', 'smt16_all'] as const);
  const kinds = whole ? (['absmean', 'absofmean', 'absmean-of-sum', 'l2'] as const) : (['absofmean', 'l2'] as const);
  describe.each(cases)('%s, kernels: %s', (family, kernels) => holdGoldens(family, kernels, curves, kinds));
}

function holdGoldens(family: Family, kernels: Kernels, curves: readonly Curve[], kinds: readonly Score[]): void {
  let gpu: Gpu;
  let golden: Golden;
  let rows: Row[];
  /** Weights as they were, for every test anew. */
  let fresh: () => Decoder;

  beforeAll(async () => {
    gpu = await gpuWith(kernels);
    golden = await loadGolden(family);
    rows = rowsOf(golden);
    const config = configFromHf(JSON.parse(new TextDecoder().decode(golden.files['config.json'])));
    fresh = () => decoderOf(gpu, config, (w) => golden.weights.get(w.name)!.data as Float32Array<ArrayBuffer>);
  });

  test('logits of one row', async () => {
    expect(await logits(gpu, fresh(), rows[0])).toBeCloseL2(golden.tensors.get('logits')!.data, bound);
  });

  test('log-probability and targets of every row', async () => {
    const got = await logprobs(gpu, fresh(), rows, golden.batch);
    expect(got.map((s) => s.logprob)).toBeCloseL2(
      golden.eval.map(([logprob]) => logprob),
      bound,
    );
    expect(got.map((s) => s.tokens)).toEqual(golden.eval.map(([, tokens]) => tokens));
  });

  test.each([false, true])('loss and every gradient of the first batch, layers traced again: %s', async (recompute) => {
    const got = await lossAndGradients(gpu, fresh(), rows.slice(0, golden.batch), recompute);
    expect(got.tokens).toBe(golden.tokens);
    expect([got.loss]).toBeAllclose([golden.loss], { rtol: bound });
    expect([...got.grads.keys()].sort()).toEqual([...golden.weights.keys()].sort());
    for (const [name, g] of got.grads) expect(g, name).toBeCloseL2(golden.tensors.get(`grad/${name}`)!.data, bound);
  });

  test.each(curves)('ten steps of %s', async (kind) => {
    const want = golden.curves[kind];
    const d = fresh();
    const run = await startRun(gpu, d, { ...want, rows, batch: golden.batch });
    const got = await run.go(10);
    expect(got.loss).toBeCloseL2(want.loss, bound);
    expect(got.grad_norm).toBeCloseL2(want.grad_norm, bound);
    const after = await logprobs(gpu, d, rows, golden.batch);
    expect(after.map((s) => s.logprob)).toBeCloseL2(want.eval, bound);
    run.free();
  });

  test.each(kinds.flatMap((kind) => [8, 16].map((edge) => [kind, edge] as const)))(
    '%s scores of blocks of %s over three frozen steps',
    async (kind, edge) => {
      const key = (n: string) => `score/${n}/${kind}/${edge}`;
      const names = [...golden.weights.keys()].filter((n) => golden.tensors.has(key(n)));
      const got = await scores(gpu, fresh(), names, kind, edge, rows, golden.batch);
      expect(names.length).toBeGreaterThan(5);
      // a signed block mean cancels, in PyTorch's f32 as in ours
      for (const n of names)
        expect(got.get(n)!, n).toBeCloseL2(golden.tensors.get(key(n))!.data, kind === 'absofmean' ? 1e-4 : bound);
    },
  );

  test.each([1, 2])('greedy continuations, %i rows at once', async (rows) => {
    expect(await continued(gpu, fresh(), golden.greedy, rows)).toEqual(golden.greedy.map((row) => row.new));
  });
}

/** Greedy continuations of a golden's prompts, as long as its own, so many rows at once. */
export async function continued(gpu: Gpu, d: Decoder, want: Golden['greedy'], rows: number): Promise<number[][]> {
  const decoding = planDecoding(d, 32, planningOf(gpu.limits), rows);
  const machine = await prepare(gpu, decoding.plan);
  const asked = want.map(({ prompt }) => ({ prompt, seed: 0 }));
  const room = Math.max(...want.map((row) => row.new.length));
  const sampling = { max_new_tokens: room, temperature: 0, top_p: 1, eos: [2] };
  const got: number[][] = [];
  for await (const ids of generateAll(machine, decoding, asked, sampling)) got.push(ids);
  dispose(machine);
  return got.map((ids, i) => ids.slice(0, want[i].new.length));
}

/** A golden's rows as a run has them. */
export const rowsOf = (golden: Pick<Golden, 'rows'>): Row[] =>
  golden.rows.map(({ input_ids, labels }) => ({
    ids: Int32Array.from(input_ids),
    labels: Int32Array.from(labels),
    promptLength: 0,
  }));

/** Log-probability and targets of each row. */
export async function logprobs(gpu: Gpu, d: Decoder, rows: Row[], batch: number) {
  const sizes = sizesOf(rows, batch);
  const { plan: made, stream } = planLikelihood(d, sizes, planningOf(gpu.limits));
  const machine = await prepare(gpu, made);
  const got = await scoreRows(gpu, { machine, stream, sizes }, rows, batch);
  dispose(machine);
  return got;
}

/** Logits of every token of a row, [T, V]. */
async function logits(gpu: Gpu, d: Decoder, row: Row): Promise<Float32Array> {
  const b = pack([row]);
  const stream = newStream(b.n, b.m);
  const out = resident('logits', [b.n, d.config.vocab_size], 'other');
  const dims = { N: b.n, M: b.m };
  const build = (p: Parameters<typeof hiddenStates>[0]) => {
    const h = rmsnorm(p, hiddenStates(p, d, stream), d.norm, d.config.rms_norm_eps);
    copy(p, linear(p, h, [d.head])[0], out);
  };
  const machine = await prepare(gpu, plan([{ name: 'logits', build, dims }], planningOf(gpu.limits)));
  feed(gpu.memory, stream, b, b.n, b.m, false);
  replay(machine, 'logits', dims);
  await idle(gpu);
  const got = await read(gpu.memory, out);
  dispose(machine);
  return got;
}
