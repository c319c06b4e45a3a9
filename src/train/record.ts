// What a run tells of itself, kept figure by figure: all that tells it from another run. Plain JSON, kept with checkpoints too, so that
// the record of a run that was stopped and resumed is that of one that never was.

import * as v from 'valibot';
import type { Choices } from '../gpu/limits.ts';
import { whole } from '../io/schema.ts';
import type { BlockPlace, Line, Report } from '../report.ts';
import type { Identity } from './identity.ts';
import type { Tried } from './rates.ts';

/** A figure as the run told it; null where it was not finite. */
export type Figure = number | null;

/** Figures in the order in which they came; of `evals` and `guard` each with its step. */
export interface Curve {
  /** Loss of each warm-up step. */
  warmup: Figure[];
  /** Loss of each step before its update, and norm of its gradient; where one is null, the step was skipped. */
  loss: Figure[];
  grad_norm: Figure[];
  evals: [step: number, loss: Figure][];
  guard: [step: number, loss: Figure][];
}

/** What a run was of, by which kernels it was computed, and all that it told. */
export interface RunRecord {
  /** Reads all of the model, where no checkpoint has. */
  of: () => Promise<Identity>;
  kernels: Choices;
  curve: Curve;
  rates: Tried | null;
  /** The blocks that were chosen, best first. */
  blocks: BlockPlace[] | null;
}

/** Nothing told yet. */
export const newCurve = (): Curve => ({ warmup: [], loss: [], grad_norm: [], evals: [], guard: [] });

/** As it stands now: the run goes on telling into the first. */
export const copyOf = (curve: Curve): Curve => structuredClone(curve);

/** Passes a run's lines on and keeps what they tell, from where `curve` stands. */
export function recording(report: Report, curve: Curve = newCurve()) {
  const told: Pick<RunRecord, 'curve' | 'rates' | 'blocks'> = { curve, rates: null, blocks: null };
  return {
    told,
    report(line: Line) {
      keep(told, line);
      report(line);
    },
  };
}

function keep(told: Pick<RunRecord, 'curve' | 'rates' | 'blocks'>, line: Line): void {
  const { curve } = told;
  if (line.kind === 'warmup') curve.warmup.push(figure(line.loss));
  else if (line.kind === 'step') {
    curve.loss.push(figure(line.loss));
    curve.grad_norm.push(figure(line.grad_norm));
  } else if (line.kind === 'eval') {
    const list = line.guard === undefined ? curve.evals : curve.guard;
    // a run that goes on evaluates again what it had evaluated
    if (!list.some(([step]) => step === line.step)) list.push([line.step, figure(line.loss)]);
  } else if (line.kind === 'rates') told.rates = { tried: line.tried, lr: line.lr };
  else if (line.kind === 'selection')
    told.blocks = line.blocks.map(({ layer, module, row, col }) => ({ layer, module, row, col }));
}

const figure = (value: number): Figure => (Number.isFinite(value) ? value : null);

// --- as JSON from elsewhere -----------------------------------------------------------------------------------------------

const finite = v.pipe(v.number(), v.finite('expected a finite number'));
const figureIn = v.nullable(finite);
const told = v.array(v.tuple([whole(0), figureIn]));
const hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'expected a SHA-256 sum'));

/** Schemas of what receipts and checkpoints hold of a run. */
export const RECORDED = {
  hash,
  curve: v.object({
    warmup: v.array(figureIn),
    loss: v.array(figureIn),
    grad_norm: v.array(figureIn),
    evals: told,
    guard: told,
  }),
  rates: v.nullable(v.object({ tried: v.array(v.object({ lr: finite, loss: figureIn })), lr: finite })),
  kernels: v.record(v.string(), v.string()),
  settings: v.record(v.string(), v.union([v.string(), finite, v.boolean(), v.null()], 'expected a plain value')),
};
