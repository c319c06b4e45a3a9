// Exported models in onnxruntime-web against PyTorch's logits of the same models: every family, in every type of weights.
import { describe, expect, test } from 'vitest';
import '../../compare.ts';
import { FAMILIES, inF64, loadGolden } from '../../goldens/load.ts';
import { forward } from '../../oracle/model.ts';
import { exportOf, inFourBits, openExported } from './exported.ts';

describe.each(FAMILIES)('%s', (family) => {
  test('f32: read in two pieces, the second over the cache, the logits are PyTorch’s', async () => {
    const golden = await loadGolden(family);
    const session = await openExported(exportOf(golden, 'f32'));
    expect(await session.logits(golden.rows[0].input_ids)).toBeCloseL2(golden.tensors.get('logits')!.data, 1e-5);
    await session.close();
  });

  test('f16: the same, as near as halves are', async () => {
    const golden = await loadGolden(family);
    const session = await openExported(exportOf(golden, 'f16'));
    expect(await session.logits(golden.rows[0].input_ids)).toBeCloseL2(golden.tensors.get('logits')!.data, 3e-3);
    await session.close();
  });

  test('q4: logits of the products rounded to four bits in blocks of 32, in f64', async () => {
    const golden = await loadGolden(family);
    const session = await openExported(exportOf(golden, 'q4'));
    const { input_ids } = golden.rows[0];
    const weights = inF64(golden.weights);
    const embedding = weights.get('model.embed_tokens.weight')!;
    for (const [name, { shape }] of golden.weights)
      if (shape.length === 2) weights.set(name, inFourBits(weights.get(name)!, shape[1]));
    const tied = !weights.has('lm_head.weight');
    if (tied) weights.set('lm_head.weight', weights.get('model.embed_tokens.weight')!);
    weights.set('model.embed_tokens.weight', embedding);
    const want = forward(golden.config, weights, { ids: input_ids, lo: input_ids.map(() => 0) });
    expect(await session.logits(input_ids)).toBeCloseL2(want.logits, 1e-5);
    await session.close();
  });
});
