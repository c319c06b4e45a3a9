// Layers made again in the backward: the same losses, less memory, and when a run does so by itself.

import { beforeAll, describe, expect, test } from 'vitest';
import { batches } from '../../src/data/batches.ts';
import { pack } from '../../src/data/pack.ts';
import type { Gpu } from '../../src/gpu/device.ts';
import { planningOf } from '../../src/gpu/limits.ts';
import { prepare } from '../../src/gpu/run.ts';
import { allocate, free, newScope } from '../../src/gpu/scope.ts';
import { lora } from '../../src/methods/lora.ts';
import { smt } from '../../src/methods/smt/method.ts';
import { boundSelection } from '../../src/methods/smt/select.ts';
import { targetsOf } from '../../src/methods/targets.ts';
import { newDecoder } from '../../src/models/decoder.ts';
import { begin } from '../../src/ops/optimizer/trained.ts';
import { planTraining, runBytes } from '../../src/train/plans.ts';
import { settleRecompute, weighRecompute } from '../../src/train/recompute.ts';
import { train } from '../../src/train/step.ts';
import { testGpu } from '../gpu/harness.ts';
import { baseIn, type RunOptions, rowsOf, startRun, TINY, tinyDecoder } from '../models/tiny.ts';

const OPTIMIZER = { lr: 1e-2, betas: [0.9, 0.95] as const, eps: 1e-8, weight_decay: 0, clip: 1 };
const ROWS = rowsOf([9, 14, 11, 17, 8, 13]);
const SOME: RunOptions['blocks'] = [
  ['model.layers.0.self_attn.v_proj.weight', 0, 1],
  ['model.layers.1.mlp.down_proj.weight', 1, 2],
  ['model.layers.1.self_attn.q_proj.weight', 2, 0],
];

describe('losses and gradient norms', () => {
  let gpu: Gpu;
  beforeAll(async () => {
    gpu = await testGpu();
  });

  test.each<[string, Partial<RunOptions>]>([
    ['blocks', { block: 8, blocks: SOME }],
    ['blocks of the last layer alone', { block: 8, blocks: SOME.slice(1) }],
    ['everything', {}],
  ])('are the same where %s train', async (_, what) => {
    const curve = async (recompute: boolean) => {
      const run = await startRun(gpu, tinyDecoder(gpu), { ...OPTIMIZER, ...what, rows: ROWS, batch: 2, recompute });
      const found = await run.go(4);
      run.free();
      return found;
    };
    const [kept, again] = [await curve(false), await curve(true)];
    kept.loss.forEach((loss, i) => expect(again.loss[i] / loss).toBeCloseTo(1, 6));
    kept.grad_norm.forEach((norm, i) => expect(again.grad_norm[i] / norm).toBeCloseTo(1, 5));
    expect(kept.loss.at(-1)).toBeLessThan(kept.loss[0]);
  });

  test('are the same with dropout: a layer that is made again drops the same inputs', async () => {
    const kept = await rankedLosses(gpu, false);
    expect(await rankedLosses(gpu, true)).toEqual(kept.map((loss) => expect.closeTo(loss, 5)));
  });
});

/** Three steps of LoRA with dropout. */
async function rankedLosses(gpu: Gpu, recompute: boolean): Promise<number[]> {
  const decoder = tinyDecoder(gpu);
  const method = lora({ rank: 4, alpha: 8, dropout: 0.3, seed: 3, targets: ['q_proj', 'v_proj', 'down_proj'] });
  const attached = method.attach(decoder, { decays: false, software: true, most: 1 << 27 });
  const order = batches({ n_rows: ROWS.length, batch: 2, accumulate: 1, shuffle: false, seed: 0 });
  const packed = [0, 1, 2].map((t) => pack(order.step(t)[0].map((i) => ROWS[i])));
  const sizes = { N: Math.max(...packed.map((b) => b.n)), M: Math.max(...packed.map((b) => b.m)) };
  const o = { betas: OPTIMIZER.betas, eps: 1e-8, weightDecay: 0, clip: 1, recompute };
  const phase = planTraining(decoder, attached, { ...o, sizes }, planningOf(gpu.limits));
  const scope = newScope(gpu.scope);
  for (const t of attached.tensors) allocate(scope, t.home!);
  const machine = await prepare(gpu, phase.plan, scope);
  begin(gpu.memory, attached.trained);
  await attached.fill(baseIn(gpu, decoder));
  const losses: number[] = [];
  const loop = { gpu, machine, phase, rows: ROWS, batches: order, steps: 3, lrAt: () => 1e-2, sorted: false };
  await train(loop, (line) => {
    if (line.kind === 'step') losses.push(line.loss);
  });
  free(scope);
  return losses;
}

const PLANNING = planningOf({ maxBinding: 2 ** 27, maxBuffer: 2 ** 28, software: false, subgroups: 0 });
const OPTIONS = { betas: OPTIMIZER.betas, eps: 1e-8, weightDecay: 0, clip: 1 };

describe('memory', () => {
  const N = 96;
  const hidden = TINY.hidden_size;
  /** Bytes that depend on the tokens, of a model of so many layers. */
  const bytes = (n_layers: number, recompute: boolean) => {
    const decoder = newDecoder({ ...TINY, n_layers }, N, () => 'f32', 2 ** 27);
    const selection = boundSelection(targetsOf(decoder, ['v_proj']), 8, n_layers);
    const attached = smt({ block: 8, selection }).attach(decoder, { decays: false, software: true, most: 1 << 27 });
    const { plan } = planTraining(decoder, attached, { ...OPTIONS, sizes: { N, M: N }, recompute }, PLANNING);
    return plan.bytes.activations + plan.bytes.temporaries;
  };

  test('is one hidden state a layer, and one layer at work', () => {
    expect((bytes(12, true) - bytes(4, true)) / 8).toBe(N * hidden * 4);
    expect(bytes(12, true)).toBeLessThan(bytes(12, false) / 3);
  });
});

describe('by itself', () => {
  const plans = { kept: 1000, again: 400 };
  const bytesOf = (recompute: boolean) => (recompute ? plans.again : plans.kept);
  const settle = (recompute: 'auto' | 'on' | 'off', memory?: string) => {
    const { fault, ...settled } = weighRecompute({ recompute, memory }, bytesOf);
    if (fault) throw fault;
    return settled.recompute;
  };

  test.each([
    ['auto', undefined, false],
    ['auto', '1000', false],
    ['auto', '999', true],
    ['auto', '400', true],
    ['on', undefined, true],
    ['on', '1000', true],
    ['off', undefined, false],
    ['off', '1000', false],
  ] as const)('%s within %s: %s', (asked, memory, recompute) => {
    expect(settle(asked, memory)).toBe(recompute);
  });

  test.each([
    ['auto', '399', /within `memory` 399 .* plan of 400 bytes with layers made again in the backward: lower `batch`/],
    ['on', '399', /plan of 400 bytes/],
    ['off', '999', /plan of 1000 bytes: leave `recompute` off out/],
  ] as const)('%s within %s is refused', (asked, memory, reason) => {
    expect(() => settle(asked, memory)).toThrow(reason);
  });

  test('auto tells why', () => {
    const { shown } = weighRecompute({ recompute: 'auto', memory: '500' }, bytesOf);
    expect(shown).toBe(
      'kept, layers would take 1.00 KB in all, more than `memory` 500; made again in the backward they take 400 bytes',
    );
  });

  test('a run is weighed by the plans of its method, warm-up and evaluation included', () => {
    const decoder = newDecoder({ ...TINY, n_layers: 4 }, 96, () => 'f32', 2 ** 27);
    const method = smt({ block: 8, budget: '9b' });
    const o = { ...OPTIONS, sizes: { N: 96, M: 96 }, evaluate: { N: 96, M: 96 }, recompute: false };
    const bytes = (recompute: boolean) => runBytes(decoder, method, { ...o, recompute }, PLANNING);
    const settle = (memory: number) =>
      settleRecompute(decoder, method, o, PLANNING, { recompute: 'auto', memory: String(memory) }).recompute;
    expect(bytes(true)).toBeLessThan(bytes(false));
    expect(settle(bytes(false))).toBe(false);
    expect(settle(bytes(false) - 1)).toBe(true);
    expect(settle(bytes(true))).toBe(true);
    expect(() => settle(bytes(true) - 1)).toThrow(`got a plan of ${bytes(true)} bytes with layers made again`);
  });

  test('a plan is shown all the same, with the fault beside it', () => {
    expect(weighRecompute({ recompute: 'auto', memory: '399' }, bytesOf)).toMatchObject({
      recompute: true,
      fault: expect.any(Error),
    });
    expect(weighRecompute({ recompute: 'off', memory: '399' }, bytesOf)).toMatchObject({
      recompute: false,
      fault: expect.any(Error),
    });
  });
});
