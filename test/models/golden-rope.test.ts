// Models whose RoPE is scaled by YaRN and by dynamic NTK against PyTorch: gradients, log-probabilities, continuations, and as ONNX.
// Frequencies of many more configs: test/io/config-rope.test.ts.
import { beforeAll, describe, expect, test } from 'vitest';
import type { Gpu } from '../../src/gpu/device.ts';
import { configFromHf } from '../../src/io/config.ts';
import type { Decoder } from '../../src/models/decoder.ts';
import { decoderFor } from '../../src/train/model.ts';
import '../compare.ts';
import { type Family, type Golden, loadGolden } from '../goldens/load.ts';
import made from '../goldens/rope.json' with { type: 'json' };
import { testGpu } from '../gpu/harness.ts';
import { exportOf, openExported } from '../io/onnx/exported.ts';
import { continued, logprobs, rowsOf } from './golden.ts';
import { decoderOf, lossAndGradients } from './tiny.ts';

const bound = 1e-5;
const config = (golden: Golden, rope_scaling: object) =>
  configFromHf({ ...JSON.parse(new TextDecoder().decode(golden.files['config.json'])), rope_scaling });

describe.each(made.models.map((m) => [m.rope_scaling.rope_type, m] as const))('%s', (_, want) => {
  let gpu: Gpu;
  let golden: Golden;
  let fresh: () => Decoder;
  beforeAll(async () => {
    gpu = await testGpu();
    golden = await loadGolden(want.family as Family);
    const scaled = config(golden, want.rope_scaling);
    fresh = () => decoderOf(gpu, scaled, (w) => golden.weights.get(w.name)!.data as Float32Array<ArrayBuffer>);
  });

  test('loss and every gradient of the first batch', async () => {
    const got = await lossAndGradients(gpu, fresh(), rowsOf(golden).slice(0, golden.batch));
    expect([got.loss]).toBeAllclose([want.loss], { rtol: bound });
    const norms = [...got.grads].map(([name, g]) => [name, Math.hypot(...g)] as const);
    expect(norms.map(([name]) => name).sort()).toEqual(Object.keys(want.grad_norms).sort());
    for (const [name, norm] of norms)
      expect([norm], name).toBeAllclose([(want.grad_norms as Record<string, number>)[name]], { rtol: bound });
  });

  test('log-probability of every row', async () => {
    const got = await logprobs(gpu, fresh(), rowsOf(golden), golden.batch);
    expect(got.map((s) => s.logprob)).toBeCloseL2(want.eval, bound);
  });

  test('greedy continuations over a cache', async () => {
    expect(await continued(gpu, fresh(), want.greedy, 2)).toEqual(want.greedy.map((row) => row.new));
  });

  test('as ONNX', async () => {
    const session = await openExported({ ...exportOf(golden, 'f32'), config: config(golden, want.rope_scaling) });
    const { input_ids, labels } = golden.rows[0];
    const logits = await session.logits(input_ids);
    await session.close();
    const V = logits.length / input_ids.length;
    const logprob = (at: number, id: number) => {
      const row = logits.slice(at * V, (at + 1) * V);
      return row[id] - Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0));
    };
    const told = labels.map((id, i) => (i && id !== -100 ? logprob(i - 1, id) : 0));
    expect([told.reduce((a, b) => a + b)]).toBeAllclose([want.eval[0]], { rtol: bound });
  });
});

test('rows longer than what dynamic was made for are refused, those as long are not', async () => {
  const scaled = config(await loadGolden('llama3'), { type: 'dynamic', factor: 4 });
  const decoder = (positions: number) => decoderFor(scaled)(positions, 'keep', 1 << 27);
  expect(decoder(128).rope.shape[0]).toBe(128);
  expect(() => decoder(129)).toThrow(
    /at most 128 tokens, as this model's max_position_embeddings is, .*dynamic.*, got 129; lower/,
  );
});
