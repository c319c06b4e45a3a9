// A warm-up: the model reads some batches while what hangs on it gathers figures. Frozen, its weights do not move; where something
// trains meanwhile, they are optimizer steps at the peak learning rate, and stay.

import type { Batches } from '../data/batches.ts';
import { ladder, pack } from '../data/pack.ts';
import { idle } from '../gpu/device.ts';
import { dispose, type Machine, prepare, readback, replay } from '../gpu/run.ts';
import { allocate, free, newScope } from '../gpu/scope.ts';
import { read, type Tensor, write } from '../gpu/tensor.ts';
import { type Choosing, type Gathered, trainableOf, type Warmup } from '../methods/method.ts';
import { feed, feedScalars } from '../models/inputs.ts';
import { RESULTS } from '../ops/optimizer/gradnorm.ts';
import { begin } from '../ops/optimizer/trained.ts';
import { newStream } from '../ops/stream/stream.ts';
import { type Phase, planWarmup } from './plans.ts';
import type { Run } from './run.ts';
import { train } from './step.ts';

/** Reads the data with what `make` puts on the weights, and leaves nothing on the device but the model. */
export async function warmUp(run: Run, make: Parameters<Choosing['warmUp']>[0]): Promise<Gathered | null> {
  const { model, order, options: o, report, signal } = run;
  const { gpu, decoder, planning } = model;
  const stream = newStream(order.sizes.N, order.sizes.M);
  const w = make(decoder, stream, planning);
  const scope = newScope(model.scope);
  try {
    const phase = planWarmup(decoder, w, stream, { ...o, sizes: order.sizes }, planning);
    const trainable = w.trains ? trainableOf(w.trains.attached) : 0;
    report({ kind: 'plan', program: 'warmup', bytes: phase.plan.bytes, trainable, bound: false });
    for (const t of w.gathered) allocate(scope, t.home!);
    const machine = await prepare(gpu, phase.plan, scope);
    for (const t of w.gathered) write(gpu.memory, t, new Uint8Array(t.bytes));
    const steps = stepsOf(run, w);
    report({ kind: 'start', phase: 'warmup', total: steps });
    const tokens = await (w.trains ? trained(run, w, phase, machine, steps) : frozen(run, w, phase, machine, steps));
    if (signal?.aborted) return null;
    if (w.finish) replay(machine, 'finish', {});
    await idle(gpu);
    const values = new Map<Tensor, Float32Array<ArrayBuffer>>();
    for (const t of w.gathered) values.set(t, await read(gpu.memory, t));
    dispose(machine);
    model.moved ||= w.trains !== undefined;
    return { tokens, of: (t) => values.get(t)! };
  } finally {
    w.off();
    free(scope);
  }
}

/** As many as asked; fewer, and said so, where an epoch has no more. */
function stepsOf({ order, report }: Run, w: Warmup): number {
  const most = w.trains ? order.batches.steps_per_epoch : order.microBatches;
  if (most >= w.steps) return w.steps;
  const there = w.trains ? `${most} steps an epoch` : `${most} micro-batches`;
  report({ kind: 'note', text: `the data gives ${there}, so the warm-up takes ${most} steps instead of ${w.steps}` });
  return most;
}

/** Answers the tokens read. */
async function frozen(run: Run, _: Warmup, phase: Phase, machine: Machine, steps: number): Promise<number> {
  const { model, rows, order, report, signal } = run;
  const { memory } = model.gpu;
  let last = performance.now();
  let tokens = 0;
  const batches = microBatches(order.batches);
  for (let t = 0; t < steps && !signal?.aborted; t++) {
    const b = pack(batches.next().value.map((i) => rows[i]));
    const [N, M] = [ladder(b.n, phase.sizes.N), ladder(b.m, phase.sizes.M)];
    feed(memory, phase.stream, b, N, M, false);
    feedScalars(memory, phase.stream, { targets: b.m, lr: 0, tokens: b.n });
    replay(machine, 'warmup', { N, M });
    const r = await readback(machine, 'warmup');
    const now = performance.now();
    report({ kind: 'warmup', step: t + 1, loss: r[RESULTS.lossSum] / b.m, tokens: b.m, ms: now - last });
    if (t === 0) weigh(run, phase);
    last = now;
    tokens += b.n;
  }
  return tokens;
}

/** The micro-batches of the steps of the data, one after the other, epoch after epoch. */
function* microBatches(batches: Batches): Generator<number[], never> {
  for (let t = 0; ; t++) yield* batches.step(t);
}

async function trained(run: Run, w: Warmup, phase: Phase, machine: Machine, steps: number): Promise<number> {
  const { model, rows, order, options, report, signal } = run;
  const { attached } = w.trains!;
  begin(model.gpu.memory, attached.trained);
  const { sorted } = attached;
  const { lr } = options;
  if (typeof lr !== 'number')
    throw new Error(`expected a learning rate for a warm-up that trains, got ${lr ?? 'none'}: give one.`);
  const loop = {
    ...{ gpu: model.gpu, machine, phase, rows, batches: order.batches, steps, signal },
    ...{ lrAt: () => lr, sorted, padding: model.decoder.config.pad_token_id },
  };
  const { inputTokens } = await train(loop, (line) => {
    if (line.kind !== 'step') return;
    report({ kind: 'warmup', step: line.step, loss: line.loss, tokens: line.tokens, ms: line.ms });
    if (line.step === 1) weigh(run, phase);
  });
  return inputTokens;
}

function weigh({ model, report }: Run, { plan }: Phase): void {
  report({ kind: 'memory', program: 'warmup', planned: plan.bytes.total, allocated: model.gpu.memory.bytes });
}
