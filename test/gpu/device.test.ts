// Opening a device: adapters by name, limits as offered or pretended, and a whole run under limits far below any real one.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import '../compare.ts';
import { type Gpu, openGpu } from '../../src/gpu/device.ts';
import { homesOf } from '../../src/gpu/plan.ts';
import { allocate } from '../../src/gpu/scope.ts';
import { resident } from '../../src/gpu/tensor.ts';
import { parametersOf } from '../../src/models/decoder.ts';
import { lossAndGradients, rowsOf, startRun, TINY, tinyDecoder } from '../models/tiny.ts';
import { closeGpu, testGpu } from './harness.ts';

test('opening one leaves the globals of its host alone', async () => {
  const before = Object.getOwnPropertyNames(globalThis).sort();
  const gpu = await openGpu();
  expect(Object.getOwnPropertyNames(globalThis).sort()).toEqual(before);
  closeGpu(gpu);
});

describe('an adapter', () => {
  test.each([
    ['its whole name', (name: string) => name],
    ['a part of it', (name: string) => name.slice(1, 6)],
    ['a part in other letters', (name: string) => name.slice(0, 5).toUpperCase()],
    ['auto', () => 'auto'],
  ])('is found by %s', async (_, part) => {
    const { name } = await testGpu();
    const gpu = await openGpu({ device: part(name) });
    expect(gpu.name).toBe(name);
    closeGpu(gpu);
  });

  test('of a name that none has is an error that lists those found', async () => {
    const { name } = await testGpu();
    const asked = openGpu({ device: 'GeForce 9999' });
    await expect(asked).rejects.toThrow(/expected an adapter with "GeForce 9999" in its name, got .*`device`/);
    await expect(asked).rejects.toThrow(name);
  });
});

test('limits are those that the adapter offers, no feature is used that it lacks', async () => {
  const gpu = await testGpu();
  expect(gpu.limits.maxBuffer).toBe(gpu.adapter.limits.maxBufferSize);
  expect(gpu.limits.maxBinding).toBeLessThanOrEqual(gpu.adapter.limits.maxStorageBufferBindingSize);
  expect(gpu.limits.maxBinding).toBeGreaterThanOrEqual(1 << 27);
  // Deno has subgroups on software adapters, and does not list them
  const listed = [...gpu.features].filter((f) => f !== 'subgroups' || !('Deno' in globalThis));
  expect(listed.filter((f) => !gpu.adapter.features.has(f))).toEqual([]);
  expect(gpu.failed).toBeNull();
});

test('a buffer beyond the limits is an error that names it, and the limit', async () => {
  const gpu = await testGpu();
  const most = gpu.device.limits.maxStorageBufferBindingSize;
  const before = gpu.memory.bytes;
  expect(() => allocate(gpu.scope, resident('giant', [most / 4 + 4], 'other').home!)).toThrow(
    /expected a buffer of at most \d+ bytes \(this adapter's limit\), got giant with \d+\. Use a smaller `batch`, a smaller `maxLength` \(of answers `maxNewTokens`\), or `recompute` on/,
  );
  expect(gpu.memory.bytes).toBe(before);
});

describe('under pretended limits of 1 MiB a binding and 4 MiB a buffer', () => {
  const MiB = 1 << 20;
  /** An embedding of 1.5 MiB and 96 columns: two windows. */
  const config = { ...TINY, hidden_size: 96, n_heads: 4, n_kv_heads: 2, head_dim: 24, vocab_size: 4001 };
  const rows = rowsOf([9, 17, 5, 12], config.vocab_size);
  let small: Gpu;
  beforeAll(async () => {
    small = await openGpu({ limits: { maxBinding: MiB, maxBuffer: 4 * MiB } });
  });
  afterAll(() => closeGpu(small));
  const recipe = { rows, batch: 2, lr: 1e-3, betas: [0.9, 0.999] as const, eps: 1e-6, weight_decay: 0, clip: 1 };
  const smt = { block: 8, blocks: [['model.layers.0.self_attn.v_proj.weight', 1, 2]] as [string, number, number][] };

  const curve = async (gpu: Gpu, what: object) => {
    const d = tinyDecoder(gpu, config);
    const run = await startRun(gpu, d, { ...recipe, ...what });
    const windows = Math.max(...parametersOf(d).map((w) => ('windows' in w ? w.windows.length : 1)));
    const largest = Math.max(...homesOf(run.phase.plan).map((h) => h.bytes));
    const got = await run.go(4);
    run.free();
    return { ...got, windows, largest };
  };

  test.each([
    ['smt', smt],
    ['full', {}],
  ])('a run of %s gives the same losses from weights in windows', async (_, what) => {
    const split = await curve(small, what);
    const whole = await curve(await testGpu(), what);
    expect([split.windows, whole.windows]).toEqual([2, 1]);
    expect(split.largest).toBeLessThanOrEqual(MiB);
    expect(whole.largest).toBeGreaterThan(MiB);
    expect(split.loss).toBeCloseL2(whole.loss, 1e-6);
    expect(split.grad_norm).toBeCloseL2(whole.grad_norm, 1e-5);
  });

  test('every gradient is the same', async () => {
    const split = await lossAndGradients(small, tinyDecoder(small, config), rows.slice(0, 2));
    const wide = await testGpu();
    const whole = await lossAndGradients(wide, tinyDecoder(wide, config), rows.slice(0, 2));
    expect([...split.grads.keys()]).toEqual(parametersOf(tinyDecoder(wide, config)).map((w) => w.name));
    for (const [name, g] of whole.grads) expect(split.grads.get(name)!, name).toBeCloseL2(g, 1e-5);
  });

  test('a row that does not fit a binding is an error', async () => {
    const gpu = await openGpu({ limits: { maxBinding: 256, maxBuffer: 4 * MiB } });
    expect(() => tinyDecoder(gpu, config)).toThrow(/expected a row of .*embed_tokens.* to fit a binding of 256 bytes, got 384/);
    closeGpu(gpu);
  });
});
