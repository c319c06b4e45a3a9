// The frozen warm-up: the model reads some batches and its weights do not move, while what hangs on them gathers figures.

import type { Batches } from '../data/batches.ts';
import { ladder, pack } from '../data/pack.ts';
import type { Row } from '../data/rows.ts';
import { idle } from '../gpu/device.ts';
import type { Planning } from '../gpu/limits.ts';
import { type Plan, plan } from '../gpu/plan.ts';
import type { Build } from '../gpu/program.ts';
import { dispose, prepare, readback, replay } from '../gpu/run.ts';
import { type Tensor, write } from '../gpu/tensor.ts';
import type { Decoder } from '../models/decoder.ts';
import { feed, feedScalars } from '../models/inputs.ts';
import { newResults, RESULTS } from '../ops/optimizer/gradnorm.ts';
import type { Stream } from '../ops/stream/stream.ts';
import type { Report } from '../report.ts';
import type { Model } from './model.ts';
import type { Sizes } from './plans.ts';
import { micro } from './programs.ts';

export interface Warmup {
  model: Model;
  rows: Row[];
  order: Batches;
  /** Micro-batches to read. */
  steps: number;
  sizes: Sizes;
  stream: Stream;
  recompute: boolean;
  /** Forward and backward, or forward alone. */
  gradients: boolean;
  /** What is gathered: zeroed first, and there until `use` has read it. */
  gathered: Tensor[];
  /** Run once after the last step. */
  finish?: Build;
  signal?: AbortSignal;
}

/** Reads the batches, lets `use` read what was gathered, and leaves nothing on the device but the model. */
export async function warmUp<T>(w: Warmup, use: (tokens: number) => Promise<T>, report: Report): Promise<T> {
  const { gpu, decoder, planning } = w.model;
  const made = planWarmup(decoder, w, planning);
  report({ kind: 'plan', program: 'warmup', bytes: made.bytes, trainable: 0, bound: false });
  const machine = await prepare(gpu, made, w.model.scope);
  for (const t of w.gathered) write(gpu.memory, t, new Uint8Array(t.bytes));
  report({ kind: 'start', phase: 'warmup', total: w.steps });
  let last = performance.now();
  let tokens = 0;
  const batches = microBatches(w.order);
  for (let t = 0; t < w.steps && !w.signal?.aborted; t++) {
    const b = pack(batches.next().value.map((i) => w.rows[i]));
    const [N, M] = [ladder(b.n, w.sizes.N), ladder(b.m, w.sizes.M)];
    feed(gpu.memory, w.stream, b, N, M, false);
    feedScalars(gpu.memory, w.stream, b.m, 0, b.n);
    replay(machine, 'warmup', { N, M });
    const r = await readback(machine, 'warmup');
    const now = performance.now();
    report({ kind: 'warmup', step: t + 1, loss: r[RESULTS.lossSum] / b.m, tokens: b.m, ms: now - last });
    if (t === 0) report({ kind: 'memory', program: 'warmup', planned: made.bytes.total, allocated: gpu.memory.bytes });
    last = now;
    tokens += b.n;
  }
  if (w.finish) replay(machine, 'finish', {});
  await idle(gpu);
  const answer = await use(tokens);
  dispose(machine);
  return answer;
}

/** The memory of a warm-up; no GPU is needed. */
export function planWarmup(
  d: Decoder,
  w: Pick<Warmup, 'sizes' | 'stream' | 'recompute' | 'gradients' | 'gathered' | 'finish'>,
  planning: Planning,
): Plan {
  const results = newResults();
  const build = micro(d, w.stream, { results, recompute: w.recompute, gradients: w.gradients });
  const parts: Parameters<typeof plan>[0] = [{ name: 'warmup', build, dims: w.sizes, readback: results }];
  if (w.finish) parts.push({ name: 'finish', build: w.finish, dims: {} });
  return plan(
    parts,
    planning,
    w.gathered.map((t) => t.home!),
  );
}

/** The micro-batches of the steps of the data, one after the other, epoch after epoch. */
function* microBatches(order: Batches): Generator<number[], never> {
  for (let t = 0; ; t++) yield* order.step(t);
}
