// A run by a method as the product lays it out, from rows in memory; and the adapters that PEFT made as such a run begins with them.

import { batches } from '../../src/data/batches.ts';
import { pack } from '../../src/data/pack.ts';
import type { Row } from '../../src/data/rows.ts';
import { scoreRows, sizesOf } from '../../src/eval/likelihood.ts';
import { planningOf } from '../../src/gpu/limits.ts';
import { prepare } from '../../src/gpu/run.ts';
import { allocate, free, newScope } from '../../src/gpu/scope.ts';
import { read, write } from '../../src/gpu/tensor.ts';
import { type Adapter, loadAdapter } from '../../src/io/adapter.ts';
import type { PeftAdapter } from '../../src/io/adapter-peft.ts';
import { blobFolder } from '../../src/io/bytes.ts';
import { configFromHf } from '../../src/io/config.ts';
import type { RankSettings } from '../../src/methods/lora.ts';
import type { DecayToward, Method, MuonScale } from '../../src/methods/method.ts';
import type { Decoder } from '../../src/models/decoder.ts';
import { begin } from '../../src/ops/optimizer/trained.ts';
import type { Weight } from '../../src/ops/stored/weight.ts';
import { trainingOf } from '../../src/train/options.ts';
import { planTraining } from '../../src/train/plans.ts';
import { train } from '../../src/train/step.ts';
import { type Family, loadGolden } from '../goldens/load.ts';
import { testGpu } from '../gpu/harness.ts';
import { baseIn, decoderOf } from '../models/tiny.ts';

const gpu = await testGpu();

export interface Settings {
  lr: number;
  betas: [number, number];
  eps: number;
  weight_decay: number;
  clip: number;
}

export const PLAIN: Settings = { lr: 1e-2, betas: [0.9, 0.999], eps: 1e-6, weight_decay: 0, clip: 1 };
export const RANKING: RankSettings = { rank: 4, alpha: 8, dropout: 0, seed: 1, targets: ['q_proj', 'v_proj', 'down_proj'] };

export interface Made<A extends Adapter = PeftAdapter> {
  loss: number[];
  grad_norm: number[];
  /** Each row's log-probability after the run. */
  after: number[];
  planned: number;
  allocated: number;
  /** What was trained, as the adapter that it is saved as. */
  adapter: A;
}

export interface RunSettings {
  batch?: number;
  accumulate?: number;
  recompute?: boolean;
  settings?: Settings;
  muon?: MuonScale;
  decayToward?: DecayToward;
  /** The config's pad_token_id. */
  padding?: number;
}

/** A run as the product lays it out. Nothing of it stays on the device. */
export async function run<A extends Adapter = PeftAdapter>(
  decoder: Decoder,
  method: Method,
  rows: Row[],
  steps: number,
  { batch = 4, accumulate = 1, recompute = false, settings = PLAIN, muon, decayToward, padding }: RunSettings = {},
): Promise<Made<A>> {
  const planning = planningOf(gpu.limits);
  const optimizer = { ...settings, weightDecay: settings.weight_decay, decayToward, recompute };
  const moved = { ...optimizer, optimizer: muon ? 'muon' : 'adamw', muonScale: muon } as const;
  const attached = method.attach(decoder, trainingOf(moved, planning));
  const order = batches({ n_rows: rows.length, batch, accumulate, shuffle: false, seed: 0 });
  const all = Array.from({ length: order.steps_per_epoch }, (_, t) => order.step(t)).flat();
  const packed = all.map((micro) => pack(micro.map((i) => rows[i])));
  const sizes = { N: Math.max(...packed.map((b) => b.n)), M: Math.max(...packed.map((b) => b.m)) };
  const held = sizesOf(rows, batch);
  const before = gpu.memory.bytes;
  const phase = planTraining(decoder, attached, { ...optimizer, sizes }, planning, held);
  const scope = newScope(gpu.scope);
  for (const t of attached.tensors) allocate(scope, t.home!);
  const machine = await prepare(gpu, phase.plan, scope);
  begin(gpu.memory, attached.trained);
  write(gpu.memory, phase.state, new Uint8Array(phase.state.bytes));
  const base = {
    ...baseIn(gpu, decoder),
    sha256: async () => '',
    // nothing trains in place, and one window holds a matrix of these sizes
    async *values(w: Weight) {
      for (const { q } of w.windows) yield read(gpu.memory, q);
    },
  };
  await attached.fill(base);
  const made = { loss: [] as number[], grad_norm: [] as number[] };
  const { sorted } = attached;
  const { ownRate } = attached;
  const rates = { lrAt: () => settings.lr, ownLrAt: () => ownRate ?? 0 };
  const loop = { gpu, machine, phase, rows, batches: order, steps, sorted, padding, ...rates };
  await train(loop, (line) => {
    if (line.kind !== 'step') return;
    made.loss.push(line.loss);
    made.grad_norm.push(line.grad_norm);
  });
  const scored = await scoreRows(gpu, { machine, stream: phase.stream, sizes: held }, rows, batch);
  const weights = phase.plan.residents.filter((h) => h.role === 'weights' || h.name === 'rope').reduce((n, h) => n + h.bytes, 0);
  const adapter = (await attached.adapter(base, true)) as A;
  const allocated = gpu.memory.bytes - before;
  free(scope);
  return { ...made, after: scored.map((s) => s.logprob), planned: phase.plan.bytes.total - weights, allocated, adapter };
}

/** A golden's model, fresh each time, and its rows. */
export async function goldenRun(family: Family) {
  const { files, weights, rows, batch, ...more } = await loadGolden(family);
  const config = configFromHf(JSON.parse(new TextDecoder().decode(files['config.json'])));
  return {
    ...more,
    batch,
    weights,
    raw: rows,
    decoder: (device = gpu) => decoderOf(device, config, (w) => weights.get(w.name)!.data as Float32Array<ArrayBuffer>),
    rows: rows.map(
      ({ input_ids, labels }): Row => ({
        ids: Int32Array.from(input_ids),
        labels: Int32Array.from(labels),
        promptLength: 0,
      }),
    ),
  };
}

const files = import.meta.glob<string>('../goldens/peft/*/*', { query: '?url&inline', import: 'default' });

/** An adapter of goldens/peft, and ten steps that PEFT trains from there. */
export async function peftGolden(
  name: string,
): Promise<{ adapter: PeftAdapter; golden: { options: Settings; start: number[]; eval: number[] } & Made }> {
  const blob = async (file: string) => (await fetch(await files[`../goldens/peft/${name}/${file}`]())).blob();
  const names = ['adapter_config.json', 'adapter_model.safetensors'];
  const folder = blobFolder(new Map(await Promise.all(names.map(async (n) => [n, await blob(n)] as const))));
  const golden = JSON.parse(await (await blob('golden.json')).text());
  return { adapter: (await loadAdapter(folder)) as PeftAdapter, golden };
}
