// Blocks trained by Muon as PyTorch trains them, for every family.
import { describe, expect, test } from 'vitest';
import { configFromHf } from '../../src/io/config.ts';
import type { MuonScale } from '../../src/methods/method.ts';
import '../compare.ts';
import { FAMILIES, loadGolden } from '../goldens/load.ts';
import goldens from '../goldens/muon.json';
import { testGpu } from '../gpu/harness.ts';
import { decoderOf, startRun } from '../models/tiny.ts';
import { some } from '../some.ts';

describe.each(some(FAMILIES, 3))('%s', (family) => {
  test.each(['smt8_all', 'smt16_qkv'] as const)('ten steps of %s', async (kind) => {
    const gpu = await testGpu();
    const { files, weights, rows: raw, batch, curves } = await loadGolden(family);
    const config = configFromHf(JSON.parse(new TextDecoder().decode(files['config.json'])));
    const d = decoderOf(gpu, config, (w) => weights.get(w.name)!.data as Float32Array<ArrayBuffer>);
    const rows = raw.map(({ input_ids, labels }) => ({
      ids: Int32Array.from(input_ids),
      labels: Int32Array.from(labels),
      promptLength: 0,
    }));
    const { scale, loss, grad_norm, betas, ...want } = goldens.families[family][kind];
    const { blocks } = curves[kind];
    const of = { ...want, blocks, rows, batch, betas: betas as [number, number], muon: scale as MuonScale };
    const run = await startRun(gpu, d, of);
    const got = await run.go(10);
    run.free();
    expect(got.loss).toBeCloseL2(loss, 1e-5);
    expect(got.grad_norm).toBeCloseL2(grad_norm, 1e-5);
  });
});
