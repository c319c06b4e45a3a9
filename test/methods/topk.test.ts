// Training the last layers whole: against PyTorch's own curves with the rest frozen, what must stay as it was to the bit, how far
// the backward goes, and what the command line makes of it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { read } from '../../src/gpu/tensor.ts';
import {
  blobFolder,
  DESKTOP,
  evaluate,
  freeModel,
  full,
  type Line,
  loadModel,
  type Method,
  type OpenModel,
  openModel,
  plan,
  type RunSettings,
  topkLayers,
  tune,
} from '../../src/index.ts';
import { sha256 } from '../../src/io/hash.ts';
import { parametersOf } from '../../src/models/decoder.ts';
import { tensorsOf } from '../../src/ops/stored/weight.ts';
import { decoderFor, longestOf, orderRows, type Row } from '../../src/parts.ts';
import { planTraining } from '../../src/train/plans.ts';
import '../compare.ts';
import { type Golden, loadGolden } from '../goldens/load.ts';
import { testGpu } from '../gpu/harness.ts';
import { keepDevice } from '../gpu/kept.ts';
import { cutOff, filesOf, of, run, tinyPlace } from '../train/inprocess.ts';

keepDevice();

/** What make_topk.py writes. */
type TopkGolden = Golden['curves']['full'] & { layers: number };

const gpu = await testGpu();
const files = import.meta.glob<TopkGolden>('../goldens/topk/*.json', { import: 'default' });

describe.each(['qwen2', 'qwen3'] as const)('%s', (family) => {
  let golden: Golden;
  let want: TopkGolden;
  let opened: OpenModel;
  let rows: Row[];
  let got: Awaited<ReturnType<typeof trained>>;

  beforeAll(async () => {
    golden = await loadGolden(family);
    want = await files[`../goldens/topk/${family}.json`]();
    ({ opened, rows } = await openGolden(golden));
    got = await trained(opened, rows, { ...settingsOf(want), batch: golden.batch, steps: want.loss.length });
  });

  test('ten steps and what comes out, as PyTorch has them', () => {
    expect(want.loss).toHaveLength(10);
    expect(got.steps.map((s) => s.loss)).toBeCloseL2(want.loss, 1e-5);
    expect(got.steps.map((s) => s.grad_norm)).toBeCloseL2(want.grad_norm, 1e-5);
    expect(got.after).toBeCloseL2(want.eval, 1e-5);
  });

  test('planned bytes are allocated bytes, and all are given back', () => {
    const settings = { ...settingsOf(want), batch: golden.batch, steps: 10, planning: got.planning };
    const planned = plan(opened, { rows }, settings).train;
    expect(got.memory).toEqual([
      { kind: 'memory', program: 'train', planned: planned.bytes.total, allocated: planned.bytes.total },
    ]);
    const sizes = [...golden.weights].filter(([name]) => isWithin(name, opened, want.layers)).map(([, t]) => t.data.length);
    expect(planned.trainable).toBe(sizes.reduce((a, b) => a + b));
    expect(got.left).toBe(0);
  });

  test('the last layers move, each of their parameters; everything else keeps its bytes', () => {
    const moved = [...got.hashes].filter(([, [before, after]]) => before !== after).map(([name]) => name);
    expect([...got.hashes.keys()].sort()).toEqual([...golden.weights.keys()].sort());
    expect(moved.sort()).toEqual([...golden.weights.keys()].filter((name) => isWithin(name, opened, want.layers)).sort());
  });

  test.each([false, true])('the backward stops below the lowest layer that trains, layers traced again: %s', (recompute) => {
    const all = Array.from({ length: opened.files.config.n_layers }, (_, i) => i);
    for (const k of all.map((i) => i + 1)) {
      const own = all.slice(-k).reverse();
      const { dispatches, gradients } = layersOf(opened, rows, topkLayers({ layers: k }), recompute);
      expect(dispatches, `${k} layers`).toEqual(['', ...all, '', ...own]);
      expect(gradients, `${k} layers`).toEqual(new Set(['', ...own]));
    }
    // what it would be if it went on to the embedding
    const { dispatches } = layersOf(opened, rows, full(), recompute);
    expect(dispatches).toEqual(['', ...all, '', ...[...all].reverse(), '']);
  });

  test('accumulation equals the large batch', async () => {
    const settings = { ...settingsOf(want), steps: 6 };
    const whole = await trained(opened, rows, { ...settings, batch: 4 });
    const parts = await trained(opened, rows, { ...settings, batch: 1, accumulate: 4 });
    expect(parts.steps.map((s) => s.loss)).toBeCloseL2(
      whole.steps.map((s) => s.loss),
      1e-6,
    );
    expect(parts.steps.map((s) => s.grad_norm)).toBeCloseL2(
      whole.steps.map((s) => s.grad_norm),
      1e-5,
    );
    expect(parts.memory).toHaveLength(1);
    expect(parts.memory[0].allocated).toBe(parts.memory[0].planned);
  });

  test('more layers than the model has are refused in words', async () => {
    const all = opened.files.config.n_layers;
    const words = `expected \`layers\` of at most ${all}, as many as the model has, got ${all + 1}: name fewer.`;
    const method = topkLayers({ layers: all + 1 });
    const described = decoderFor(opened.files)(longestOf(rows), 'f32', DESKTOP.maxBinding);
    expect(() => method.check(described)).toThrow(words);
    expect(() => plan(opened, { rows }, { method })).toThrow(words);
    await expect(trained(opened, rows, { ...settingsOf(want), method, steps: 1 })).rejects.toThrow(words);
    expect(gpu.memory.bytes).toBe(0);
  });
});

describe('by the command line', () => {
  const place = tinyPlace(); // two layers
  const { at, train } = place;
  afterAll(place.free);
  const method = ['--method', 'topk-layers', '--layers', '1', '--batch', '2', '--lr', '0.01'];

  test('writes a model that loads and has the loss that the run had', async () => {
    const lines = await run(train('tuned', ...method, '--steps', '6', '--eval', at('others.jsonl')));
    expect(of(lines, 'done')[0]).toMatchObject({ out: at('tuned'), made: 'model', steps: 6 });
    for (const { planned, allocated } of of(lines, 'memory')) expect(allocated).toBe(planned);
    const [last] = of(lines, 'eval').slice(-1);
    const lossOf = async (model: string) =>
      of(await run(['eval', '--model', at(model), '--data', at('others.jsonl'), '--batch', '2', '--tune', 'off']), 'eval')[0];
    expect(last.step).toBe(6);
    expect((await lossOf('tuned')).loss).toBe(last.loss);
    expect(Math.abs((await lossOf('model')).loss - last.loss)).toBeGreaterThan(1e-3); // it did train
    const { torch_dtype, dtype } = JSON.parse(filesOf(at('tuned'))['config.json'].toString());
    expect(torch_dtype ?? dtype).toBe('float32');
  });

  test('a resumed run has the bytes of one that was never stopped', async () => {
    const settings = [...method, '--steps', '6', '--checkpoint-every', '3'];
    const steps = of(await run(train('whole', ...settings)), 'step');
    cutOff(at('whole'), at('cut'), 3);
    const resumed = of(await run(train('cut', ...settings, '--resume')), 'step');
    expect(resumed.map((s) => [s.step, s.loss])).toEqual(steps.slice(3).map((s) => [s.step, s.loss]));
    expect(filesOf(at('cut'))).toEqual(filesOf(at('whole')));
  });

  test('too many layers, and layers of another method, are refused in words', async () => {
    await expect(run(train('none', '--method', 'topk-layers', '--layers', '3'))).rejects.toThrow(/at most 2.* got 3: name fewer/);
    await expect(run(train('none', '--method', 'full', '--layers', '1'))).rejects.toThrow(/--layers with --method topk-layers/);
  });
});

// --- a golden model as a run's ------------------------------------------------------------------------------------------

/** A tokenizer that rows of ids never ask. */
const TOKENIZER = { model: { type: 'BPE', vocab: { a: 0, b: 1, c: 2 }, merges: [] }, added_tokens: [] };

async function openGolden({ files, rows }: Golden): Promise<{ opened: OpenModel; rows: Row[] }> {
  const all = Object.entries({ ...files, 'tokenizer.json': JSON.stringify(TOKENIZER) });
  const opened = await openModel(blobFolder(new Map(all.map(([name, data]) => [name, new Blob([data])]))));
  const ids = ({ input_ids, labels }: Golden['rows'][number]) => ({
    ids: Int32Array.from(input_ids),
    labels: Int32Array.from(labels),
    promptLength: 0,
  });
  return { opened, rows: rows.map(ids) };
}

/** A golden's options as a run has them. */
function settingsOf({ layers, lr, betas, eps, weight_decay: weightDecay, clip }: TopkGolden): RunSettings {
  const plain = { shuffle: false, schedule: 'constant', lrWarmup: 0, autotune: false, recompute: 'off' } as const;
  return { method: topkLayers({ layers }), lr, betas, eps, weightDecay, clip, ...plain };
}

/** A run of a freshly loaded model: its lines, each row's log-probability after it, and of every parameter its hash before and after. */
async function trained(opened: OpenModel, rows: Row[], settings: RunSettings) {
  const model = await loadModel(gpu, opened, { longest: longestOf(rows), base: 'f32' });
  try {
    const lines: Line[] = [];
    const before = await hashesOf(parametersOf(model.decoder));
    await tune(model, { rows }, settings, (line) => lines.push(line));
    const after: number[] = [];
    const held = rows.map((row, index) => ({ ...row, index }));
    await evaluate(model, { rows: held }, { batch: 4, each: ({ logprob }) => after.push(logprob) });
    const hashes = new Map<string, [string, string]>();
    for (const [name, hash] of await hashesOf(parametersOf(model.decoder))) hashes.set(name, [before.get(name)!, hash]);
    freeModel(model);
    const [steps, memory] = [of(lines, 'step'), of(lines, 'memory')];
    return { steps, memory, after, hashes, planning: model.planning, left: gpu.memory.bytes };
  } finally {
    freeModel(model);
  }
}

async function hashesOf(parameters: ReturnType<typeof parametersOf>): Promise<Map<string, string>> {
  const hashes = new Map<string, string>();
  for (const w of parameters) {
    const parts = [];
    for (const t of tensorsOf(w)) parts.push(await sha256(await read(gpu.memory, t)));
    hashes.set(w.name, parts.join());
  }
  return hashes;
}

/** A parameter of one of the last `layers` layers, by its name in the checkpoint. */
function isWithin(name: string, { files }: OpenModel, layers: number): boolean {
  const [, , , layer] = name.startsWith('model.layers.') ? ['', ...name.split('.')] : [];
  return layer !== undefined && Number(layer) >= files.config.n_layers - layers;
}

/**
 * Of a training step: the layers that its dispatches are labelled with ('' is none), in order and neighbours once, and the layers
 * whose tensors are given gradients.
 */
function layersOf(opened: OpenModel, rows: Row[], method: Method, recompute: boolean) {
  const decoder = decoderFor(opened.files)(longestOf(rows), 'f32', DESKTOP.maxBinding);
  const order = orderRows(rows, { batch: 4, accumulate: 1, shuffle: false, seed: 0 });
  const options = { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, clip: 1, sizes: order.sizes, recompute } as const;
  const phase = planTraining(decoder, method.attach(decoder, { decays: false, software: true, most: 1 << 27 }), options, DESKTOP);
  const { entries, grads } = phase.plan.parts.get('train')!.largest;
  return {
    dispatches: onceEach(entries.flatMap((e) => (e.op === 'run' ? [layerOf(e.label)] : []))),
    gradients: new Set([...grads.keys()].map((t) => layerOf(t.name))),
  };
}

const layerOf = (label: string) => (label.startsWith('layer ') ? Number.parseInt(label.slice(6), 10) : '');
const onceEach = <T>(all: T[]) => all.filter((x, i) => i === 0 || x !== all[i - 1]);
