// The learning rate of a run: given, by rule, or found by trial: from the same start, over the same rows, a few rates each take a few
// steps, and the one whose loss on rows that it has not seen is lowest trains. What trains is put back before each, so nothing of the
// trials stays.

import type { Row } from '../data/rows.ts';
import { scoreRows, sizesOf, summary } from '../eval/likelihood.ts';
import type { Machine } from '../gpu/run.ts';
import { type Attached, type Method, type Optimizer, type Rates, trainableOf } from '../methods/method.ts';
import type { Sizes } from '../ops/stream/stream.ts';
import type { Line, Report } from '../report.ts';
import { setting } from '../setting.ts';
import type { RunOptions } from './options.ts';
import type { Phase } from './plans.ts';
import type { Run, Trial } from './run.ts';
import type { TrainResult } from './step.ts';

/** What was tried, and the rate that was taken; a loss of null: the trial ended before, or its loss was not finite or had doubled. */
export type Tried = Omit<Extract<Line, { kind: 'rates' }>, 'kind'>;

/** Rates in a list, how far apart, and the share (0 to 1) of the targets at which it is around the method's own. */
const [COUNT, APART, SHARE] = [5, 3, 0.0086];
/** Rows that judge at most, and at least. */
const [MOST, LEAST] = [64, 8];
/** Of the run's steps those of a trial; at most, and at least. */
const [PART, LONGEST, SHORTEST] = [0.024, 10, 4];

/** What of a run decides on its trials. */
export type Tryable = Pick<Run, 'rows' | 'held' | 'order'> & { options: Pick<RunOptions, 'lr' | 'batch' | 'accumulate'> };

/**
 * The trials that a run begins with: where they are asked for (`lr` is auto), or where no rate is given and they are long enough to
 * tell. Null where the rate is given or goes by rule. Throws where they are asked for and there are no rows to judge by.
 */
export function trialOf({ rows, held, order, options: { lr, batch, accumulate } }: Tryable, { rates }: Method): Trial | null {
  if (typeof lr === 'number' || !rates) return null;
  const n = Math.min(LONGEST, Math.floor(PART * order.steps));
  if (lr === undefined && n < SHORTEST) return null;
  const steps = Math.max(SHORTEST, n);
  if (held) return { steps, rows: held.slice(0, MOST) };
  const after: Row[] = [];
  for (let t = steps; t < order.batches.steps_per_epoch && after.length < MOST; t++)
    after.push(...order.batches.step(t).flatMap((micro) => micro.map((i) => rows[i])));
  if (after.length >= LEAST) return { steps, rows: after.slice(0, MOST) };
  if (lr === undefined) return null;
  throw new Error(
    `expected at least ${LEAST} rows beyond the ${steps * batch * accumulate} that a trial of ${setting('lr')} auto trains on, to judge rates by, got ${after.length}. ` +
      `Give held-out rows by ${setting('eval')}, more data, or a rate by ${setting('lr')}.`,
  );
}

/** The largest evaluation that trials need. */
export const evaluationOf = (trial: Trial, batch: number) => sizesOf(trial.rows, batch);

/** The largest evaluation of a run: of the rows held out, else of those that judge its trials; undefined where it evaluates nothing. */
export function evaluationIn(run: Tryable, method: Method): Sizes | undefined {
  if (run.order.evaluate) return run.order.evaluate;
  const trial = trialOf(run, method);
  return trial ? evaluationOf(trial, run.options.batch) : undefined;
}

/** The peak rate: as given, as `known` from the run that this one goes on from, by trials now, or by rule. Null where it was stopped. */
export async function rateOf(
  run: Run,
  { rates }: Method,
  attached: Attached,
  trying: Trying,
  known: Tried | null,
): Promise<{ lr: number; tried: Tried | null } | null> {
  const { report, trial, options } = run;
  if (typeof options.lr === 'number') return { lr: options.lr, tried: null };
  if (!known && !trial) {
    const lr = round(rates!.fixed * lessFor(attached));
    const text = `learning rate ${lr} by rule, since ${setting('lr')} is not given: ${setting('lr')} auto finds one by trial`;
    report({ kind: 'note', text });
    return { lr, tried: null };
  }
  const tried = known ?? (await tryRates(run, trial!, ratesAround(rates!, options.optimizer ?? 'adamw', attached), trying));
  if (!tried) return null;
  report({ kind: 'rates', ...tried });
  return { lr: tried.lr, tried };
}

/** Five rates around the method's for an optimizer, smallest first. */
function ratesAround(rates: Rates, optimizer: Optimizer, attached: Attached): number[] {
  const centre = rates.centres[optimizer] * lessFor(attached);
  return Array.from({ length: COUNT }, (_, i) => round(centre * APART ** (i - (COUNT - 1) / 2)));
}

/** A rate is the method's own for SHARE of its matrices, and less the more of them trains. */
const lessFor = (attached: Attached) => Math.sqrt(SHARE / (trainableOf(attached) / attached.of));

/** To two digits: more say nothing. */
const round = (lr: number) => Number(lr.toPrecision(2));

/** What a trial is run by. */
export interface Trying {
  /** Puts everything back to the run's start. */
  restart(): Promise<void>;
  /** The run's loop over so many steps at one rate. */
  steps(n: number, lr: number, report: Report, signal: AbortSignal): Promise<TrainResult>;
  phase: Phase;
  machine: Machine;
}

/** Tries a list of rates, once more beyond an edge that is best, and takes the best; equal ones by the smaller. Null where it was stopped. */
export async function tryRates(run: Run, trial: Trial, list: number[], trying: Trying): Promise<Tried | null> {
  const { report, signal } = run;
  report({ kind: 'note', text: `trying ${list.length} learning rates, ${trial.steps} steps each: ${list.join(', ')}` });
  await trying.restart();
  const before = await judged(run, trial, trying);
  if (!Number.isFinite(before))
    throw new Error(
      `expected a finite loss of the ${trial.rows.length} rows that judge rates before any step, got ${before}: that is the rows' or the base model's, not a rate's. Check them, or give a rate by ${setting('lr')}.`,
    );
  const tried: Tried['tried'] = [];
  const best = () =>
    tried.reduce<Tried['tried'][number] | null>((b, x) => (x.loss !== null && (!b || x.loss < b.loss!) ? x : b), null);
  const attempt = async (lr: number) => {
    tried.push({ lr, loss: await lossAt(run, trial, lr, trying, before) });
    tried.sort((a, b) => a.lr - b.lr);
  };
  for (const lr of list) {
    if (signal?.aborted) return null;
    await attempt(lr);
  }
  const edge = best()?.lr;
  if (edge === undefined || edge === list[0]) await attempt(round(list[0] / APART));
  else if (edge === list.at(-1)) await attempt(round(edge * APART));
  if (signal?.aborted) return null;
  const found = best();
  if (!found)
    throw new Error(
      `expected a learning rate at which the loss stays finite and does not double, got none down to ${tried[0].lr}. ` +
        `Check the data and the base model, or give a smaller rate by ${setting('lr')}.`,
    );
  return { tried, lr: found.lr };
}

/**
 * The loss after a trial, on the rows that judge; null where it is not finite, or has doubled since `before`, or where the trial ended
 * as so many steps in a row, or all, were skipped. Losses of the steps are of few rows each, and tell nothing of one another.
 */
async function lossAt(run: Run, trial: Trial, lr: number, t: Trying, before: number): Promise<number | null> {
  const { signal } = run;
  await t.restart();
  const ended = new AbortController();
  const most = Math.min(trial.steps, run.options.maxSkips ?? trial.steps);
  let skips = 0; // in a row: a skipped step moves nothing
  const hear = (line: Line) => {
    if (line.kind !== 'step') return;
    skips = line.skipped ? skips + 1 : 0;
    if (skips >= most) ended.abort();
  };
  await t.steps(trial.steps, lr, hear, AbortSignal.any([ended.signal, ...(signal ? [signal] : [])]));
  if (ended.signal.aborted || signal?.aborted) return null;
  const loss = await judged(run, trial, t);
  return Number.isFinite(loss) && loss <= 2 * before ? loss : null;
}

/** The loss on the rows that judge, as what trains stands now. */
async function judged({ model, options }: Run, trial: Trial, { machine, phase }: Trying): Promise<number> {
  const likelihood = { machine, stream: phase.stream, sizes: evaluationOf(trial, options.batch) };
  return summary(await scoreRows(model.gpu, likelihood, trial.rows, options.batch)).loss;
}
