// What two models are compared by: the log-probability of every target of rows, or all logits of a row, by a model as it stands.

import { pack } from '../data/pack.ts';
import type { Row } from '../data/rows.ts';
import { logits } from '../eval/decoding.ts';
import { planLikelihood } from '../eval/likelihood.ts';
import { plan as planOf } from '../gpu/plan.ts';
import { type Build, copy } from '../gpu/program.ts';
import { dispose, prepare, readback, replay } from '../gpu/run.ts';
import { resident } from '../gpu/tensor.ts';
import { hiddenStates } from '../models/decoder.ts';
import { feed } from '../models/inputs.ts';
import { newStream } from '../ops/stream/stream.ts';
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

/** Logits after every token of a row [T, V]. Its memory is freed again. */
export async function logitsOf({ gpu, decoder, planning, scope }: Model, row: Row): Promise<Float32Array> {
  const batch = pack([row]);
  const sizes = { N: batch.n, M: batch.m };
  const stream = newStream(sizes.N, sizes.M);
  const out = resident('logits', [sizes.N, decoder.config.vocab_size], 'other');
  const build: Build = (p) => copy(p, logits(p, decoder, hiddenStates(p, decoder, stream)), out);
  const machine = await prepare(gpu, planOf([{ name: 'eval', build, dims: sizes, readback: out }], planning), scope);
  try {
    feed(gpu.memory, stream, batch, sizes.N, sizes.M, false);
    replay(machine, 'eval', sizes);
    return (await readback(machine, 'eval')).slice(0, row.ids.length * decoder.config.vocab_size);
  } finally {
    dispose(machine);
  }
}
