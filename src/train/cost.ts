// What a step costs, counted from its plan, beside the least that it could: `blocktune plan --cost`. The definitions of both are docs/gpu.md.

import { planDecoding } from '../eval/decoding.ts';
import { countCost, dispatchesOf, sum } from '../gpu/cost.ts';
import type { Planning } from '../gpu/limits.ts';
import type { Part } from '../gpu/plan.ts';
import { expectedTime, idealMs, type Speed } from '../gpu/roofline.ts';
import type { Method } from '../methods/method.ts';
import { type Decoder, parametersOf } from '../models/decoder.ts';
import { tensorsOf, type Weight } from '../ops/stored/weight.ts';
import type { Sizes } from '../ops/stream/stream.ts';
import type { StepFigures } from '../report.ts';
import { type Phase, type PlanOptions, withTraining, withWarmup } from './plans.ts';

/** A training step by a method: one micro-batch and its update. The decoder must be one that nothing hangs on; it is left so. */
export function trainingCost(d: Decoder, method: Method, o: PlanOptions, planning: Planning, speed?: Speed): StepFigures {
  return withTraining(d, method, o, planning, (phase, trainable) => {
    const trained = method.trainsWithin ? 0 : TRAINED_BYTES * trainable;
    return stepCost(d, phase, trained, speed);
  });
}

/** A step of what a method chooses by; null where it reads no data for that. */
export function warmupCost(d: Decoder, method: Method, o: PlanOptions, planning: Planning, speed?: Speed): StepFigures | null {
  return withWarmup(d, method, o, planning, (phase, trainable) => stepCost(d, phase, TRAINED_BYTES * trainable, speed));
}

/** Of each value that trains: its gradient written, read for the norm and by AdamW; value and two moments, in place and so counted once. */
const TRAINED_BYTES = 4 * (3 + 1 + 2);

function stepCost(d: Decoder, { plan, sizes }: Phase, trained: number, speed?: Speed): StepFigures {
  const micro = (plan.parts.get('train') ?? plan.parts.get('warmup'))!;
  const update = plan.parts.get('update');
  return figures(d, update ? [micro, update] : [micro], leastBytes(d, sizes) + trained, speed);
}

/** One token more of the model after so many, in a cache that has room for them. */
export function decodeCost(d: Decoder, tokens: number, planning: Planning, speed?: Speed): StepFigures {
  const decode = planDecoding(d, tokens, planning).plan.parts.get('decode')!;
  const matrices = new Set([...d.layers.flatMap((l) => Object.values(l.matrices)), d.head]);
  const stored = sum([...matrices], bytesOf);
  const { n_layers, n_kv_heads, head_dim } = d.config;
  return figures(d, [decode], stored + 2 * 4 * tokens * n_layers * n_kv_heads * head_dim, speed);
}

/** Figures of parts that run one after the other, the micro-batch first. */
function figures(d: Decoder, parts: Part[], bytes_needed: number, speed?: Speed): StepFigures {
  const counted = countCost(parts);
  const cost = { ...counted, bytes_needed, head_visits: headVisits(d, parts[0]) };
  if (!speed) return cost;
  const expected = expectedTime(parts.flatMap(dispatchesOf), counted.dispatches, speed);
  return { ...cost, expected: { ...expected, ideal_ms: idealMs(counted.flops_needed, bytes_needed, speed) } };
}

const bytesOf = (w: Weight) => sum(tensorsOf(w), (t) => t.bytes);

/**
 * The least bytes of a micro-batch: every matrix read in the forward and in the backward; a layer's activations, of N tokens; the
 * logits of M targets written, read and written by the loss, and read.
 */
function leastBytes(d: Decoder, { N, M }: Sizes): number {
  const { hidden_size: D, intermediate_size: F, n_layers: L, n_heads, n_kv_heads, head_dim, vocab_size: V } = d.config;
  const matrices = sum(parametersOf(d), (w) => ('windows' in w ? bytesOf(w) : 0));
  const activations = 4 * N * L * (23 * D + 14 * F + 16 * n_heads * head_dim + 16 * n_kv_heads * head_dim);
  return 2 * matrices + activations + 16 * M * V;
}

/** Lookups in an embedding that is the head as well are no visits of it. */
function headVisits(d: Decoder, micro: Part): number {
  const head = tensorsOf(d.head);
  const read = (e: ReturnType<typeof dispatchesOf>[number]) =>
    e.reads ?? sum([...new Set(e.bind)], (t) => (head.includes(t) ? t.bytes : 0));
  const visits = dispatchesOf(micro).filter((e) => e.bind.some((t) => head.includes(t)));
  return sum(visits, read) / sum(head, (t) => t.bytes);
}
