// Memory by plan alone: SMT against the other methods at f32 on the shapes of a model of a billion parameters. Nothing is allocated.

import { planningOf } from '../../gpu/limits.ts';
import type { Bytes } from '../../gpu/plan.ts';
import { elementsOf } from '../../gpu/tensor.ts';
import { trainAll } from '../../methods/full.ts';
import { rescale, trainedFactors } from '../../methods/lora.ts';
import { trainedBlocks } from '../../methods/smt/blocks.ts';
import { blockCount, blockEdge, type Target } from '../../methods/smt/select.ts';
import { type Decoder, newDecoder, parametersOf } from '../../models/decoder.ts';
import type { Report } from '../../report.ts';
import { attach, boundSelection, matrixParameters, targetsOf } from '../../train/attach.ts';
import { rankedMatrices } from '../../train/lowrank.ts';
import { planTraining } from '../../train/plans.ts';
import { line } from './line.ts';
import { LLAMA_1B } from './model.ts';

/** WebGPU's default: what any adapter offers. */
const LIMITS = planningOf({ maxBinding: 128 << 20, maxBuffer: 256 << 20, software: false, subgroups: 0 });
const TOKENS = 512;

/** Planned bytes of a training step of one row of 512 tokens, as lines in MB whose ratio is SMT's total over full's. */
export function benchMemory(report: Report): void {
  const full = planned('full');
  const smt = planned('smt');
  const shape = `Llama-3.2-1B f32, 1 x ${TOKENS}`;
  report({ kind: 'plan', program: 'train (full)', bytes: full.bytes, trainable: full.trainable, bound: false });
  report({ kind: 'plan', program: 'train (smt)', bytes: smt.bytes, trainable: smt.trainable, bound: true });
  for (const method of ['lora', 'dora'] as const) {
    const { bytes, trainable } = planned(method);
    report({ kind: 'plan', program: `train (${method})`, bytes, trainable, bound: false });
    report(line(`memory smt/${method}`, shape, { ratio: smt.bytes.total / bytes.total }));
  }
  report(line('memory smt/full', shape, { ratio: smt.bytes.total / full.bytes.total }));
}

export function planned(method: 'smt' | 'full' | 'lora' | 'dora'): { bytes: Bytes; trainable: number } {
  const d = newDecoder(LLAMA_1B, TOKENS, () => 'f32', LIMITS.maxBinding);
  const targets = targetsOf(d, ['q_proj', 'k_proj', 'v_proj']);
  const edge = blockEdge(targets, 'auto');
  const count = blockCount({ kind: 'model', share: 0.0084 }, edge, targets, matrixParameters(d));
  const { trained, after } = whatTrains(d, method, targets, edge, count);
  const options = { betas: [0.9, 0.95] as const, eps: 1e-8, weightDecay: 0, clip: 1, recompute: false };
  const { plan } = planTraining(d, trained, { N: TOKENS, M: TOKENS - 1 }, options, LIMITS, undefined, { after });
  return { bytes: plan.bytes, trainable: trained.reduce((n, t) => n + elementsOf(t.value.shape), 0) };
}

/** With factors, the rank comes nearest to what the blocks train. */
function whatTrains(d: Decoder, method: Parameters<typeof planned>[0], targets: Target[], edge: number, count: number) {
  if (method === 'full') return { trained: trainAll(parametersOf(d)), after: undefined };
  if (method === 'smt')
    return { trained: trainedBlocks(attach({ decoder: d }, boundSelection(targets, edge, count), true), false) };
  const rank = Math.round((count * edge * edge) / targets.reduce((n, t) => n + t.rows + t.cols, 0));
  const ranking = { method, rank, alpha: rank, dropout: 0, seed: 0, targets: ['q_proj', 'k_proj', 'v_proj'] as const };
  const matrices = rankedMatrices(d, ranking, true);
  return { trained: trainedFactors(matrices), after: rescale(matrices) };
}
