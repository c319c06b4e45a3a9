// The log-probability of every target of rows by a model as it stands: what two models are compared by, target by target.

import { pack } from '../data/pack.ts';
import type { Row } from '../data/rows.ts';
import { planLikelihood } from '../eval/likelihood.ts';
import { dispose, prepare, readback, replay } from '../gpu/run.ts';
import { feed } from '../models/inputs.ts';
import type { Model } from './model.ts';

/** Nats of every target of the rows, in order [M]. Its memory is freed again. */
export async function logprobsOf({ gpu, decoder, planning, scope }: Model, rows: Row[]): Promise<Float32Array> {
  const batch = pack(rows);
  const sizes = { N: batch.n, M: batch.m };
  const { plan, stream } = planLikelihood(decoder, sizes, planning);
  const machine = await prepare(gpu, plan, scope);
  try {
    feed(gpu.memory, stream, batch, sizes.N, sizes.M, false);
    replay(machine, 'eval', sizes);
    return (await readback(machine, 'eval')).slice(0, batch.m);
  } finally {
    dispose(machine);
  }
}
