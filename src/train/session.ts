// One training phase: plan, allocate, run the loop with evaluation and early stopping, free all but what was trained.

import type { Row } from '../data/rows.ts';
import { scoreRows, summary } from '../eval/likelihood.ts';
import type { Build } from '../gpu/program.ts';
import { dispose, type Machine, prepare } from '../gpu/run.ts';
import { allocate, newScope } from '../gpu/scope.ts';
import { elementsOf, type Home, read, type Tensor, write } from '../gpu/tensor.ts';
import type { Selection } from '../methods/smt/select.ts';
import { parametersOf } from '../models/decoder.ts';
import type { Trained } from '../ops/optimizer/adamw.ts';
import { tensorsOf } from '../ops/stored/weight.ts';
import type { Sizes } from '../ops/stream/stream.ts';
import type { Report } from '../report.ts';
import type { Model } from './model.ts';
import type { TuneOptions } from './options.ts';
import type { Layout } from './order.ts';
import { type Phase, planTraining } from './plans.ts';
import { lrAt, warmupSteps } from './schedule.ts';
import { type Ran, train } from './step.ts';

export interface TuneData {
  rows: Row[];
  /** Held-out rows, for the loss during the run. */
  held?: Row[];
  keeping?: Keeping;
}

/** How a run keeps what it has reached, and what it goes on from. */
export interface Keeping {
  /** Steps between checkpoints. */
  every: number;
  /** The step that has been reached by the run that this one goes on from. */
  from: number;
  save(step: number, tensors: Tensor[], selection: Selection | null): Promise<void>;
  /** Writes what was saved into the tensors; does nothing where the run is new. */
  restore(tensors: Tensor[]): Promise<void>;
}

/** What a method has put on the model for training. */
export interface Attached {
  trained: Trained[];
  /** Writes the first values, once everything is allocated. */
  fill(): Promise<void>;
  /** Run after every update: what follows from the values just moved. */
  after?: Build;
  /** The same, where the host has written values. */
  moved?(): Promise<void>;
  /** Device bytes that outlive the phase beside the model itself: allocated within the model's scope. */
  keep: Home[];
  /** The embedding trains. */
  sorted: boolean;
  /** The blocks that train, where it is blocks. */
  selection?: Selection;
}

/** Trains what is attached; leaves it trained on the device, and frees the rest. */
export async function trainPhase(
  model: Model,
  { rows, held, keeping }: TuneData,
  o: TuneOptions,
  run: Layout,
  attached: Attached,
  report: Report,
  signal?: AbortSignal,
): Promise<Ran> {
  const { gpu, decoder, planning } = model;
  const { trained } = attached;
  const phase = planTraining(decoder, trained, run.sizes, o, planning, run.evaluate, { after: attached.after });
  const trainable = trained.reduce((n, t) => n + elementsOf(t.value.shape), 0);
  report({ kind: 'plan', program: 'train', bytes: phase.plan.bytes, trainable, bound: false });
  const kept = newScope(model.scope);
  for (const home of attached.keep) allocate(kept, home);
  const machine = await prepare(gpu, phase.plan, model.scope);
  for (const t of trained) for (const x of [t.m, t.v]) write(gpu.memory, x, new Uint8Array(x.bytes));
  await attached.fill();
  const state = [...trained.flatMap((t) => [t.value, t.m, t.v]), phase.state, ...(model.moved ? baseOf(model) : [])];
  if (keeping?.from) {
    await keeping.restore(state);
    await attached.moved?.();
  }
  const save = async (step: number) => keeping?.save(step, state, attached.selection ?? null);
  report({ kind: 'start', phase: 'train', total: run.steps });
  const rise = warmupSteps(o.lrWarmup, run.steps);
  const told = new Set<string>();
  const weigh = (program: string) => {
    if (!told.has(program)) report({ kind: 'memory', program, planned: phase.plan.bytes.total, allocated: gpu.memory.bytes });
    told.add(program);
  };
  const watch =
    held && run.evaluate
      ? watcher(model, machine, phase, { rows: held, sizes: run.evaluate }, trained, o, run, report)
      : undefined;
  const ran = await train(
    {
      gpu,
      machine,
      phase,
      rows,
      order: run.order,
      steps: run.steps,
      lrAt: (t) => lrAt(t, run.steps, o.lr, o.schedule, rise),
      sorted: attached.sorted,
      from: keeping?.from,
      pausesAt: (step) => Boolean(watch?.due(step) || keptAt(keeping, step)),
      async after(step) {
        const going = watch?.due(step) ? await watch.evaluate(step) : true;
        if (keptAt(keeping, step)) await save(step);
        return going;
      },
      signal,
    },
    (line) => {
      report(line);
      if (line.kind === 'step') weigh('train');
    },
  );
  if (keeping?.every && signal?.aborted && !keptAt(keeping, ran.steps)) await save(ran.steps);
  if (watch) {
    await watch.end(ran.steps);
    await attached.moved?.();
    weigh('eval');
  }
  dispose(machine);
  return ran;
}

const keptAt = (keeping: Keeping | undefined, step: number) => Boolean(keeping?.every && step % keeping.every === 0);

/** The parameters themselves, where the base has moved and is no longer the files'. */
function baseOf({ decoder }: Model): Tensor[] {
  return parametersOf(decoder).flatMap(tensorsOf);
}

/** Evaluates on held-out rows every so many steps (an epoch where not told), keeps the best, and stops when patience ends. */
function watcher(
  { gpu }: Model,
  machine: Machine,
  phase: Phase,
  held: { rows: Row[]; sizes: Sizes },
  trained: Trained[],
  o: TuneOptions,
  run: Layout,
  report: Report,
) {
  const every = o.evalEvery ?? run.order.steps_per_epoch;
  let best = { loss: Number.POSITIVE_INFINITY, values: [] as Float32Array<ArrayBuffer>[] };
  let worse = 0;
  let last = -1;
  const evaluate = async (step: number) => {
    last = step;
    const found = summary(await scoreRows(gpu, { machine, stream: phase.stream, sizes: held.sizes }, held.rows, o.batch));
    report({ kind: 'eval', step, ...found });
    if (o.patience === undefined) return true;
    if (found.loss < best.loss) {
      best = { loss: found.loss, values: [] };
      for (const t of trained) best.values.push(await read(gpu.memory, t.value));
      worse = 0;
      return true;
    }
    return ++worse < o.patience;
  };
  return {
    due: (step: number) => step % every === 0,
    evaluate,
    async end(step: number) {
      if (last !== step) await evaluate(step);
      for (const [i, values] of best.values.entries()) write(gpu.memory, trained[i].value, values);
    },
  };
}
