// One run as a story: choose what trains, hang it on the model, train it with evaluation and early stopping, free the rest.
// Which method it is is not known here; options, commands and printing neither.

import { dispose, type Machine, prepare } from '../gpu/run.ts';
import { allocate, free, newScope, type Scope } from '../gpu/scope.ts';
import { type Tensor, write } from '../gpu/tensor.ts';
import { type Attached, type Choosing, type Method, takeOff, trainableOf } from '../methods/method.ts';
import { parametersOf } from '../models/decoder.ts';
import { begin, momentsOf } from '../ops/optimizer/trained.ts';
import { tensorsOf } from '../ops/stored/weight.ts';
import type { Report } from '../report.ts';
import { type Stopping, type Watcher, watcher } from './evaluate.ts';
import { layoutOf } from './layout.ts';
import { meanwhile } from './meanwhile.ts';
import { baseOf, type Model } from './model.ts';
import { trainingOf } from './options.ts';
import { type Phase, planTraining, trainingFigures } from './plans.ts';
import { rateOf, type Tried } from './rates.ts';
import type { Run } from './run.ts';
import { lrAt, warmupSteps } from './schedule.ts';
import { type TrainResult, train } from './step.ts';
import { type Skips, troubleOf } from './trouble.ts';
import { warmUp } from './warmup.ts';

/** What hangs on a model and what it takes there; `removeAdapter` takes it off and frees it. */
export interface OnModel {
  method: Method;
  attached: Attached;
  scope: Scope;
}

/** What a run came to; `made` is null where it was stopped before anything trained. */
export interface Tuned extends TrainResult {
  made: OnModel | null;
}

/** How a run keeps what it has reached, and what it goes on from. */
export interface Keeping {
  /** Whether a checkpoint is due after a step; once one is, it stays due until it is saved. */
  due(step: number): boolean;
  /** The step that was reached by the run that this one goes on from. */
  from: number;
  stopping?: Stopping;
  /** The learning rates that it tried. */
  rates?: Tried | null;
  skips?: Skips;
  /**
   * Takes what the device holds, and writes it while the run goes on; does nothing for a step that is saved already. Waits for the
   * one before it.
   */
  save(at: Standing, tensors: Tensor[], best: Map<string, Float32Array<ArrayBuffer>>): Promise<void>;
  /** Waits until nothing that was taken is on the device any more. */
  landed(): Promise<void>;
  /** Waits until all that was taken is written; throws where it could not be, for another reason than room. */
  written(): Promise<void>;
  /**
   * Writes what was saved into the tensors, and answers the best values; does nothing where the run is new. Throws where what was saved
   * has another layout.
   */
  restore(tensors: Tensor[], best: Map<string, number>, layout: string): Promise<Map<string, Float32Array<ArrayBuffer>>>;
}

/** Where a run stands. */
export interface Standing {
  /** Optimizer steps attempted: also the place in the data. */
  step: number;
  /** What the method has chosen, as it tells it. */
  choice: unknown;
  /** How what trains lies in what is saved of it (layoutOf). */
  layout: string;
  /** The base had moved before what trains was hung on it, in a warm-up: a checkpoint holds all of it. */
  moved: boolean;
  /** Early stopping, where rows are held out. */
  stopping?: Stopping;
  /** The learning rates that were tried, where any were. */
  rates: Tried | null;
  skips?: Skips;
}

/** Trains a loaded model. What was trained stays on the device, hung on the model. */
export async function runMethod(run: Run, method: Method, keeping?: Keeping): Promise<Tuned> {
  const { model, report, options } = run;
  if (method.choose) announce(run, method);
  const chosen = method.choose ? await method.choose(choosing(run)) : method;
  if (!chosen) return { steps: 0, inputTokens: 0, seconds: 0, made: null };
  for (const line of chosen.announce?.(model.decoder) ?? []) report(line);
  if (options.explain) for (const line of chosen.explain?.(model.decoder) ?? []) report(line);
  const made = await hang(model, chosen, chosen.attach(model.decoder, trainingOf(options, model.planning)));
  try {
    return { ...(await trainPhase(run, made, keeping)), made };
  } catch (e) {
    removeAdapter(made);
    throw e;
  }
}

/** What a run lets a method choose by. */
export const choosing = (run: Run): Choosing => ({
  base: baseOf(run.model),
  warmUp: (make) => warmUp(run, make),
  report: run.report,
  scored: run.options.scored,
});

/** Prints what training will need before the choice is made: an upper bound. */
function announce({ model, order, options, report }: Run, method: Method): void {
  const figures = trainingFigures(model.decoder, method, { ...options, ...order }, model.planning);
  report({ kind: 'plan', program: 'train', ...figures });
}

/** Gives what is attached its tensors, in a scope of its own on the model. */
export async function hang(model: Model, method: Method, attached: Attached): Promise<OnModel> {
  const scope = newScope(model.scope);
  for (const t of attached.tensors) allocate(scope, t.home!);
  return { method, attached, scope };
}

/** Takes what hangs on a model off again: the model is its base (where that has not been trained itself). Of nothing made, nothing. */
export function removeAdapter(made: OnModel | null): void {
  if (!made) return;
  takeOff(made.attached);
  free(made.scope);
}

/** Trains what hangs on the model; leaves it trained on the device, and frees the rest. */
async function trainPhase(run: Run, on: OnModel, keeping?: Keeping): Promise<TrainResult> {
  const { model, order, options, report } = run;
  const phase = planTraining(model.decoder, on.attached, { ...options, sizes: order.sizes }, model.planning, order.evaluate);
  report({ kind: 'plan', program: 'train', bytes: phase.plan.bytes, trainable: trainableOf(on.attached), bound: false });
  const machine = await prepare(model.gpu, phase.plan, model.scope);
  try {
    const ran = await steps(run, on, phase, machine, keeping);
    model.moved ||= on.method.movesBase;
    on.attached.settle?.();
    return ran;
  } finally {
    dispose(machine);
  }
}

async function steps(run: Run, { method, attached }: OnModel, phase: Phase, machine: Machine, keeping?: Keeping) {
  const { model, held, order, report, signal } = run;
  const { memory } = model.gpu;
  const base = baseOf(model);
  const { trained } = attached;
  const restart = async () => {
    begin(memory, trained);
    write(memory, phase.state, new Uint8Array(phase.state.bytes));
    await attached.fill(base);
  };
  const tried = (n: number, lr: number, hear: Report, signal: AbortSignal) =>
    train(
      { ...loop(run, attached, phase, machine, lr), steps: n, lrAt: () => lr, ownLrAt: () => attached.ownRate ?? 0, signal },
      hear,
    );
  const rates = await rateOf(run, method, attached, { restart, steps: tried, phase, machine }, keeping?.rates ?? null);
  await restart();
  if (!rates) return { steps: 0, inputTokens: 0, seconds: 0 };
  const watch = held && order.evaluate && watcher(run, { rows: held, sizes: order.evaluate }, attached, phase, machine);
  const state = [...trained.flatMap((t) => [t.value, ...momentsOf(t)]), phase.state, ...movedOf(model, attached)];
  const { moved } = model;
  const layout = await layoutOf(trained);
  if (keeping?.from) {
    await resume(keeping, state, layout, attached, watch);
    await attached.refresh?.(base);
  }
  const trouble = troubleOf(run.options, keeping?.skips ?? { row: 0, all: 0 }, report);
  const standing = (step: number) => ({
    step,
    choice: method.choice ?? null,
    layout,
    moved,
    stopping: watch?.standing,
    skips: trouble.skips,
    rates: rates.tried,
  });
  const save = async (step: number) => keeping?.save(standing(step), state, watch?.best ?? new Map());
  report({ kind: 'start', phase: 'train', total: order.steps });
  const weigh = once((program) => report({ kind: 'memory', program, planned: phase.plan.bytes.total, allocated: memory.bytes }));
  const { told } = attached;
  const tell = run.options.meanwhile && told && meanwhile(() => told(base), trainableOf(attached), run.options.meanwhile);
  const ran = await train(
    { ...loop(run, attached, phase, machine, rates.lr), ...pauses(keeping, watch, save), heard: trouble.heard },
    (line) => {
      report(line);
      if (line.kind !== 'step') return;
      weigh('train');
      tell?.due();
    },
  ).finally(() => tell?.ended());
  const fault = trouble.fault();
  if (signal?.aborted || fault) await save(ran.steps);
  if (fault) await keeping?.written();
  if (fault) throw new Error(`${fault}${keeping ? ` The run is saved at step ${ran.steps}.` : ''}`);
  if (watch) {
    await watch.end(ran.steps);
    await attached.refresh?.(base);
    await keeping?.landed();
    weigh('eval');
  }
  return ran;
}

/** Of the loop, all that does not depend on how the run is kept. */
function loop(
  { model, rows, order, options: o, signal }: Run,
  { sorted, ownRate }: Attached,
  phase: Phase,
  machine: Machine,
  lr: number,
) {
  const rise = warmupSteps(o.lrWarmup, order.steps);
  const scheduled = (peak: number) => (t: number) => lrAt(t, order.steps, peak, o.schedule, rise);
  return {
    gpu: model.gpu,
    machine,
    phase,
    rows,
    batches: order.batches,
    steps: Math.min(order.steps, o.until ?? order.steps),
    lrAt: scheduled(lr),
    ownLrAt: ownRate === undefined ? undefined : scheduled(ownRate),
    sorted,
    padding: model.decoder.config.pad_token_id,
    hold: o.hold,
    signal,
  };
}

/** When the loop waits for its results, and what is done then. */
function pauses(keeping: Keeping | undefined, watch: Watcher | undefined, save: (step: number) => Promise<unknown>) {
  return {
    held: save,
    from: keeping?.from,
    ended: watch?.spent() ?? false,
    pausesAt: (step: number) => Boolean(watch?.due(step) || keeping?.due(step)),
    async after(step: number) {
      const going = watch?.due(step) ? await watch.evaluate(step) : true;
      if (keeping?.due(step)) await save(step);
      return going;
    },
  };
}

async function resume(
  keeping: Keeping,
  state: Tensor[],
  layout: string,
  { trained }: Attached,
  watch: Watcher | undefined,
): Promise<void> {
  const sizes = new Map(trained.map((t) => [t.name, t.value.shape.reduce((a, b) => a * b, 1)]));
  const best = await keeping.restore(state, sizes, layout);
  if (!watch || !keeping.stopping) return;
  watch.standing = keeping.stopping;
  watch.best = best;
}

/** The parameters themselves, where the base has moved and is no longer the files': all that do not train anyway. */
function movedOf({ moved, decoder }: Model, { trained }: Attached): Tensor[] {
  if (!moved) return [];
  const values = new Set(trained.map((t) => t.value));
  return parametersOf(decoder)
    .flatMap(tensorsOf)
    .filter((t) => !values.has(t));
}

/** Calls `f` once for each argument. */
function once(f: (name: string) => void): (name: string) => void {
  const called = new Set<string>();
  return (name) => {
    if (!called.has(name)) f(name);
    called.add(name);
  };
}
