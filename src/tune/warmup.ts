// The frozen warm-up: the model reads some batches, its weights do not move, and every block of the targets is scored.

import type { Batches } from '../data/batches.ts';
import { ladder, pack } from '../data/pack.ts';
import type { Row } from '../data/rows.ts';
import { type Gpu, idle } from '../gpu/device.ts';
import { dispose, prepare, readback, replay } from '../gpu/run.ts';
import { allocate, read, release, write } from '../gpu/tensor.ts';
import type { ScoreMaps, Target } from '../methods/smt/select.ts';
import { type Decoder, homesOfModel, type Module } from '../models/decoder.ts';
import { feed, feedScalars } from '../models/inputs.ts';
import { RESULTS } from '../ops/gradnorm.ts';
import { absmeanHook, newScoreMap } from '../ops/score.ts';
import { planWarmup, type Sizes } from './plans.ts';
import type { Report } from './report.ts';

export interface Warmup {
  gpu: Gpu;
  decoder: Decoder;
  rows: Row[];
  order: Batches;
  /** Micro-batches to read, each a scoring step of its own. */
  steps: number;
  sizes: Sizes;
  targets: Target[];
  block: number;
  recompute: boolean;
  signal?: AbortSignal;
}

/** Score maps of the targets by weight name, summed over the steps. Leaves nothing on the device but the model. */
export async function warmUp(w: Warmup, report: Report): Promise<ScoreMaps> {
  const { gpu, decoder: d } = w;
  const maps = w.targets.map((t) => {
    const weight = d.layers[t.layer].matrices[t.module as Module];
    const map = newScoreMap(weight, w.block);
    weight.trains = absmeanHook(weight, w.block, map);
    return { weight, map };
  });
  const phase = planWarmup(
    d,
    w.sizes,
    gpu.limits,
    w.recompute,
    maps.map((m) => m.map),
  );
  report({ kind: 'plan', program: 'warmup', bytes: phase.plan.bytes, trainable: 0, bound: false });
  const machine = await prepare(gpu, phase.plan);
  for (const { map } of maps) {
    allocate(gpu.memory, map.home!);
    write(gpu.memory, map, new Float32Array(map.bytes / 4));
  }
  report({ kind: 'start', phase: 'warmup', total: w.steps });
  let last = performance.now();
  const batches = microBatches(w.order);
  for (let t = 0; t < w.steps && !w.signal?.aborted; t++) {
    const b = pack(batches.next().value!.map((i) => w.rows[i]));
    const [N, M] = [ladder(b.n, w.sizes.N), ladder(b.m, w.sizes.M)];
    feed(gpu.memory, phase.stream, b, N, M, false);
    feedScalars(gpu.memory, phase.stream, b.m, 0);
    replay(machine, 'warmup', { N, M, first: 1 });
    const r = await readback(machine, 'warmup');
    const now = performance.now();
    report({ kind: 'warmup', step: t + 1, loss: r[RESULTS.lossSum] / b.m, tokens: b.m, ms: now - last });
    if (t === 0) report({ kind: 'memory', program: 'warmup', planned: phase.plan.bytes.total, allocated: gpu.memory.bytes });
    last = now;
  }
  await idle(gpu);
  const scores: ScoreMaps = new Map();
  for (const { weight, map } of maps) {
    scores.set(weight.name, await read(gpu.memory, map));
    release(gpu.memory, map.home!);
    weight.trains = null;
  }
  const model = homesOfModel(d);
  dispose(machine, (h) => !model.has(h));
  return scores;
}

/** The micro-batches of the steps of the data, one after the other, epoch after epoch. */
export function* microBatches(order: Batches): Generator<number[], never> {
  for (let t = 0; ; t++) yield* order.step(t);
}
