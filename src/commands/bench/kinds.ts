// The steps that the bench compares, at equal numbers of trained parameters where methods are compared.

import { FULL, full } from '../../methods/full.ts';
import { METHODS } from '../../methods/index.ts';
import type { Method } from '../../methods/method.ts';
import { blockCount } from '../../methods/smt/budget.ts';
import { SMT, type SmtSettings, smt } from '../../methods/smt/method.ts';
import { matrixParameters, targetsOf } from '../../methods/targets.ts';
import type { DecoderConfig } from '../../models/config.ts';
import { type Decoder, newDecoder } from '../../models/decoder.ts';
import type { StepKind } from './step.ts';

const BLOCK = 32;
const QKV = ['q_proj', 'k_proj', 'v_proj'] as const;
/** Forward alone. */
export const forward: StepKind = { name: 'forward' };

/** SMT: 0.84 % of the model in blocks of 32, dealt out to q, k, v of every layer in turn: no matrix and no layer is spared. */
export const sparse: StepKind = { name: SMT.name, method: smt({ block: BLOCK }) };
/** The same, its blocks moved by Muon. */
export const orthogonal: StepKind = { ...sparse, name: `${SMT.name} by muon`, muon: 'strip' };
export const recompute: StepKind = { ...sparse, name: 'recompute', recompute: true };
/** The same at 0.1 and 5 % of the targets. */
export const little: StepKind = { name: `${SMT.name} little`, method: smt({ block: BLOCK, budget: '0.1%t' }) };
export const much: StepKind = { name: `${SMT.name} much`, method: smt({ block: BLOCK, budget: '5%t' }) };

/** Its warm-up by a score. */
export const warmupBy = (score: SmtSettings['score']): StepKind => ({
  name: score,
  method: smt({ block: BLOCK, score }),
  warmup: true,
});

export const everything: StepKind = { name: FULL.name, method: full() };

/** The other methods of a size of their own, each of the size that comes nearest to what SMT trains with blocks of this edge. */
export function ofEqualSize(config: DecoderConfig, block: number | 'auto' = BLOCK): StepKind[] {
  const d = newDecoder(config, 1, () => 'f32', 128 << 20);
  return METHODS.filter((m) => m.sized && m !== SMT).map(({ name, sized, make }) => {
    const fit = sized!(d, { targets: QKV, block }, parametersOf(d, block));
    if (typeof fit === 'string') throw new Error(`expected ${name} of about the same size, got none: ${fit}`);
    return { name, method: make({ targets: QKV, block, ...fit.options }) };
  });
}

/** Parameters that SMT trains by default. */
function parametersOf(d: Decoder, asked: number | 'auto'): number {
  const targets = targetsOf(d, QKV);
  const edge = asked === 'auto' ? 256 : asked;
  return blockCount({ kind: 'model', share: 0.0084 }, edge, targets, matrixParameters(d)) * edge * edge;
}

/** The method of a kind that trains. */
export const methodIn = ({ name, method }: StepKind): Method => {
  if (!method) throw new Error(`expected a step that trains, got ${name}`);
  return method;
};
