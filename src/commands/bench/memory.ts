// Memory by plan alone: SMT against the other methods at f32 on the shapes of a model of a billion parameters. Nothing is allocated.

import { planningOf } from '../../gpu/limits.ts';
import { FULL, full } from '../../methods/full.ts';
import { methodNamed } from '../../methods/index.ts';
import type { Method } from '../../methods/method.ts';
import { SMT, smt } from '../../methods/smt/method.ts';
import { newDecoder } from '../../models/decoder.ts';
import { type Figures, trainingFigures } from '../../parts.ts';
import type { Report } from '../../report.ts';
import { methodIn, ofEqualSize } from './kinds.ts';
import { line } from './line.ts';
import { LLAMA_1B } from './model.ts';

/** WebGPU's default: what any adapter offers. */
const LIMITS = planningOf({ maxBinding: 128 << 20, maxBuffer: 256 << 20, software: false, subgroups: 0 });
const TOKENS = 512;

/** Planned bytes of a training step of one row of 512 tokens, as lines in MB whose ratio is SMT's total over the others'. */
export function benchMemory(report: Report): void {
  const shape = `Llama-3.2-1B f32, 1 x ${TOKENS}`;
  const tell = (name: string, method: Method) => {
    const figures = planned(method);
    report({ kind: 'plan', program: `train (${name})`, ...figures });
    return figures.bytes.total;
  };
  const all = tell(FULL.name, full());
  const sparse = tell(SMT.name, smt());
  for (const kind of ofEqualSize(LLAMA_1B, 'auto'))
    report(line(`memory ${SMT.name}/${kind.name}`, shape, { ratio: sparse / tell(kind.name, methodIn(kind)) }));
  report(line(`memory ${SMT.name}/${FULL.name}`, shape, { ratio: sparse / all }));
}

/** Planned bytes of a step on Llama-3.2-1B, by the method's own optimizer. */
export function planned(method: Method): Figures {
  const d = newDecoder(LLAMA_1B, TOKENS, () => 'f32', LIMITS.maxBinding);
  const sizes = { N: TOKENS, M: TOKENS - 1 };
  const [optimizer] = methodNamed(method.name).optimizers;
  const options = { optimizer, betas: [0.9, 0.95] as const, eps: 1e-8, weightDecay: 0, clip: 1, sizes, recompute: false };
  return trainingFigures(d, method, options, LIMITS);
}
