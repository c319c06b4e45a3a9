// The programs of a run compiled before it is started, so that its first step need not wait for them. Nothing is allocated or run.

import { compileAll } from '../gpu/run.ts';
import type { Model } from './model.ts';
import { type Phase, withTraining, withWarmup } from './plans.ts';
import { prepareRun, type TuneData, type TuneOptions } from './tune.ts';

/** Begins to compile what a run of these settings will run on this model, which nothing may hang on. A failure is told by the run itself. */
export async function compileAhead(model: Model, data: TuneData, o: TuneOptions): Promise<void> {
  const { options, order } = await prepareRun(model, data, o, () => {});
  const { gpu, decoder, planning } = model;
  const compile = ({ plan }: Phase) => void compileAll(gpu, plan).catch(() => {});
  withWarmup(decoder, o.method, { ...options, ...order }, planning, compile);
  withTraining(decoder, o.method, { ...options, ...order }, planning, compile);
}
