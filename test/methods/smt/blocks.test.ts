// Chosen blocks on a model: what is said of their update.
import { expect, test } from 'vitest';
import { allocate, free, newScope } from '../../../src/gpu/scope.ts';
import type { SmtAdapter } from '../../../src/io/adapter.ts';
import { attachBlocks } from '../../../src/methods/smt/blocks.ts';
import type { Choice } from '../../../src/methods/smt/select.ts';
import { testGpu } from '../../gpu/harness.ts';
import { baseIn, tinyDecoder } from '../../models/tiny.ts';

test('the shares of the update are those of the squares of the differences', async () => {
  const gpu = await testGpu();
  const decoder = tinyDecoder(gpu);
  const at = (layer: number, module: Choice['module'], row: number, col: number) => ({ layer, module, row, col, score: 0 });
  const selection = { block: 8, blocks: [at(1, 'v_proj', 1, 2), at(0, 'q_proj', 0, 3), at(0, 'q_proj', 2, 1)] };
  // 2 in v, 1 in q's (0, 3), nothing in q's (2, 1): in another order than the device's
  const [v, q] = [new Float32Array(64), new Float32Array(128)];
  v[5] = 2;
  q[64] = -1;
  const matrices: SmtAdapter['matrices'] = [
    { name: 'model.layers.0.self_attn.q_proj.weight', index: Int32Array.of(2, 1, 0, 3), blocks: q },
    { name: 'model.layers.1.self_attn.v_proj.weight', index: Int32Array.of(1, 2), blocks: v },
  ];
  const attached = attachBlocks(decoder, selection, null, { block: 8, matrices } as SmtAdapter);
  const scope = newScope(gpu.scope);
  for (const t of attached.tensors) allocate(scope, t.home!);
  await attached.fill(baseIn(gpu, decoder));
  const [line] = await attached.told!(baseIn(gpu, decoder));
  free(scope);
  expect(line).toEqual({
    kind: 'blocks_update',
    norm: expect.closeTo(Math.sqrt(5), 6),
    blocks: [
      { layer: 1, module: 'v_proj', row: 1, col: 2, share: 0.8 },
      { layer: 0, module: 'q_proj', row: 0, col: 3, share: 0.2 },
      { layer: 0, module: 'q_proj', row: 2, col: 1, share: 0 },
    ],
  });
});
