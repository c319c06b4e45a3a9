// What every part of a run is told: the model, its rows in their order, the options, and who listens.

import type { Row } from '../data/rows.ts';
import type { Report } from '../report.ts';
import type { Model } from './model.ts';
import type { RunOptions } from './options.ts';
import { orderRows, type RowOrder } from './order.ts';

/** What a run is made on. */
export interface Run {
  model: Model;
  rows: Row[];
  /** Held-out rows, for the loss during the run. */
  held?: Row[];
  order: RowOrder;
  options: RunOptions;
  /** Learning rates are tried first. */
  trial?: Trial | null;
  report: Report;
  signal?: AbortSignal;
}

/** Trials of learning rates: their steps, and the rows that judge. */
export interface Trial {
  steps: number;
  rows: Row[];
}

/** A run over rows, laid out by its options. */
export function newRun(
  model: Model,
  { rows, held }: { rows: Row[]; held?: Row[] },
  options: RunOptions,
  report: Report,
  signal?: AbortSignal,
): Run {
  return { model, rows, held, order: orderRows(rows, options, held), options, report, signal };
}
